"""Data with hardly anything to learn: they are trained on and measured, or refused in one line."""

import math

import numpy as np
import pytest
from PIL import Image

from jaxgan.runs.config import make
from jaxgan.runs.measures.evaluate import evaluate
from jaxgan.runs.report.write import write
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training import loop

NOISE = np.random.default_rng(0).integers(0, 256, (140, 4, 4), dtype=np.uint8)
SETS = {
    "duplicates": np.repeat(NOISE[:1], 140, axis=0),
    "constant": np.full_like(NOISE, 77),
    "varied": NOISE,
}


def settings(tmp_path, pictures, classes, **more):
    """Settings of a run on a folder of these pictures."""
    for number, picture in enumerate(pictures):
        path = (
            tmp_path / "data" / (f"class {number % classes}" if classes else "") / f"{number}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    given = {"dataset": f"folder:{tmp_path / 'data'}", "workdir": str(tmp_path / "run")}
    given |= {"model": "mlp", "width": 8, "latent_dim": 4, "parallel": "jit", "features": "pixels"}
    given |= {"steps": 3, "steps_per_call": 3, "log_every": 1, "cache_dir": str(tmp_path / "cache")}
    return make(**given | {"batch_size": min(4, len(pictures))} | more)


@pytest.mark.parametrize(
    ("name", "recipe", "classes"),
    [
        ("duplicates", "gan", 0),
        pytest.param("duplicates", "acgan", 2, marks=pytest.mark.slow),
        pytest.param("constant", "gan", 2, marks=pytest.mark.slow),
        pytest.param("varied", "gan", 1, marks=pytest.mark.slow),
    ],
)
def test_data_without_variety_are_trained_on_and_measured(tmp_path, name, recipe, classes):
    config = settings(
        tmp_path,
        SETS[name],
        classes,
        recipe=recipe,
        conditional=classes > 0,
        eval_every=3,
        eval_samples=70,
    )
    assert loop.run(config).step == 3
    _, rows = evaluate(config.run.workdir, samples=70, features="pixels")
    assert len(rows) > 5
    assert all(math.isfinite(row.value) for row in rows)
    assert write([tmp_path / "run"]).stat().st_size > 10_000


@pytest.mark.parametrize(("count", "classes"), [(1, 0), (2, 2)])
def test_a_handful_of_pictures_is_trained_on_and_not_measured(tmp_path, count, classes):
    config = settings(tmp_path, NOISE[:count], classes, conditional=classes > 0)
    assert loop.run(config).step == 3
    with pytest.raises(ConfigError, match=rf"samples; expected .* of the {count} examples"):
        evaluate(config.run.workdir, samples=70, features="pixels")


def test_batches_larger_than_the_data_are_refused(tmp_path):
    config = settings(tmp_path, NOISE[:3], 0, batch_size=4)
    with pytest.raises(ConfigError, match=r"--batch_size=4: .* has 3 examples; give 3 or less"):
        loop.run(config)
