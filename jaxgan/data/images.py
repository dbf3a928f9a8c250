"""Conversion of images of any kind to uint8 arrays."""

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageColor, ImageOps, UnidentifiedImageError

from jaxgan._checks import ImageSize, check_array, check_integers, check_types
from jaxgan.data.errors import DataError
from jaxgan.data.memory import check_images

__all__ = [
    "CROPS",
    "PIXELS",
    "color_of",
    "decode",
    "fitted",
    "framed",
    "opened",
    "resize",
    "to_array",
    "upright",
]

CROPS = ("center", "fit", "pad")
"""The ways to bring an image to a size; see `framed`."""

PIXELS = 89_478_485
"""Pixels of the largest image that is decoded: what Pillow decodes without a warning."""

# Only these, as Pillow would recognize others by their content, and start Ghostscript for some.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "AVIF", "ICO", "JPEG2000", "PPM")
# Other files of several frames hold previews.
_SEVERAL = ("AVIF", "GIF", "PNG", "TIFF", "WEBP")
GRAY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"})


@contextlib.contextmanager
def opened(file: str | os.PathLike[str] | BinaryIO) -> Iterator[Image.Image]:
    """Open an image that is not too large to be decoded; Pillow's warnings are not shown.

    On damaged files, Pillow raises errors of any kind, here or when the pixels are read.

    Raises:
        ValueError: if it has more than `PIXELS` pixels.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from jaxgan.data.images import opened
        >>> file = io.BytesIO()
        >>> Image.new("L", (40, 30)).save(file, "PNG")
        >>> with opened(file) as image:
        ...     image.size
        (40, 30)
    """
    with quiet(), Image.open(file, formats=_formats()) as image:
        _check_pixels(image)
        yield image


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Do not show Pillow's warnings.

    Filters of warnings belong to the process, not to a thread: a program whose threads open images
    does so within one of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > PIXELS:
        size = f"{image.height}x{image.width}"
        raise ValueError(f"{size} is too large: more than {PIXELS:,} pixels")


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return those of the formats that this build of Pillow reads."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def is_picture(file: str | os.PathLike[str] | BinaryIO) -> bool:
    """Return whether a file begins like a picture that can be read, whatever its name is."""
    try:
        with opened(file):
            return True
    except Exception:  # see `opened`
        return False


def from_array(picture: np.ndarray) -> Image.Image:
    """Return an image of uint8 `[H, W, C]`, C being 1 or 3."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def has_frames(image: Image.Image) -> bool:
    """Return whether an image is an animation, or has several pages."""
    return image.format in _SEVERAL and getattr(image, "is_animated", False)


def why_unreadable(error: Exception) -> str:
    """Return one line about an error of a decoder."""
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"  # without its path
    return str(error).split("\n", maxsplit=1)[0] or type(error).__name__


def is_gray(image: Image.Image) -> bool:
    """Return whether an image is gray by its mode or palette; its pixels are not inspected."""
    if image.mode != "P":
        return image.mode in GRAY_MODES
    palette = np.reshape(image.getpalette("RGB") or [0, 0, 0], (-1, 3))
    return bool((palette == palette[:, :1]).all())


def upright(image: Image.Image) -> Image.Image:
    """Rotate an image according to its EXIF orientation; one without it is returned as it is.

    Raises:
        TypeError: if `image` is no image of Pillow's.
        ValueError: if it has more than `PIXELS` pixels, whatever its header says.

    Example:
        >>> from PIL import Image
        >>> from jaxgan.data.images import upright
        >>> photo = Image.new("RGB", (40, 30))
        >>> photo.getexif()[0x0112] = 6  # taken with the camera turned
        >>> upright(photo).size
        (30, 40)
    """
    check_types(Image.Image, image=image)
    image.load()  # in PNG files, EXIF may follow the pixels
    _check_pixels(image)  # an icon may hold a larger picture than it says
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(image) if turned else image


def to_array(
    image: Image.Image,
    channels: int,
    image_size: ImageSize | None = None,
    *,
    crop: str = "center",
    background: str = "white",
) -> np.ndarray:
    """Convert an opened image of any mode to an array.

    16-bit gray keeps its upper 8 bits.

    Args:
        image: the image.
        channels: 1 for gray, 3 for color.
        image_size: of the result; None keeps the size of the image.
        crop: how it comes to that size; see `framed`.
        background: color of transparent areas; see `color_of`.

    Returns:
        uint8 `[H, W, C]`.

    Raises:
        TypeError: if `image` is no image of Pillow's.
        ValueError: if `channels` is neither 1 nor 3, `image_size` is below 1, or there is no such
            `crop` or `background`.

    Example:
        >>> from PIL import Image
        >>> from jaxgan.data.images import to_array
        >>> image = Image.new("RGBA", (40, 30))  # transparent
        >>> to_array(image, channels=3, image_size=16).shape, int(to_array(image, channels=1).min())
        ((16, 16, 3), 255)
    """
    check_types(Image.Image, image=image)
    if channels not in (1, 3):
        raise ValueError(f"channels is {channels}; expected 1 for gray or 3 for color")
    image = _opaque(_eight_bits(image), background).convert("L" if channels == 1 else "RGB")
    if image_size is not None:
        image = framed(image, image_size, crop, background)
    return np.asarray(image).reshape(image.height, image.width, channels)


def decode(encoded: BinaryIO, channels: int, image_size: ImageSize | None = None) -> np.ndarray:
    """Decode the bytes of a PNG, JPEG or other image file; see `to_array`.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> from jaxgan.data.images import decode
        >>> file = io.BytesIO()
        >>> Image.new("L", (40, 30)).save(file, "PNG")
        >>> decode(file, channels=1).shape
        (30, 40, 1)
    """
    with opened(encoded) as image:
        return to_array(image, channels, image_size)


def fitted(image: Image.Image, size: ImageSize) -> Image.Image:
    """Resize until an image covers `size`, antialiased (Lanczos), and crop the center.

    Args:
        image: the image.
        size: side of a square, or height and width.

    Raises:
        TypeError: if `image` is no image of Pillow's.
        ValueError: if a side is below 1.

    Example:
        >>> from PIL import Image
        >>> from jaxgan.data.images import fitted
        >>> image = Image.new("L", (40, 30))
        >>> fitted(image, 16).size, fitted(image, (48, 32)).size  # Pillow's are width and height
        ((16, 16), (32, 48))
    """
    check_types(Image.Image, image=image)
    height, width = sides_of(size)
    if image.size == (width, height):
        return image
    check_images((1, height, width, len(image.getbands())))
    return ImageOps.fit(image, (width, height), method=Image.Resampling.LANCZOS)


def framed(
    image: Image.Image, size: ImageSize, crop: str = "center", background: str = "white"
) -> Image.Image:
    """Bring an image to a size, antialiased (Lanczos).

    Args:
        image: the image, which is not transparent.
        size: side of a square, or height and width.
        crop: `center` resizes until the image covers the size and crops the center, as `fitted`;
            `fit` squeezes the whole image into the size, which changes its proportions; `pad`
            resizes until the size covers the image and adds margins.
        background: color of the margins; see `color_of`.

    Raises:
        TypeError: if `image` is no image of Pillow's.
        ValueError: if a side is below 1, or there is no such `crop` or `background`.

    Example:
        >>> from PIL import Image
        >>> from jaxgan.data.images import framed
        >>> wide = Image.new("L", (40, 20))
        >>> for crop in "center", "fit", "pad":
        ...     framed(wide, 4, crop).getcolors()  # numbers of pixels, and their levels
        [(16, 0)]
        [(16, 0)]
        [(8, 0), (8, 255)]
    """
    check_types(Image.Image, image=image)
    color, (height, width) = check_look(crop, background), sides_of(size)
    if crop == "center" or image.size == (width, height):
        return fitted(image, size)
    check_images((1, height, width, len(image.getbands())))
    if crop == "fit":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    level = ImageColor.getcolor(_code(color), image.mode)
    return ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color=level)


def check_look(crop: str, background: str) -> tuple[int, int, int]:
    """Check how images are brought to a size; return red, green and blue of the background.

    Raises:
        DataError: if there is no such `crop` or `background`.
    """
    if crop not in CROPS:
        raise DataError(f"crop={crop!r} is not known: expected one of {', '.join(CROPS)}")
    return color_of(background)


def color_of(background: str) -> tuple[int, int, int]:
    """Return red, green and blue of a color by its name or code.

    Raises:
        DataError: if there is none.

    Example:
        >>> from jaxgan.data.images import color_of
        >>> color_of("white"), color_of("#ff8000")
        ((255, 255, 255), (255, 128, 0))
    """
    try:
        return ImageColor.getrgb(background)[:3]
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"background={background!r} is no color: expected a name such as white, or a code "
            "such as #ff8000"
        ) from error


def sides_of(size: ImageSize) -> tuple[int, int]:
    """Return height and width."""
    height, width = size if isinstance(size, tuple) else (size, size)
    check_integers(size=height)
    check_integers(size=width)
    return height, width


def resize(images: np.ndarray, size: ImageSize) -> np.ndarray:
    """Resize uint8 images `[N, H, W, C]` to `[N, H', W', C]`; see `fitted`.

    Raises:
        ValueError: if the images are not uint8 `[N, H, W, C]`, or `size` is below 1.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.images import resize
        >>> resize(np.zeros((5, 40, 30, 3), np.uint8), 16).shape
        (5, 16, 16, 3)
    """
    check_array("images", images, "[N, H, W, C]", "uint8")
    height, width = sides_of(size)
    channels = images.shape[-1]
    check_images((len(images), height, width, channels))
    resized = [np.asarray(fitted(from_array(image), size)) for image in images]
    return np.stack(resized).reshape(len(images), height, width, channels)


def check_side_by_side(height: int, width: int, name: str) -> None:
    """Check that an image can be two pictures side by side.

    Raises:
        DataError: if its width is odd or less than twice its height.
    """
    if width % 2 or width < 2 * height:
        raise DataError(
            f"{name!r} is {height}x{width}, height x width: expected two pictures side by side, of "
            "an even width of at least twice their height"
        )


def halves(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Split an image into its left and its right half."""
    middle = image.width // 2
    left = image.crop((0, 0, middle, image.height))
    return left, image.crop((middle, 0, image.width, image.height))


def _eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    values = np.array(image)
    np.clip(values, 0, 65535, out=values)
    values //= 256
    return Image.fromarray(values.astype(np.uint8))


def _code(color: tuple[int, ...]) -> str:
    return "#" + "".join(f"{level:02x}" for level in color)


def _opaque(image: Image.Image, background: str) -> Image.Image:
    if "transparency" not in image.info and image.mode not in ("LA", "PA", "RGBA"):
        return image
    color = image if image.mode == "RGBA" else image.convert("RGBA")
    opaque = Image.new("RGBA", image.size, _code(color_of(background)))
    opaque = Image.alpha_composite(opaque, color)
    return opaque.convert("RGB")
