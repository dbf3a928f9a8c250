"""The worked example of CONTRIBUTING.md runs as it stands, and keeps the promises of a recipe."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
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
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
FILES = {
    match[1]: block for block in BLOCKS if (match := re.match(r"# (jaxgan/[\w/]+\.py)\n", block))
}
RECIPE, ROOM = FILES  # two files, as the page says


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the recipe and its test define, once they have run, with the assertion at the end."""
    path = tmp_path_factory.mktemp("example") / "example.py"
    path.write_text("\n".join(block for block in BLOCKS if block != FILES[ROOM]))
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


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package with the two files, and the one line."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "jaxgan", copy / "jaxgan", ignore=shutil.ignore_patterns("__pycache__"))
    for path, block in FILES.items():
        (copy / path).write_text(block)
    names = copy / "jaxgan" / "runs" / "variants" / "__init__.py"
    line = '        "mode_seeking",\n'
    text = names.read_text()
    names.write_text(text.replace('        "gan",\n', f'        "gan",\n{line}', 1))
    assert len(names.read_text().splitlines()) == len(text.splitlines()) + 1
    return copy


def command(copy: Path, name: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"jaxgan.runs.commands.{name}", *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_is_a_gan_of_the_commands(extended):
    """With its flag, its demand of the data, its way to draw and its measure."""
    small = ("--model=mlp", "--width=4", "--latent_dim=4", "--batch_size=4", "--steps=1")
    train = ("train", "--recipe=mode_seeking", "--mode_weight=2", "--workdir=run", *small)
    done = command(extended, *train)
    assert done.returncode == 0, done.stderr
    assert "--mode_weight=2.0" in (extended / "run" / "flags.txt").read_text()
    assert "g_sameness" in (extended / "run" / "metrics.jsonl").read_text()

    done = command(extended, "sample", "--workdir=run", "--opposite", "--n=4", "--out=pairs.png")
    assert done.returncode == 0, done.stderr
    assert (extended / "pairs.png").is_file()

    done = command(extended, "evaluate", "--workdir=run", "--samples=200")
    assert done.returncode == 0, done.stderr
    (found,) = (extended / "run" / "evaluation").glob("step_*.json")
    assert "asked/spread" in [row["name"] for row in json.loads(found.read_text())["rows"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe=mode_seeking", "--dataset=outlines:digits"), "has pairs of pictures, no label"),
        (("--recipe=gan", "--mode_weight=2"), "it goes with --recipe=mode_seeking"),
    ],
)
def test_what_does_not_fit_the_example_is_refused(extended, arguments, message):
    done = command(extended, "train", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_the_page_names_is_there():
    for path in re.findall(r"`((?:jaxgan|experiments|docs|tests)/[\w/.]*\w)`", TEXT):
        if "mode_seeking" not in path:
            assert (ROOT / path).exists(), path
    for name in ("penalties.py", "regularizers.py"):
        assert (ROOT / "jaxgan" / name).exists()
