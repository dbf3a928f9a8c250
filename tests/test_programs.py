"""What the compiled steps send from device to device, read from the programs themselves."""

import math
import re

import jax
import numpy as np
import optax
import pytest
from networks import compilation, counting, mlp

import jaxgan
from jaxgan import Batch, latents, nets, recipes
from jaxgan.models import dcgan
from jaxgan.parallel import AXIS

POINTS = Batch(np.zeros((16, 2), np.float32))
IMAGES = Batch(np.zeros((16, 28, 28, 1), np.float32))
ALL_REDUCE = re.compile(r"= (.*) all-reduce(?:-start)?\(")
OTHERS = re.compile(r" (all-gather|all-to-all|reduce-scatter|collective-[a-z]+)(?:-start)?\(")
NORMS = ("grad_norm", "update_ratio", "skipped")
FLOATS = re.compile(r"f32\[([\d,]*)\]")

each_way = pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
each_player = pytest.mark.parametrize("player", ["d", "g"])


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(generator, discriminator):
    return recipes.gan(
        generator,
        discriminator,
        latent=latents.normal(4),
        g_optimizer=optax.adam(1e-3),
        d_optimizer=optax.adam(1e-3),
        ema_decay=0.9,
    )


def sent(ways, gan, player, batch):
    """The floats in each all-reduce of a player's step, and all that it has to average."""
    gan = ways(gan)
    state = jax.eval_shape(gan.init, jax.random.key(0), batch)
    step = jax.jit(gan.d_step if player == "d" else gan.g_step)
    _, metrics = jax.eval_shape(step, state, batch)
    program = step.lower(state, batch).compile().as_text()
    assert not OTHERS.search(program), "there is another collective than all-reduce"
    found = [
        sum(
            math.prod(map(int, shape.split(","))) if shape else 1 for shape in FLOATS.findall(types)
        )
        for types in ALL_REDUCE.findall(program)
    ]
    own = state.d if player == "d" else state.g
    # Made of what is averaged already, and not sent again.
    metrics = {name: leaf for name, leaf in metrics.items() if not name.endswith(NORMS)}
    averaged = jax.tree.leaves((own.params, own.state, metrics))
    return found, sum(leaf.size for leaf in averaged if leaf.dtype == np.float32)


@each_way
@each_player
def test_a_step_sends_the_gradients_of_its_player_in_one_all_reduce(ways, player):
    gan = make(counting(mlp(2)), counting(mlp()))  # with statistics and a count, which is not sent
    found, averaged = sent(ways, gan, player, POINTS)
    assert found == [averaged]


@each_player
def test_a_convolutional_step_does_so_too(player):
    gan = make(*(nets.from_linen(net(width=4)) for net in (dcgan.Generator, dcgan.Discriminator)))
    found, averaged = sent(jaxgan.pmap, gan, player, IMAGES)
    assert found == [averaged]


@each_player
def test_synchronized_batch_norm_sends_two_numbers_for_each_channel_and_pass(player):
    """G has 8 and 4 channels that are normalized, D has 8, in every pass.

    D's step passes forwards through G (fake examples) and through D twice (real and fake), and
    backwards through D twice: 12 + 2 * 8 + 2 * 8 channels. G's passes through G and D, forwards and
    backwards: 2 * (12 + 8). A mean and a second moment are sent of each. They depend on each other,
    layer after layer, so they cannot wait for the gradients and join them.
    """
    nets_ = (dcgan.Generator(width=4, axis_name=AXIS), dcgan.Discriminator(width=4, axis_name=AXIS))
    found, averaged = sent(jaxgan.pmap, make(*map(nets.from_linen, nets_)), player, IMAGES)
    channels = {"d": 12 + 2 * 8 + 2 * 8, "g": 2 * (12 + 8)}[player]
    assert sum(found) == averaged + 2 * channels
    assert len(found) <= {"d": 5, "g": 7}[player]
