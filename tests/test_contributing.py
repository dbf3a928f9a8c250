"""The worked example of CONTRIBUTING.md runs as it stands, and keeps the promises of a recipe."""

import re
import runpy
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from networks import mlp

import jaxgan
from jaxgan import Batch, latents

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the page's code defines, once it has run, with the assertion at its end."""
    path = tmp_path_factory.mktemp("example") / "example.py"
    path.write_text("\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)))
    return runpy.run_path(str(path))


def test_the_code_runs_and_its_own_test_holds(example):
    assert example["mode_seeking"].__doc__


def test_the_term_is_the_one_of_the_formula(example):
    generator = mlp(2)
    settings = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
    make = example["mode_seeking"]
    gan = make(generator, mlp(), latent=latents.normal(3), weight=0.5, **settings)
    batch = Batch(np.zeros((4, 2), np.float32))
    state = gan.init(jax.random.key(0), batch)
    _, metrics = jax.jit(gan.g_step)(state, batch)
    plain = jaxgan.recipes.gan(generator, mlp(), latent=latents.normal(3), **settings)
    _, without = jax.jit(plain.g_step)(state, batch)
    # The noise of G's step, as the recipe draws it.
    key = jax.random.fold_in(jax.random.fold_in(state.key, 0), 0)
    z_key, _ = jax.random.split(jax.random.fold_in(key, 1))
    z = latents.normal(3)(z_key, 8)
    x, _ = generator.apply(state.g.params, (), key, z, train=True)
    z, x = (np.abs(np.subtract(*np.split(np.asarray(a), 2))).mean(axis=1) for a in (z, x))
    expected = np.mean(z / (x + 1e-5))
    np.testing.assert_allclose(metrics["g_sameness"], expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["g_loss"], without["g_loss"] + 0.5 * expected, rtol=1e-5)


def test_what_the_page_names_is_there():
    for path in re.findall(r"`((?:jaxgan|experiments|docs|tests)/[\w/.]*\w)`", TEXT):
        if "mode_seeking" not in path:
            assert (ROOT / path).exists(), path
    for name in ("penalties.py", "regularizers.py"):
        assert (ROOT / "jaxgan" / name).exists()
