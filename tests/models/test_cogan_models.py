"""Networks for two domains."""

import jax.numpy as jnp
import numpy as np
import pytest
from networks import count, drawn, shapes_of

from jaxgan.models import cogan

Z = jnp.ones((2, 5))
GENERATORS = {
    "dense": lambda shared=None: cogan.DenseGenerator((8, 8, 3), (16,), 4, shared=shared),
    "28": lambda shared=None: cogan.Generator(28, 3, 4, shared=shared),
    "32": lambda shared=None: cogan.Generator(32, 3, 4, shared=shared),
}
DISCRIMINATORS = {
    "dense": lambda shared=None: cogan.DenseDiscriminator((16, 8), 4, shared=shared),
    "28": lambda shared=None: cogan.Discriminator(28, 4, shared=shared),
    "32": lambda shared=None: cogan.Discriminator(32, 4, shared=shared),
}


def side(name):
    return 8 if name == "dense" else int(name)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_make_pairs_of_one_shape(name):
    pair, _ = shapes_of(GENERATORS[name](), Z)
    assert [x.shape for x in pair] == [(2, side(name), side(name), 3)] * 2


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_give_a_logit_for_each(name):
    x = jnp.ones((3, side(name), side(name), 1))
    pair, _ = shapes_of(DISCRIMINATORS[name](), x, x)
    assert [logits.shape for logits in pair] == [(3,)] * 2


@pytest.mark.parametrize("name", GENERATORS)
def test_what_is_shared_is_there_once(name):
    x = jnp.ones((2, side(name), side(name), 3))
    for make, inputs in ((GENERATORS[name], (Z,)), (DISCRIMINATORS[name], (x, x))):
        sizes = [count(shapes_of(make(shared), *inputs)[1]["params"]) for shared in (0, 1, None)]
        assert sizes[0] > sizes[1] >= sizes[2]


def test_domains_differ_in_their_ends_alone():
    generator = GENERATORS["dense"]()
    _, shapes = shapes_of(generator, Z)
    params = drawn(shapes)["params"]
    # Two hidden layers, and two outputs of [features, colors].
    kernels = [layer["kernel"].shape for layer in params.values()]
    assert kernels == [(5, 16), (16, 8 * 8 * 4), (4, 3), (4, 3)]
    a, b = generator.apply({"params": params}, Z, train=True)
    assert not np.allclose(a, b)
    same = {**params, "Dense_3": params["Dense_2"]}
    a, b = generator.apply({"params": same}, Z, train=True)
    np.testing.assert_array_equal(a, b)


def test_errors():
    x = jnp.ones((2, 28, 28, 1))
    with pytest.raises(ValueError, match="expected 0 to 2 hidden layers"):
        shapes_of(cogan.Generator(28, shared=3), Z)
    with pytest.raises(ValueError, match="expected 0 to 1 hidden layers"):
        shapes_of(cogan.Discriminator(28, shared=2), x, x)
    with pytest.raises(ValueError, match="28x28 for image_size=32"):
        shapes_of(cogan.Discriminator(32), x, x)
