import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, augment, latents, losses, penalties, recipes, regularizers

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, OTHER = RNG.normal(size=(2, 6, 2, 2, 1)).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize("one_sided", [True, False])
def test_lecam_draws_logits_to_the_running_mean_of_the_other_side(one_sided):
    decay = 0.8
    lecam = regularizers.lecam(decay=decay, one_sided=one_sided)
    apply = jax.jit(
        jax.value_and_grad(lambda logits, *rest: _total(lecam, logits, *rest), has_aux=True)
    )
    state, expected, wrong = lecam.init(), {}, 0
    for step in range(4):
        real, fake = RNG.normal((1, -1), size=(5, 3, 2)).astype(np.float32).transpose(2, 0, 1)
        for name, logits in (("real", real), ("fake", fake)):
            before = expected.get(name, logits.mean())
            expected[name] = decay * before + (1 - decay) * logits.mean()
        (_, (per_example, state)), gradients = apply((real, fake), state, jnp.int32(step))
        to_fake, to_real = real - expected["fake"], expected["real"] - fake
        if one_sided:
            wrong += int((to_fake < 0).sum() + (to_real < 0).sum())
            to_fake, to_real = np.maximum(to_fake, 0), np.maximum(to_real, 0)
        np.testing.assert_allclose(per_example, to_fake**2 + to_real**2, rtol=1e-5)
        # As if the means were constants: no gradient goes into them.
        np.testing.assert_allclose(gradients[0], 2 * to_fake, rtol=1e-4)
        np.testing.assert_allclose(gradients[1], -2 * to_real, rtol=1e-4)
        assert state.keys() == expected.keys()
        for name, mean in expected.items():
            np.testing.assert_allclose(state[name], mean, rtol=1e-5)
    assert wrong > 0 or not one_sided  # there are logits on the wrong side, which pay nothing


def _total(lecam, logits, state, step):
    per_example, state = lecam.apply(state, *logits, step)
    return jnp.sum(per_example), (per_example, state)


def train_d(x, fake, *, steps, **settings):
    """D trained against pictures that stay as they are, and its metrics."""
    settings = {"d_optimizer": optax.adam(0.02)} | settings
    constant = jaxgan.nets.stateless(lambda key, z: jnp.zeros(()), lambda p, z: fake + 0 * p)
    gan = jaxgan.scan(
        recipes.gan(
            constant,
            mlp(width=16),
            latent=latents.normal(1),
            g_optimizer=optax.sgd(0.0),
            **settings,
        )
    )

    @jax.jit
    def run(x):
        state = gan.init(KEY, Batch(x))
        return gan.d_step(state, Batch(jnp.broadcast_to(x, (steps, *x.shape))))

    return run(x)


def test_with_lecam_d_stays_unsure_of_what_it_can_tell_apart():
    gaps = {}
    for name, regularizer in (("lecam", regularizers.lecam()), ("nothing", None)):
        _, metrics = train_d(X, OTHER, steps=200, regularizer=regularizer)
        gaps[name] = float(metrics["d_logit_gap"][-1])
    assert gaps["nothing"] > 5
    assert 0 < gaps["lecam"] < 2


def test_centering_draws_the_middle_of_the_logits_to_0_and_not_their_difference():
    centering = regularizers.centering()
    real, fake = RNG.normal((5, 3), size=(4, 3, 2)).astype(np.float32).transpose(2, 0, 1)

    def total(logits):
        return jnp.sum(centering.apply(centering.init(), *logits, jnp.int32(0))[0])

    value, (of_real, of_fake) = jax.value_and_grad(total)((real, fake))
    np.testing.assert_allclose(value, ((real + fake) ** 2).sum(), rtol=1e-5)
    np.testing.assert_allclose(of_real, 2 * (real + fake), rtol=1e-5)
    np.testing.assert_array_equal(of_real, of_fake)


def test_with_centering_the_logits_of_a_relativistic_d_come_back_to_0():
    level = {}
    biased = jaxgan.nets.stateless(
        lambda key, x: (jnp.zeros(4), jnp.float32(5)),
        lambda params, x: x.reshape(len(x), -1) @ params[0] + params[1],
    )
    constant = jaxgan.nets.stateless(lambda key, z: jnp.zeros(()), lambda p, z: OTHER + 0 * p)
    for name, regularizer in (("centered", regularizers.centering()), ("nothing", None)):
        gan = recipes.gan(
            constant,
            biased,
            latent=latents.normal(1),
            loss=losses.relativistic_paired(),
            regularizer=regularizer,
            regularizer_weight=0.1,
            g_optimizer=optax.sgd(0.0),
            d_optimizer=optax.sgd(0.1),
        )
        batches = Batch(jnp.broadcast_to(X, (100, *X.shape)))
        state, _ = jax.jit(jaxgan.scan(gan).d_step)(gan.init(KEY, Batch(X)), batches)
        logits, _ = biased.apply(state.d.params, (), KEY, jnp.concatenate([X, OTHER]), train=True)
        level[name] = abs(float(jnp.mean(logits)))
    assert level["centered"] < 0.5
    assert level["nothing"] > 3


def test_combined_regularizers_are_their_weighted_sum_with_memories_of_their_own():
    parts = (regularizers.lecam(decay=0.5), 0.3), (regularizers.centering(), 2.0)
    both = regularizers.combine(*parts)
    state, states = both.init(), [part.init() for part, _ in parts]
    for step in range(2):
        real, fake = RNG.normal(size=(2, 5)).astype(np.float32)
        value, state = both.apply(state, real, fake, jnp.int32(step))
        expected = 0.0
        for i, (part, weight) in enumerate(parts):
            one, states[i] = part.apply(states[i], real, fake, jnp.int32(step))
            expected += weight * one
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert jax.tree.all(jax.tree.map(np.allclose, state, tuple(states)))


def flip(key, x):
    """Left to right; in half of the pictures, as chance has it."""
    chosen = jax.random.bernoulli(key, shape=(len(x), 1, 1, 1))
    return jnp.where(chosen, x[:, :, ::-1], x)


def slope(x):
    """How much darker the left is: what flipping negates."""
    return jnp.sum(x[:, :, 1] - x[:, :, 0], axis=(1, 2))


@pytest.mark.parametrize("fake_weight", [0.0, 0.5])
def test_consistency_is_the_squared_change_of_the_logit(fake_weight):
    penalty = penalties.consistency(lambda key, x: x[:, :, ::-1], fake_weight=fake_weight)
    value = jax.jit(lambda: penalty(slope, X, OTHER, KEY))()
    expected = (2 * slope(X)) ** 2 + fake_weight * (2 * slope(OTHER)) ** 2
    np.testing.assert_allclose(value, expected, rtol=1e-5)

    def patches(x):  # logits [B, H]
        return x[:, :, 1, 0] - x[:, :, 0, 0]

    value = jax.jit(lambda: penalty(patches, X, OTHER, KEY))()
    expected = np.mean((2 * patches(X)) ** 2, axis=1)
    expected += fake_weight * np.mean((2 * patches(OTHER)) ** 2, axis=1)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_a_critic_that_the_changes_do_not_touch_pays_nothing():
    def even(x):
        return jnp.sum(x[:, :, 0] * x[:, :, 1], axis=(1, 2))

    x = RNG.normal(size=(64, 2, 2, 1)).astype(np.float32)
    for change in (flip, augment.Augmentation(lambda: (), lambda state, key, x: flip(key, x), max)):
        penalty = penalties.consistency(change, fake_weight=1.0)
        value = jax.jit(
            lambda penalty=penalty: jnp.stack([penalty(f, x, x, KEY) for f in (even, slope)])
        )()
        np.testing.assert_allclose(value[0], 0, atol=1e-10)
        assert np.mean(value[1]) > 1


def test_with_consistency_d_learns_to_overlook_the_changes():
    x = RNG.normal(size=(32, 2, 2, 1)).astype(np.float32)
    fake = x[:, :, ::-1] + 0.5  # darker, and the other way round
    sensitivity, accuracy = {}, {}
    for name, penalty in (
        ("consistent", penalties.consistency(flip, fake_weight=1.0)),
        ("nothing", None),
    ):
        state, metrics = train_d(x, fake, steps=300, penalty=penalty)
        logits = [
            mlp().apply(state.d.params, (), KEY, v, train=True)[0] for v in (x, x[:, :, ::-1])
        ]
        sensitivity[name] = np.mean((logits[0] - logits[1]) ** 2) / np.var(logits[0])
        accuracy[name] = float(np.mean(metrics["d_accuracy_real"][-20:]))
    assert sensitivity["consistent"] < 0.2 * sensitivity["nothing"]
    assert accuracy["consistent"] > 0.6


def test_combined_penalties_are_their_weighted_sum_with_keys_of_their_own():
    def noise(critic, real, fake, key):
        return jax.random.normal(key, (len(real),))

    both = penalties.combine((penalties.r1(), 3.0), (penalties.r2(), 0.5))
    critic = lambda x: jnp.sum(x**2, axis=(1, 2, 3)) / 2  # noqa: E731
    value = jax.jit(lambda: both(critic, X, OTHER, KEY))()
    expected = 3 * (X**2).sum((1, 2, 3)) / 2 + 0.5 * (OTHER**2).sum((1, 2, 3)) / 2
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    difference = penalties.combine((noise, 1.0), (noise, -1.0))(critic, X, OTHER, KEY)
    assert (difference != 0).all()


PARAMS = {
    "dense": {"kernel": RNG.normal(size=(3, 4)), "bias": RNG.normal(size=4)},
    "conv": {"kernel": RNG.normal(size=(2, 2, 3, 5))},
    "labels": {"embedding": RNG.normal(size=(10, 4))},
}


def overlap(kernels):
    """The sum of squared products of two different filters, one pair after the other."""
    total = 0.0
    for kernel in kernels:
        filters = kernel.reshape(-1, kernel.shape[-1]).T
        for i in range(len(filters)):
            for j in range(len(filters)):
                if i != j:
                    total += jnp.sum(filters[i] * filters[j]) ** 2
    return total


def test_orthogonal_adds_half_the_gradient_of_the_products_of_different_filters():
    strength = 0.3
    kernels = [PARAMS["dense"]["kernel"], PARAMS["conv"]["kernel"]]
    gradients = jax.tree.map(lambda p: RNG.normal(size=p.shape), PARAMS)
    with jax.enable_x64(True):
        transform = regularizers.orthogonal(strength)
        updates, _ = transform.update(gradients, transform.init(PARAMS), PARAMS)
        dense, conv = map(np.asarray, jax.jit(jax.grad(overlap))(kernels))
    added = jax.tree.map(lambda new, old: np.asarray(new) - old, updates, gradients)
    np.testing.assert_allclose(added["dense"]["kernel"], strength * dense / 2, rtol=1e-6)
    np.testing.assert_allclose(added["conv"]["kernel"], strength * conv / 2, rtol=1e-6)
    np.testing.assert_array_equal(added["dense"]["bias"], 0)
    np.testing.assert_array_equal(added["labels"]["embedding"], 0)


def test_orthogonal_turns_filters_apart_and_leaves_their_lengths():
    kernel = {"kernel": jnp.float32([[1.0, 0.6], [0.0, 0.8]])}  # two unit filters, 53 degrees apart
    optimizer = optax.chain(regularizers.orthogonal(2.0), optax.sgd(0.05))
    state, nothing = optimizer.init(kernel), jax.tree.map(jnp.zeros_like, kernel)

    def step(kernel, _):
        updates, _ = optimizer.update(nothing, state, kernel)
        return optax.apply_updates(kernel, updates), ()

    after, _ = jax.jit(lambda kernel: jax.lax.scan(step, kernel, length=200))(kernel)
    first, second = after["kernel"].T
    np.testing.assert_allclose(first @ second, 0, atol=1e-4)
    assert min(first @ first, second @ second) > 0.5


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"decay is 1\.0"):
        regularizers.lecam(decay=1.0)
    with pytest.raises(ValueError, match="fake_weight is -1"):
        penalties.consistency(flip, fake_weight=-1)
    with pytest.raises(ValueError, match="needs the parameters"):
        regularizers.orthogonal().update(PARAMS, optax.EmptyState())
