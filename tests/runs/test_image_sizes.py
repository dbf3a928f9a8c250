"""Images of any size, from the flag to a step of every family that people train there."""

import jax
import numpy as np
import pytest
from networks import compilation
from PIL import Image

from jaxgan import Batch, data
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import load
from jaxgan.runs.flags import load as load_flags
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import sides, size_of

FAMILIES = {
    "dcgan": {"augment": "diffaugment"},
    "resnet": {"spectral_norm": True, "loss": "hinge", "attention": "1/4"},
    "r3gan": {"recipe": "r3gan", "width": 8, "augment": "ada", "loss": "hinge"},
    "stylegan2": {"recipe": "stylegan2", "path_every": 1, "penalty_every": 1},
    "progressive": {"recipe": "progressive"},
    "unet": {"recipe": "pix2pix", "stages": 3},
    "translator": {"recipe": "cyclegan", "blocks": 1, "patch_layers": 1},
}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def stepped(model, height, width, **settings):
    """The metrics of a step on noise, with the smallest networks."""
    shape = (height, width, 3)
    pictures = model in ("unet", "translator")
    small = {"width": 4, "batch_size": 4} | ({} if pictures else {"latent_dim": 8})
    config = make(**{"model": model, **small, **FAMILIES[model]} | settings)
    check_settings(config)
    gan = build(config, Facts(shape, source=shape if pictures else ())).gan
    x = np.random.default_rng(0).uniform(-1, 1, (4, *shape)).astype(np.float32)
    batch = Batch(x, x[::-1] if pictures else None)
    state = gan.init(jax.random.key(0), batch)
    state, metrics = jax.jit(gan.train_step)(state, batch)
    samples = gan.sample(state, jax.random.key(1), n=4, y=batch.y)
    assert samples.shape == x.shape
    return {name: float(value) for name, value in metrics.items()}


_QUICK = ("dcgan", "unet")  # others take a minute or more to compile


@pytest.mark.parametrize(
    "model",
    [pytest.param(one, marks=() if one in _QUICK else pytest.mark.slow) for one in FAMILIES],
)
def test_a_step_on_rectangles(model):
    metrics = stepped(model, 48, 32)
    assert metrics
    assert np.all(np.isfinite(list(metrics.values())))


@pytest.mark.slow  # minutes of compilation
@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("model", FAMILIES)
def test_a_step_on_large_images(model, side):
    metrics = stepped(model, side, side, **({"attention": "32"} if model == "resnet" else {}))
    assert np.all(np.isfinite(list(metrics.values())))


def test_a_size_as_it_is_written():
    assert [size_of(text) for text in ("0", "64", "64x64", "48x32")] == [0, 64, 64, "48x32"]
    assert [sides(size) for size in (0, 64, "48x32")] == [None, (64, 64), (48, 32)]
    for text in ("x", "48x", "0x32", "-1", "48X32", "1e2", "32x32x3"):
        with pytest.raises(ValueError, match="HEIGHTxWIDTH"):
            size_of(text)
    with pytest.raises(ConfigError, match="--image_size=48x: expected a side"):
        make(image_size="48x")
    with pytest.raises(ConfigError, match="--image_size='64': expected it as 64"):
        make(image_size="64")


def test_rectangles_are_read_kept_and_found_again(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 20:40] = 255  # the middle third of the width
    (tmp_path / "mine").mkdir()
    Image.fromarray(picture).save(tmp_path / "mine" / "a.png")
    Image.new("RGB", (64, 96)).save(tmp_path / "mine" / "b.png")
    config = make(
        dataset=f"folder:{tmp_path / 'mine'}",
        image_size="48x32",
        batch_size=2,
        cache_dir=str(tmp_path / "cache"),
        workdir=str(tmp_path / "run"),
    )
    x = load(config).x
    assert x.shape == (2, 48, 32, 3)
    # 40x60 covers 48x32 at 48x72, of which columns 20 to 52 are kept: white from 24 to 48.
    assert (x[0, 24, :, 0] > 128).tolist() == [4 <= column < 28 for column in range(32)]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "flags.txt").write_text(config.to_flags(of_workdir=True))
    assert "--image_size=48x32\n" in config.to_flags()
    again = load_flags(tmp_path / "run")
    assert again.data.image_size == "48x32"
    assert not again.difference(config)


def test_a_size_of_the_library_is_one_number_or_two():
    assert data.load("digits", split="train[:2]", image_size=(24, 16)).x.shape == (2, 24, 16, 1)
    with pytest.raises(data.DataError, match=r"image_size=\(8, 0\) is not a size"):
        data.load("digits", image_size=(8, 0))


def test_what_no_network_makes_is_refused_with_what_to_give(tmp_path):
    for size, advice in ((30, "32"), (100, "96"), ("50x32", "48x32")):
        config = make(image_size=size, workdir=str(tmp_path))
        height, width = sides(size) or (0, 0)
        with pytest.raises(
            ConfigError, match=f"image_size is {size}; .* give --image_size={advice}"
        ):
            build(config, Facts((height, width, 3)))
