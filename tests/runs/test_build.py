"""Flags reach the networks and the steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import Batch
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import Config, ConfigError, make
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import LOSSES, UNANCHORED
from jaxgan.runs.variants import MODELS

# These are in variants/test_variants.py.
BEYOND = {"unet", "translator", "srgan", "wavegan", "voxels", "gat", "text"}
PICTURE_MODELS = sorted(set(MODELS) - BEYOND)
IMAGES = Facts((28, 28, 1), tuple("0123456789"))


def of(**settings) -> Config:
    return make(**{"width": 4, "latent_dim": 8, "batch_size": 4} | settings)


def batch(facts, n=4):
    return Batch(jnp.zeros((n, *facts.shape)), jnp.zeros(n, jnp.int32))


def traced(config, facts=IMAGES):
    """The step of a run as a program, not compiled, and the shapes of its state and metrics."""
    gan = build(config, facts).gan
    state = jax.eval_shape(gan.init, jax.random.key(0), batch(facts))
    step = jax.make_jaxpr(gan.train_step, return_shape=True)
    program, (_, metrics) = step(state, batch(facts, 4 * config.optimization.d_steps))
    return str(program), state, metrics


def recipe_of(model):
    return model if model in ("progressive", "stylegan2") else "gan"


@pytest.mark.parametrize(("conditional", "size", "channels"), [(False, 28, 1), (True, 32, 3)])
@pytest.mark.parametrize("model", PICTURE_MODELS)
def test_every_model_makes_and_judges_pictures(model, conditional, size, channels):
    config = of(model=model, recipe=recipe_of(model), conditional=conditional, width=16)
    check_settings(config)
    facts = Facts((size, size, channels), IMAGES.class_names)
    gan = build(config, facts).gan

    def draw(key, batch):  # to make the state, both networks are traced
        return gan.sample(gan.init(key, batch), key, 4, batch.y if conditional else None)

    samples = jax.eval_shape(draw, jax.random.key(0), batch(facts))
    assert samples.shape == (4, *facts.shape)


@pytest.mark.parametrize("model", sorted(set(PICTURE_MODELS) - {"mlp"}))
def test_a_size_that_a_model_cannot_take_is_refused(model):
    with pytest.raises(ConfigError, match=f"--model={model}.*image_size is 30.*--image_size=32"):
        build(of(model=model, recipe=recipe_of(model)), Facts((30, 30, 1)))
    with pytest.raises(ConfigError, match="makes images"):
        build(of(model=model, recipe=recipe_of(model)), Facts((2,)))


def test_memory_is_saved_where_it_is_asked_for():
    plain, _, _ = traced(of(model="mlp"))
    assert "remat" not in plain
    assert "remat" in traced(of(model="mlp", remat=True))[0]
    parts = traced(of(model="mlp", microbatch=2))[0]
    assert parts.count("scan[") > plain.count("scan[")


def test_settings_move_while_the_gan_burns_in():
    points = Facts((2,))
    moving = of(
        model="mlp",
        penalty="r1",
        d_norm="none",
        burn_in=400,
        lr_end=0.25,
        penalty_weight_end=0.1,
        beta2=0.9,
        beta2_end=0.99,
        ema_half_life=100,
    )
    check_settings(moving)
    gan = build(moving, points).gan
    state = gan.init(jax.random.key(0), batch(points))
    late = state._replace(g=state.g._replace(step=jnp.int32(1000)))
    for now, copied in (state, True), (late, False):
        after, _ = jax.jit(gan.g_step)(now, batch(points))
        same = [
            np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(after.ema.params), jax.tree.leaves(after.g.params), strict=True
            )
        ]
        assert all(same) == copied


def test_what_is_remembered_for_the_logits_is_in_ds_state():
    planned = of(augment="scheduled", augment_end=0.5, burn_in=400, d_norm="none")
    check_settings(planned)
    assert traced(planned)[1].d.state["augment"].dtype == jnp.int32
    _, state, metrics = traced(of(lecam=0.3, augment="ada", consistency=10.0, d_norm="none"))
    network, memory = state.d.state
    assert set(memory) == {"real", "fake"}
    assert set(network) == {"network", "augment"}
    assert {"d_regularizer", "d_augment", "d_penalty"} <= set(metrics)
    _, state, _ = traced(of(lecam=0.3, centering=0.01))
    assert set(state.d.state[1][0]) == {"real", "fake"}
    assert "d_regularizer" in traced(of(centering=0.01))[2]


@pytest.mark.parametrize("model", PICTURE_MODELS)
def test_packs_widen_the_first_layer_of_every_d_and_nothing_else(model):
    recipe = recipe_of(model)
    shapes = [
        jax.tree.map(
            jnp.shape, traced(of(model=model, recipe=recipe, packing=packing, width=16))[1]
        )
        for packing in (1, 2)
    ]
    assert shapes[0].g == shapes[1].g
    is_shape = {"is_leaf": lambda leaf: isinstance(leaf, tuple) and not hasattr(leaf, "_fields")}
    alone, together = (jax.tree.leaves(one.d.params, **is_shape) for one in shapes)
    widened = [(a, b) for a, b in zip(alone, together, strict=True) if a != b]
    assert widened
    assert all(2 * np.prod(a) == np.prod(b) for a, b in widened)


@pytest.mark.parametrize("model", ["mlp", "dcgan"])
def test_san_has_a_last_layer_and_a_term_of_its_own(model):
    _, state, metrics = traced(of(model=model, d_last="san", loss="hinge", width=16))
    assert "slice" in state.d.params
    assert "d_slice" in metrics
    for recipe in ("acgan", "infogan", "sgan"):
        with pytest.raises(ConfigError, match=rf"^--d_last=san: not used by --recipe={recipe}"):
            of(recipe=recipe, model=model, d_last="san")


def test_spectral_norm_is_for_the_player_that_is_named():
    for player, settings in ("d", {"spectral_norm": True}), ("g", {"g_spectral_norm": True}):
        _, plain, _ = traced(of(model="mlp"))
        _, state, _ = traced(of(model="mlp", **settings))
        for name in "gd":
            count = lambda s, name=name: len(jax.tree.leaves(getattr(s, name).state))  # noqa: E731
            assert (count(state) > count(plain)) == (name == player)


@pytest.mark.parametrize("conditional", [True, False])
def test_the_embedding_that_biggans_blocks_share_has_no_spectral_norm(conditional):
    config = of(model="biggan", conditional=conditional, spectral_norm=True, g_spectral_norm=True)
    state = jax.eval_shape(build(config, IMAGES).gan.init, jax.random.key(0), batch(IMAGES))
    _, of_g = state.g.state
    _, of_d = state.d.state
    assert of_g["Dense_0"]["kernel"] is not None
    if conditional:
        assert of_g["embedding"]["kernel"] is None
        assert of_d["Projection_0"]["embedding"]["kernel"] is not None


@pytest.mark.parametrize(("attention", "wide"), [("0", False), ("1/2", True)])
def test_the_discriminator_is_wide_inside_where_there_is_attention(attention, wide):
    config = of(model="resnet", attention=attention)
    facts = Facts((64, 64, 3), IMAGES.class_names)
    state = jax.eval_shape(build(config, facts).gan.init, jax.random.key(0), batch(facts))
    kernel = state.d.params["DownBlock_1"]["Conv_0"]["kernel"]
    assert kernel.shape == (3, 3, 4, 8 if wide else 4)


MISTAKES = {
    "--recipe=stylegan2 --model=dcgan: expected stylegan2": {
        "recipe": "stylegan2",
        "model": "dcgan",
    },
    "--recipe=gan --model=progressive: expected dcgan or": {"model": "progressive"},
    "--spectral_norm=True: not used by --recipe=progressive": {
        "recipe": "progressive",
        "spectral_norm": True,
    },
    "--widths=8,x: expected": {"model": "r3gan", "widths": "8,x"},
    "--widths=8: .* it goes with --model=r3gan": {"widths": "8"},
    "--attention=14: .* it goes with --model=resnet or --model=biggan": {"attention": "14"},
    "--lr_end=0.5: it has no effect": {"lr_end": 0.5},
    "--ema_sigma=0.1: it does not go with": {"ema_sigma": 0.1, "ema_half_life": 9.0},
    "--augment_policy=colors": {"augment": "diffaugment", "augment_policy": "colors"},
    "--augment=scheduled --augment_end=0.0": {"augment": "scheduled"},
    "--augment=ada: with --loss=wasserstein": {"augment": "ada", "loss": "wasserstein"},
    "--penalty_weight_end: it does not go with": {
        "consistency": 1.0,
        "burn_in": 1.0,
        "penalty_weight_end": 0.1,
    },
}


@pytest.mark.parametrize("message", MISTAKES)
def test_settings_that_contradict_each_other_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        check_settings(of(**MISTAKES[message]))


def test_the_losses_without_a_zero_are_those_of_the_library():
    for name in LOSSES:
        threshold = getattr(jaxgan.losses, name)().threshold
        assert (threshold is None) == (name in UNANCHORED)
