"""Pairs and domains derived from other data sets, and slices of the sets of this package."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, Dataset, load
from jaxgan.data.domains import gray, load_derived, outlines, silhouettes

SPLIT = "train[:40]"


def pair(name, **settings):
    data = load(name, **{"split": SPLIT, **settings})
    assert data.has_pictures
    assert data.name == name
    assert data.class_names == ()
    assert data.x.dtype == data.y.dtype == np.uint8
    return data


@pytest.fixture
def pictures(tmp_path):
    """A folder of six color pictures of noise, 8 by 12."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), dtype=np.uint8)
    for i, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    return f"folder:{tmp_path}"


@pytest.mark.parametrize("name", ["outlines", "silhouettes", "halved", "quartered", "rotated"])
def test_pairs_have_the_pictures_of_the_set_and_what_becomes_of_them(name):
    plain, data = load("digits", split=SPLIT), pair(f"{name}:digits")
    assert data.paired
    assert len(data.x) == len(data.y) == 40
    np.testing.assert_array_equal(data.y if name == "rotated" else data.x, plain.x)


@pytest.mark.parametrize("derive", [outlines, silhouettes])
def test_what_is_drawn_belongs_to_the_picture_at_its_side(derive):
    data = pair(f"{derive.__name__}:digits")  # more than are processed at a time
    np.testing.assert_array_equal(data.y, np.concatenate([derive(x[np.newaxis]) for x in data.x]))


def test_outlines_go_once_round_a_square():
    x = np.zeros((1, 12, 12, 1), np.uint8)
    x[0, 3:9, 3:9] = 255
    y = outlines(x)[0, ..., 0]
    assert set(y.flat) == {0, 255}
    assert not y[5:7, 5:7].any()  # nothing inside
    assert not y[[0, 1, -1, -2]].any()  # and nothing far outside
    np.testing.assert_array_equal((y[5:7] == 255).sum(axis=1), 2)  # the left and the right edge
    np.testing.assert_array_equal((y[:, 5:7] == 255).sum(axis=0), 2)
    np.testing.assert_array_equal(outlines(255 - x), outlines(x))  # also dark on light


def test_outlines_of_real_pictures_are_thin_lines():
    data = pair("outlines:digits", split="train[:500]")
    assert 0.05 < (data.y == 255).mean() < 0.2
    solid = data.y[:, :-1, :-1] & data.y[:, 1:, :-1] & data.y[:, :-1, 1:] & data.y[:, 1:, 1:]
    assert (solid == 255).sum() < 0.01 * (data.y == 255).sum()  # hardly any blocks of 2 by 2


def test_outlines_are_seen_between_colors_of_one_brightness():
    x = np.zeros((1, 8, 8, 3), np.uint8)
    x[:, :, :4] = [200, 0, 0]
    x[:, :, 4:] = [0, 102, 0]
    assert np.ptp(gray(x)) <= 1
    assert (outlines(x) == 255).sum() == 8


def test_silhouettes_differ_from_the_corners_whatever_their_color():
    x = np.full((2, 8, 8, 3), 255, np.uint8)
    x[0, 2:5, 3:6] = [255, 200, 255]
    x[1] = [0, 90, 0]
    x[1, :3, :3] = [80, 90, 0]  # a shape that covers a corner
    x[1, 7, 4] += 5  # noise
    y = silhouettes(x)
    np.testing.assert_array_equal(y[0, ..., 0] == 255, x[0, ..., 1] == 200)
    np.testing.assert_array_equal(y[1, ..., 0] == 255, x[1, ..., 0] == 80)


@pytest.mark.parametrize(("name", "factor"), [("halved", 2), ("quartered", 4)])
def test_smaller_pictures_are_averages(name, factor, pictures):
    data = load(f"{name}:{pictures}")
    assert data.y.shape == (6, 8 // factor, 12 // factor, 3)
    corner = data.x[:, :factor, :factor].mean(axis=(1, 2))
    np.testing.assert_allclose(data.y[:, 0, 0], corner, atol=0.501)
    size = 9 * factor // 2  # a multiple of half the factor
    with pytest.raises(DataError, match=rf"{size}x{size} and cannot be {name}.*image_size="):
        load(f"{name}:{pictures}", image_size=size)


def test_the_former_spelling_of_gray_is_still_understood(pictures):
    former, data = load(f"grey:{pictures}"), load(f"gray:{pictures}")
    assert former.name == f"grey:{pictures}"
    np.testing.assert_array_equal(former.x, data.x)
    np.testing.assert_array_equal(former.y, data.y)


def test_gray_is_that_of_pillow(pictures):
    data = load(f"gray:{pictures}")
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in data.x]
    np.testing.assert_allclose(data.y[..., 0], np.stack(expected).astype(int), atol=1)


def test_colored_pictures_have_one_full_hue_that_depends_on_their_number_alone():
    data = pair("colored:digits")
    plain = load("digits", split=SPLIT)
    np.testing.assert_array_equal(data.y, np.repeat(plain.x, 3, axis=-1))
    np.testing.assert_array_equal(data.x.max(axis=-1), plain.x[..., 0])
    peak = data.x.reshape(40, -1, 3).max(axis=1).astype(float)
    assert (peak.min(axis=1) == 0).all()
    shares = data.x / np.maximum(plain.x, 1) * (plain.x > 200)
    hues = peak[:, np.newaxis, np.newaxis] / 255
    np.testing.assert_allclose(shares, hues * (plain.x > 200), atol=0.01)
    assert set(peak.argmax(axis=1)) == {0, 1, 2}
    np.testing.assert_array_equal(pair("colored:digits", split="train[:50]").x[:40], data.x)


def test_rotated_pictures_are_turned_against_the_clock():
    data = pair("rotated:digits")
    np.testing.assert_array_equal(data.x[3], np.rot90(data.y[3]))


def test_swapped_exchanges_what_belongs_together():
    once, swapped = pair("outlines:digits"), pair("swapped:outlines:digits")
    np.testing.assert_array_equal(swapped.x, once.y)
    np.testing.assert_array_equal(swapped.y, once.x)
    domains = pair("swapped:unpaired:outlines:digits")
    assert not domains.paired


def test_unpaired_has_no_counterpart_of_any_x():
    data, pairs = pair("unpaired:rotated:digits"), pair("rotated:digits")
    assert not data.paired
    assert len(data.x) == len(data.y) == 20
    counterparts = {np.rot90(y).tobytes() for y in data.y}
    assert not counterparts & {x.tobytes() for x in data.x}
    both = {x.tobytes() for x in data.x} | counterparts
    assert both == {x.tobytes() for x in pairs.x}  # none is dropped
    odd = pair("unpaired:rotated:digits", split="train[:5]")
    assert (len(odd.x), len(odd.y)) == (3, 2)
    with pytest.raises(DataError, match="one pair"):
        load("unpaired:rotated:digits", split="train[:1]")


def test_two_sets_are_two_domains_of_their_own_sizes(pictures):
    data = load(f"unpaired:{pictures},colored:digits", image_size=28)
    assert not data.paired
    assert data.x.shape == (6, 28, 28, 3)
    assert data.y.shape == (10_000, 28, 28, 3)
    np.testing.assert_array_equal(data.x, load(pictures, image_size=28).x)


def side_by_side(path, width=16, height=8):
    """A light and a dark picture in one file, each brighter toward the right."""
    ramp = np.linspace(0, 100, width // 2).astype(np.uint8)
    line = np.concatenate([ramp + 150, ramp])
    Image.fromarray(np.tile(line, (height, 1))).save(path)


def test_sides_of_files_are_divided_before_they_are_resized(tmp_path):
    side_by_side(tmp_path / "a.png")
    data = load(f"sides:folder:{tmp_path}")
    assert data.x.shape == data.y.shape == (1, 8, 8, 1)
    np.testing.assert_array_equal(data.x + 150, data.y)
    side_by_side(tmp_path / "wide.png", 64, 16)  # whose halves are cropped to their centers
    data = load(f"sides:folder:{tmp_path}", image_size=4)
    assert data.x.shape == data.y.shape == (2, 4, 4, 1)
    np.testing.assert_allclose(data.x + 150.0, data.y, atol=1)
    middle = data.x[1].mean(axis=(0, 2))
    assert 20 < middle[0] < middle[-1] < 80
    # The same folder, loaded as single pictures, is another entry of the cache.
    assert load(f"folder:{tmp_path}", image_size=4).x.shape == (2, 4, 4, 1)


def test_sides_of_other_sets_are_divided_before_they_are_resized_too():
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 24, 3), dtype=np.uint8)

    def load_named(name, *, image_size, side_by_side):
        assert image_size is None  # it would have cropped the center of both together
        return Dataset(x, np.zeros(2, np.int32), name, ("a",))

    data = load_derived("sides:somewhere/else", 8, load_named)
    assert data.name == "sides:somewhere/else"
    np.testing.assert_array_equal(data.y, x[:, :, 2:10])
    np.testing.assert_array_equal(data.x, x[:, :, 14:22])


@pytest.mark.parametrize(("width", "height"), [(15, 6), (14, 8)])
def test_a_file_that_is_no_two_pictures_is_named_with_its_size(tmp_path, width, height):
    Image.new("L", (width, height)).save(tmp_path / "odd.png")
    for size in (None, 4):
        with pytest.raises(DataError, match=rf"odd.png' is {height}x{width}.*twice"):
            load(f"sides:folder:{tmp_path}", image_size=size)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("outlines:ring", "ring holds no images"),
        ("halved:notes", "notes holds no images"),
        ("outlines:", "names no data set: expected.*name=outlines:digits"),
        ("unpaired:digits,", "names no data set"),
        ("unpaired:digits,digits,digits", "3 domains: expected two"),
        ("gray:digits", "digits is gray already.*gray:emoji"),
        ("colored:colored:digits", "colored:digits has colors.*colored:digits"),
        ("swapped:digits", "digits has no pairs of pictures.*outlines:digits"),
        ("unpaired:digits", "digits has no pairs of pictures"),
        ("sides:digits", "'digits' is 28x28.*twice their height"),
        ("unpaired:digits,colored:digits", "digits is gray and colored:digits.*swapped:gray:"),
        ("unpaired:digits,swapped:halved:digits", "28x28 and.*14x14.*image_size="),
        ("outlinez:digits", "unknown data set.*did you mean outlines:"),
        ("outlines:digitz", "unknown data set 'digitz'.*did you mean digits"),
    ],
)
def test_what_cannot_be_derived_is_said_in_one_line(name, message):
    with pytest.raises(DataError, match=message) as error:
        load(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", slice(None)),
        ("train[:90%]", slice(9000)),
        ("train[9000:]", slice(9000, None)),
        ("train[25%:75%]", slice(2500, 7500)),
        ("train[-10:]", slice(-10, None)),
        ("train[-1%:-50]", slice(-100, -50)),
    ],
)
def test_sets_of_the_package_have_slices(split, expected):
    whole, part = load("digits"), load("digits", split=split)
    np.testing.assert_array_equal(part.x, whole.x[expected])
    np.testing.assert_array_equal(part.y, whole.y[expected])
    assert part.class_names == whole.class_names


@pytest.mark.parametrize(
    "split", ["train[", "train[5]", "train[5:5]", "train[9:3]", "train[:101%]", "train[:10001]", ""]
)
def test_slices_that_are_none_are_refused(split):
    with pytest.raises(DataError, match="split=") as error:
        load("digits", split=split)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["ring", "notes", "solids"])
def test_other_sets_have_slices_too_and_no_image_size(name):
    assert len(load(name, split="train[100:108]").x) == 8
    with pytest.raises(DataError, match="image_size="):
        load(name, image_size=8)


def test_folders_have_slices(pictures):
    assert len(load(pictures, split="train[:50%]").x) == 3
