from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags
from PIL import Image

from jaxgan.data import DataError
from jaxgan.metrics import classifiers
from jaxgan.runs.commands import train_classifier
from jaxgan.runs.commands.train_classifier import (
    Examples,
    Recipe,
    accuracy,
    distort,
    examples,
    train,
)
from jaxgan.runs.settings import ConfigError

KEY = jax.random.key(0)
STILL = Recipe(epochs=1, shift=0)


@pytest.fixture(scope="module")
def digits():
    return examples("digits")


def few(of, n):
    return Examples(of.x[:n], of.y[:n])


def test_digits_for_the_test_are_not_trained_on(digits):
    seen, unseen = digits
    assert (len(seen.x), len(unseen.x)) == (len(seen.y), len(unseen.y)) == (8000, 2000)
    assert not {image.tobytes() for image in seen.x} & {image.tobytes() for image in unseen.x}


@pytest.mark.slow  # a quarter of a minute
def test_a_short_training_learns_and_its_file_is_read(digits, tmp_path):
    said = []
    seen, unseen = few(digits[0], 650), few(digits[1], 200)
    variables = train(Recipe(epochs=2, shift=1), seen, unseen, say=said.append)
    assert [line.partition(":")[0] for line in said] == ["epoch 1 of 2", "epoch 2 of 2"]
    classifiers.save(tmp_path / "digits.npz", variables)
    network = classifiers.read(tmp_path / "digits.npz", "digits")
    # ten classes, ten steps
    assert accuracy(jax.jit(lambda x: network.apply(x)[1]), unseen) > 0.3


@pytest.mark.slow
def test_a_training_follows_from_its_seed(digits):
    learn = partial(train, Recipe(2, shift=1), few(digits[0], 300), few(digits[1], 9), say=len)
    one, same, other = learn(seed=1), learn(seed=1), learn(seed=2)
    jax.tree.map(np.testing.assert_array_equal, one, same)
    kernels = [of["params"]["Conv_0"]["kernel"] for of in (one, other)]
    assert np.any(kernels[0] != kernels[1])


def test_cifar10_is_read_from_the_folders_of_its_classes(tmp_path):
    for part, count in ("train", 3), ("test", 2):
        for label, name in enumerate(("airplane", "truck")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                picture = Image.new("RGB", (32, 32), (label * 200, i, count))
                picture.save(tmp_path / part / name / f"{i}.png")
    seen, unseen = examples("cifar10", str(tmp_path), str(tmp_path / "cache"))
    assert (seen.x.shape, unseen.x.shape) == ((6, 32, 32, 3), (4, 32, 32, 3))
    assert seen.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert unseen.x[-1, 0, 0].tolist() == [200, 1, 2]


def test_colors_are_distorted_together():
    image = np.random.default_rng(0).uniform(0, 255, (9, 9, 1)).astype(np.float32)
    recipe = Recipe(epochs=1, shift=2, turn=20, zoom=0.1, mirror=True)
    gray, color = (distort(recipe, KEY, image.repeat(n, axis=-1)) for n in (1, 3))
    np.testing.assert_allclose(color, np.repeat(gray, 3, axis=-1), atol=1e-4)


def test_accuracy_is_the_share_of_right_answers():
    unseen = Examples(np.zeros((700, 2, 2, 1), np.uint8), np.repeat([0, 1], [650, 50]))
    always_zero = lambda x: jnp.tile(jnp.eye(2)[:1], (len(x), 1))  # noqa: E731
    assert accuracy(always_zero, unseen) == 650 / 700


def test_distortions_that_are_not_asked_for_do_not_happen():
    image = jax.random.uniform(KEY, (9, 9, 1))
    np.testing.assert_allclose(distort(STILL, KEY, image), image, atol=1e-6)


def distorted(recipe, image, n=64):
    make = jax.jit(jax.vmap(partial(distort, recipe), (0, None)))
    return np.asarray(make(jax.random.split(KEY, n), image))[..., 0]


def test_an_image_is_moved_by_whole_pixels_as_far_as_asked():
    dot = np.zeros((9, 9, 1), np.float32)
    dot[4, 4] = 1
    moved = distorted(STILL._replace(shift=2), dot, n=256)
    where = {tuple(np.argwhere(one > 0.5)[0] - 4) for one in moved}
    assert where == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    np.testing.assert_allclose(moved.sum((1, 2)), 1, atol=1e-5)


def test_what_is_mirrored_is_mirrored_left_to_right_half_of_the_time():
    image = np.arange(81, dtype=np.float32).reshape(9, 9, 1)
    made = distorted(STILL._replace(mirror=True), image)
    flipped = [np.allclose(one, image[:, ::-1, 0], atol=1e-3) for one in made]
    kept = [np.allclose(one, image[..., 0], atol=1e-3) for one in made]
    assert sum(flipped) + sum(kept) == len(made)
    assert 16 < sum(flipped) < 48


def test_turning_and_zooming_keep_the_middle_and_stay_small():
    bar = np.zeros((15, 15, 1), np.float32)
    bar[2:13, 7] = 1
    made = distorted(STILL._replace(turn=20, zoom=0.1), bar)
    np.testing.assert_allclose(made[:, 7, 7], 1, atol=1e-5)
    assert made.std(0).max() > 0.1
    # five pixels from the middle, 20 degrees are 1.8 pixels
    assert made[:, 2:13, :4].max() == made[:, 2:13, 11:].max() == 0


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (["--out=x.txt"], r"--out=x.txt: expected a name that ends in .npz"),
        (["--out=nowhere/x.npz"], r"--out=nowhere/x.npz: there is no directory nowhere"),
        (
            ["--out=x.npz", "--dataset=mnist", "--manual_dir=none"],
            "manual_dir=none does not exist",
        ),
    ],
)
def test_mistakes_are_answered_in_one_line(given, answer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    train_classifier.define_flags(values)
    values(["train_classifier", *given])
    with pytest.raises((ConfigError, DataError), match=rf"^{answer}[^\n]*$"):
        train_classifier.run([])
    assert not list(tmp_path.iterdir())
