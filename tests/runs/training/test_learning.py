"""What the presets promise: digits that can be told apart, and the digit that is asked for."""

from pathlib import Path

import jax
import numpy as np
import pytest
from absl import flags

from jaxgan import data
from jaxgan.runs.config import make
from jaxgan.runs.flags import define_settings, from_flags
from jaxgan.runs.restore import restore
from jaxgan.runs.study import comparison_of
from jaxgan.runs.training import loop

PRESETS = Path(__file__).parents[3] / "experiments" / "presets"


def nearest_labels(images):
    """The label of the nearest real image in pixels: right for 92 % of the first 1,000 digits."""
    digits = data.load("digits")
    known = digits.x.reshape(len(digits.x), -1).astype(np.float32)
    images = images.reshape(len(images), -1).astype(np.float32)
    distances = (known**2).sum(1) - 2 * images @ known.T
    return digits.y[distances.argmin(axis=1)]


def draw(preset, workdir, n):
    values = flags.FlagValues()
    define_settings(values)
    path = PRESETS / f"{preset}.flags"
    values(["train", f"--flagfile={path}", f"--workdir={workdir}", "--parallel=jit"])
    loop.run(from_flags(values))
    trained = restore(workdir)
    y = np.arange(n, dtype=np.int32) % 10 if trained.is_conditional else None
    return trained.draw(trained.experiment.latent(jax.random.key(1), n), y), y


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_run_it")
def test_the_demo_draws_all_ten_digits_as_well_as_it_says(tmp_path):
    images, _ = draw("demo_digits", tmp_path / "run", 2000)
    comparison = comparison_of(make(dataset="digits").data, 2000)
    found = comparison.measure(images, ["frechet_distance"])
    assert found["digits/frechet_distance"].value < 1.5  # 0.6 was measured; real data have 0.14
    counts = np.bincount(nearest_labels(images[:100]), minlength=10)
    assert (counts > 0).all(), counts
    assert counts.max() < 40, counts


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_run_it")
def test_the_conditional_gan_draws_the_digit_that_is_asked_for(tmp_path):
    images, labels = draw("cgan_digits", tmp_path / "run", 500)
    agreement = (nearest_labels(images) == labels).mean()
    assert agreement > 0.8, agreement
