"""What every GAN promises, whichever it is. A new recipe is one more row of the table."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, counting, growing, headed, mlp, styled

import jaxgan
from jaxgan import (
    Batch,
    augment,
    distortions,
    latents,
    losses,
    masks,
    nets,
    penalties,
    recipes,
    regularizers,
)
from jaxgan.models import mlp as dense

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
RNG = np.random.default_rng(0)
STEPS = 3
SIZE = 8
X = RNG.normal(size=(STEPS, SIZE, 2, 2, 1)).astype(np.float32)  # small images [B, H, W, C]
LABELS = RNG.integers(0, 3, (STEPS, SIZE)).astype(np.int32)
UNLABELED, LABELLED = Batch(X), Batch(X, LABELS)
TEXTS = Batch(X, RNG.integers(-1, 3, (STEPS, SIZE, 4)).astype(np.int32))
FEW_LABELS = Batch(X, np.where(np.arange(SIZE) % 2, LABELS, -1).astype(np.int32))
PAIRS = Batch(X, RNG.normal(size=X.shape).astype(np.float32))
HALVED = Batch(X, X[:, :, :1, :1])
HOLES = np.stack([recipes.masked(x, masks.center()(jax.random.key(0), *x.shape[:3])) for x in X])

gan = partial(
    recipes.gan,
    counting(mlp(2, 2, 1)),
    counting(mlp()),
    latent=latents.normal(2),
    g_optimizer=optax.sgd(0.1),
    d_optimizer=optax.sgd(0.1),
)

optimizers = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
players = {"latent": latents.normal(2), **optimizers}


def of_pairs(network):
    """A network of two examples, from one of a single one."""

    def apply(params, state, key, a, b, *, train):
        logits, state = network.apply(params, state, key, jnp.concatenate([a, b]), train=train)
        return tuple(jnp.split(logits, 2)), state

    return jaxgan.Network(lambda key, a, b: network.init(key, a), apply)


# Of each GAN: how to make it, [STEPS, ...] batches for it, and where they are not the batches' y,
# what its samples are drawn for.
TABLE = {
    "gan": (partial(gan, loss=losses.minimax()), UNLABELED),
    "smoothed": (
        partial(
            gan,
            loss=losses.non_saturating(label_smoothing=0.1),
            g_optimizer=optax.adam(1e-3),
            d_optimizer=optax.adam(1e-3),
        ),
        UNLABELED,
    ),
    "conditional": (
        partial(gan, conditional=True, ema_decay=0.9, penalty=penalties.r2()),
        LABELLED,
    ),
    "conditional_one_batch": (
        partial(gan, loss=losses.least_squares(), conditional=True, one_batch=True),
        LABELLED,
    ),
    "labels_ignored": (partial(gan, penalty=penalties.dragan()), LABELLED),
    "spectral_norm": (
        partial(
            recipes.gan,
            mlp(2, 2, 1),
            nets.spectral_norm(counting(mlp())),
            latent=latents.uniform(2),
            g_optimizer=optax.sgd(0.1),
            d_optimizer=optax.sgd(0.1),
            loss=losses.hinge(),
            d_steps=2,
        ),
        UNLABELED,
    ),
    "wgan": (
        partial(
            gan,
            loss=losses.wasserstein(),
            d_optimizer=optax.chain(optax.rmsprop(5e-5), penalties.clip_weights(0.01)),
            d_steps=4,
        ),
        UNLABELED,
    ),
    "approximate_r1_r2": (
        partial(
            gan,
            loss=losses.relativistic_paired(),
            conditional=True,
            penalty=penalties.approximate_r1_r2(),
        ),
        LABELLED,
    ),
    "wgan_gp": (
        partial(
            gan, loss=losses.wasserstein(), penalty=penalties.gradient_penalty(), one_batch=True
        ),
        UNLABELED,
    ),
    "r3gan": (
        partial(
            recipes.r3gan,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            recipes.R3GAN_SETTINGS["stacked_mnist"]._replace(burn_in=2 * SIZE, batch_size=SIZE),
            conditional=True,
        ),
        LABELLED,
    ),
    "gat": (
        partial(
            recipes.gat,
            counting(mlp(4, 2, 2, 1)),
            counting(mlp()),
            **players,
            augment=augment.differentiable(),
            conditional=True,
        ),
        LABELLED,
    ),
    "packed": (
        partial(
            gan,
            loss=losses.relativistic_paired(),
            penalty=penalties.r1(),
            penalty_every=2,
            packing=2,
            fake_gradient_norm=1.0,
            one_batch=True,
        ),
        UNLABELED,
    ),
    "san": (
        partial(
            recipes.gan,
            mlp(2, 2, 1),
            nets.from_linen(dense.Discriminator(widths=(8,), last="san")),
            **players,
            loss=losses.hinge(),
            penalty=penalties.r1(),
            one_batch=True,
            packing=2,
            d_term=recipes.slicing,
        ),
        UNLABELED,
    ),
    "bgan": (
        partial(gan, loss=losses.boundary_seeking(), ema_decay=lambda step: 0.5 + 0.1 * step),
        UNLABELED,
    ),
    "diffaugment": (
        partial(
            gan,
            augment=augment.differentiable(),
            penalty=penalties.consistency(augment.differentiable(("translation",))),
            one_batch=True,
        ),
        UNLABELED,
    ),
    "augmented_in_pairs": (
        partial(
            gan,
            loss=losses.relativistic_paired(),
            augment=augment.scheduled(0.5, distortions.pipeline(geometry=0.0)),
            augment_pairs=True,
            one_batch=True,
        ),
        UNLABELED,
    ),
    "ada_lecam": (
        partial(
            gan,
            augment=augment.adaptive(
                distortions.pipeline(geometry=0.0), batch_size=SIZE, images=4 * SIZE, initial=0.5
            ),
            regularizer=regularizers.combine(
                (regularizers.lecam(), 0.3), (regularizers.centering(), 0.01)
            ),
            d_optimizer=optax.chain(regularizers.orthogonal(), optax.sgd(0.1)),
        ),
        UNLABELED,
    ),
    "progressive": (
        partial(
            recipes.progressive,
            *growing((1, 2)),
            growth=recipes.Growth((1, 2), fade_steps=1, stable_steps=1),
            latent=latents.normal(3),
            g_optimizer=optax.adam(1e-2, b1=0.0),
            d_optimizer=optax.adam(1e-2, b1=0.0),
            ema_decay=0.9,
            d_steps=2,
        ),
        UNLABELED,
    ),
    "stylegan2": (
        partial(
            recipes.stylegan2,
            styled(mlp(2, 2, 1)),
            counting(mlp()),
            latent=latents.normal(2),
            layers=1,
            g_optimizer=optax.adam(1e-2, b1=0.0),
            d_optimizer=optax.adam(1e-2, b1=0.0),
            penalty_every=2,
            path_every=2,
            ema_decay=0.9,
        ),
        UNLABELED,
    ),
    "relativistic_average": (
        partial(
            gan,
            loss=losses.relativistic_average(),
            penalty=penalties.r1(),
            penalty_every=2,
            ema_decay=0.99,
        ),
        UNLABELED,
    ),
    "acgan": (
        partial(
            recipes.acgan,
            counting(mlp(2, 2, 1)),
            headed(counting(mlp()), mlp(3)),
            **players,
            ema_decay=0.9,
            d_steps=2,
        ),
        LABELLED,
    ),
    "infogan": (
        partial(
            recipes.infogan,
            counting(mlp(2, 2, 1)),
            headed(counting(mlp()), mlp(7)),
            codes=recipes.Codes((3,), 2),
            **players,
            ema_decay=0.9,
        ),
        UNLABELED,
    ),
    "sgan": (
        partial(
            recipes.sgan,
            counting(mlp(2, 2, 1)),
            headed(mlp(3), counting(mlp(4))),
            **players,
            feature_matching=True,
        ),
        FEW_LABELS,
    ),
    "cogan": (
        partial(
            recipes.cogan,
            headed(counting(mlp(2, 2, 1)), mlp(2, 2, 1)),
            of_pairs(counting(mlp())),
            **players,
            ema_decay=0.9,
        ),
        PAIRS,
    ),
    "bigan": (
        partial(
            recipes.bigan,
            counting(mlp(2, 2, 1)),
            counting(mlp(2)),
            counting(mlp()),
            **players,
            loss=losses.least_squares(),
            penalty=penalties.gradient_penalty(),
            ema_decay=0.9,
        ),
        UNLABELED,
    ),
    "ali": (
        partial(
            recipes.bigan,
            counting(mlp(2, 2, 1)),
            counting(mlp(4)),
            counting(mlp()),
            **players,
            stochastic=True,
            d_steps=2,
        ),
        UNLABELED,
    ),
    "aae": (
        partial(
            recipes.aae,
            counting(mlp(2)),
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            **players,
            ema_decay=0.9,
        ),
        LABELLED,
    ),
    "text_to_image": (
        partial(
            recipes.text_to_image,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            **players,
            encoder=lambda y: jnp.mean(1.0 * y, axis=1),
            loss=losses.relativistic_paired(),
            ema_decay=0.9,
        ),
        TEXTS,
    ),
    "pix2pix": (
        partial(
            recipes.pix2pix,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            **optimizers,
            content_weight=1.0,
            penalty=penalties.r1(),
            ema_decay=0.9,
        ),
        PAIRS,
    ),
    "cyclegan": (
        partial(
            recipes.cyclegan,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            g_optimizer=optax.sgd(0.01),
            d_optimizer=optax.sgd(0.1),
            pool_size=5,
            ema_decay=0.9,
        ),
        PAIRS,
    ),
    "discogan": (
        partial(
            recipes.cyclegan,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            g_optimizer=optax.adam(1e-2),
            d_optimizer=optax.adam(1e-2),
            d_steps=2,
            **recipes.CYCLEGAN_SETTINGS["discogan"],
        ),
        PAIRS,
    ),
    "context_encoder": (
        partial(
            recipes.context_encoder,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            mask=masks.random_box(),
            **optimizers,
            ema_decay=0.9,
        ),
        UNLABELED,
        HOLES,
    ),
    "ccgan": (
        partial(
            recipes.ccgan,
            counting(mlp(2, 2, 1)),
            headed(counting(mlp()), mlp(3)),
            mask=masks.random_blocks(2, 0.5),
            class_wise=True,
            **optimizers,
        ),
        FEW_LABELS,
        (HOLES, LABELS),
    ),
    "srgan": (
        partial(
            recipes.srgan,
            counting(mlp(2, 2, 1)),
            counting(mlp()),
            features=jnp.abs,
            content_weight=10.0,
            **optimizers,
        ),
        HALVED,
    ),
}
# Settings of recipes that have another row.
VARIANTS = {
    "smoothed",
    "conditional_one_batch",
    "labels_ignored",
    "bgan",
    "packed",
    "san",
    "relativistic_average",
    "ali",
    "discogan",
}
each_gan = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in VARIANTS)) for name in TABLE],
)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@cache
def ran(name):
    """The state at first, one step of either player from there, and a scan; compiled as one."""
    made = TABLE[name][0]()

    def everything(key, batches):
        batch = jax.tree.map(lambda leaf: leaf[0], batches)
        start = made.init(key, batch)
        return {
            "start": start,
            "d_step": made.d_step(start, batch),
            "g_step": made.g_step(start, batch),
            "train_steps": jaxgan.scan(made).train_step(start, batches),
        }

    return jax.jit(everything)(KEY, TABLE[name][1])


def kinds(tree):
    leaves, structure = jax.tree.flatten(tree)
    # A type that is only weak at first would make the second step compile again.
    return structure, [
        (leaf.shape, leaf.dtype, getattr(leaf, "weak_type", None)) for leaf in leaves
    ]


def arrays(tree):
    def plain(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return [plain(leaf) for leaf in jax.tree.leaves(tree)]


def same_bits(left, right):
    return all((a == b).all() for a, b in zip(arrays(left), arrays(right), strict=True))


@each_gan
def test_a_step_keeps_the_tree_shapes_and_dtypes_of_the_state(name):
    results = ran(name)
    for step in ("d_step", "g_step", "train_steps"):
        state, _ = results[step]
        assert kinds(state) == kinds(results["start"])


@each_gan
def test_a_step_writes_its_own_player_only(name):
    old, (after_d, _), (after_g, _) = (ran(name)[step] for step in ("start", "d_step", "g_step"))
    assert same_bits((after_d.g, after_d.ema, after_d.key), (old.g, old.ema, old.key))
    assert same_bits((after_g.d, after_g.key), (old.d, old.key))
    assert not same_bits(after_d.d.params, old.d.params)
    assert not same_bits(after_g.g.params, old.g.params)


@each_gan
def test_metrics_are_scalars_named_after_their_player(name):
    (_, d_metrics), (_, g_metrics), (_, metrics) = (
        ran(name)[step] for step in ("d_step", "g_step", "train_steps")
    )
    assert "d_loss" in d_metrics
    assert "g_loss" in g_metrics
    assert all(key.startswith("d_") for key in d_metrics)
    assert all(key.startswith("g_") for key in g_metrics)
    assert all(value.shape == () for value in (d_metrics | g_metrics).values())
    assert set(metrics) == set(d_metrics) | set(g_metrics)


@each_gan
def test_scanned_steps_stay_finite_and_keep_learning(name):
    (first, _), (state, metrics) = ran(name)["g_step"], ran(name)["train_steps"]
    assert all(value.shape == (STEPS,) for value in metrics.values())
    for leaf in arrays((state, metrics)):
        assert np.isfinite(leaf).all()
    assert state.g.step == STEPS
    assert state.d.step % STEPS == 0
    assert state.d.step >= STEPS
    assert not same_bits(state.g.params, first.g.params)
    assert not same_bits(state.d.params, first.d.params)


@each_gan
def test_vmap_and_sampling_give_the_shapes_they_promise(name):
    made, batches, *asked = TABLE[name][0](), *TABLE[name][1:]
    batch = jax.tree.map(lambda leaf: leaf[0], batches)

    def seeds(keys):
        state = jax.vmap(made.init, in_axes=(0, None))(keys, batch)
        return jax.vmap(jaxgan.scan(made).train_step, in_axes=(0, None))(state, batches)

    state, metrics = jax.eval_shape(seeds, jax.random.split(KEY, 2))
    one = ran(name)["start"]
    assert jax.tree.structure(state) == jax.tree.structure(one)
    for many, leaf in zip(jax.tree.leaves(state), jax.tree.leaves(one), strict=True):
        assert (many.shape, many.dtype) == ((2, *leaf.shape), leaf.dtype)
    assert metrics["g_loss"].shape == (2, STEPS)
    y = jax.tree.map(lambda leaf: leaf[0, :5], asked[0] if asked else batches.y)
    samples = jax.eval_shape(lambda s: made.sample(s, KEY, 5, y), one)
    assert {leaf.shape for leaf in jax.tree.leaves(samples)} == {(5, *X.shape[2:])}


@each_gan
def test_a_step_over_several_devices_gives_the_state_back(name):
    gan, batches = jaxgan.pmap(TABLE[name][0]()), TABLE[name][1]
    batch = jax.tree.map(  # as much for each device as there was for one
        lambda leaf: jax.ShapeDtypeStruct((jax.device_count() * SIZE, *leaf.shape[2:]), leaf.dtype),
        batches,
    )
    start = jax.eval_shape(gan.init, KEY, batch)
    state, metrics = jax.eval_shape(gan.train_step, start, batch)
    assert kinds(state) == kinds(start)
    assert set(metrics) == set(ran(name)["train_steps"][1])
