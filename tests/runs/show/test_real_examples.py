"""Real examples are drawn as samples are, so that one can be held against the other."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import Dataset
from jaxgan.runs.config import make
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.show.view import real_examples, view
from jaxgan.runs.training import loop

SETTINGS = {"dataset": "digits", "model": "mlp", "width": 8, "latent_dim": 4, "parallel": "jit"}


def of_value(labels, shape=(4, 4, 1)) -> Dataset:
    """Pictures whose only value is ten times their label."""
    y = np.array(labels, np.int32)
    x = np.broadcast_to(10 * y.reshape(-1, 1, 1, 1), (len(y), *shape)).astype(np.uint8)
    return Dataset(x, y, "values", tuple("abc"))


def test_each_class_stands_where_its_samples_stand():
    dataset, config = of_value([2] * 30 + [0] * 10 + [1] * 20), make(**SETTINGS, conditional=True)
    samples, y, draw = view(config, dataset, 30)
    expected = draw(
        np.broadcast_to(10 * y.reshape(-1, 1, 1, 1), (samples, 4, 4, 1)).astype(np.uint8)
    )
    np.testing.assert_array_equal(real_examples(config, dataset, 30), expected)


def test_a_class_without_examples_is_black():
    dataset, config = of_value([2] * 30 + [1] * 5), make(**SETTINGS, conditional=True)
    _, y, draw = view(config, dataset, 30)
    values = np.where(y == 0, 0, 10 * y).reshape(-1, 1, 1, 1)
    expected = draw(np.broadcast_to(values, (len(y), 4, 4, 1)).astype(np.uint8))
    np.testing.assert_array_equal(real_examples(config, dataset, 30), expected)


def test_without_labels_they_come_from_all_of_sorted_data():
    found = real_examples(make(**SETTINGS), of_value([0] * 50 + [1] * 50 + [2] * 50), 30)
    values, counts = np.unique(found[2::6, 2::6, 0], return_counts=True)
    assert dict(zip(values, counts, strict=True)) == {0: 10, 10: 10, 20: 10}


@pytest.mark.parametrize("shape", [(12, 1024, 1), (12, 4, 4, 4, 1)], ids=["sounds", "solids"])
def test_other_kinds_of_data_have_their_own_pictures(shape):
    dtype = np.uint8 if len(shape) == 5 else np.float32
    model = {3: "wavegan", 5: "voxels"}[len(shape)]
    found = real_examples(make(model=model), Dataset(np.zeros(shape, dtype), None, "x"), 30)
    assert found.ndim == 3
    assert found.dtype == np.uint8


def test_where_samples_are_shown_beside_real_examples_there_are_no_others():
    points = Dataset(np.zeros((50, 2), np.float32), None, "ring")
    assert real_examples(make(dataset="ring", model="mlp"), points, 30) is None
    pairs = Dataset(np.zeros((5, 8, 8, 1), np.uint8), np.zeros((5, 8, 8, 1), np.uint8), "pairs")
    assert real_examples(make(recipe="cyclegan"), pairs, 30) is None


def test_a_run_writes_them_once(tmp_path):
    config = make(
        **SETTINGS, batch_size=4, steps=1, steps_per_call=1, workdir=str(tmp_path / "run")
    )
    loop.run(config)
    path = tmp_path / "run" / "samples" / "real.png"
    with Image.open(path) as image:
        first = as_uint8(np.asarray(image))
    assert first.shape == (302, 302, 3)
    before = path.stat().st_mtime_ns
    loop.run(config.replace(steps=2))
    assert path.stat().st_mtime_ns == before
