"""Comparison of pictures with the wanted ones, and their sharpness, in pixels."""

from typing import Any

import numpy as np

from jaxgan.metrics.checks import MetricError, as_array

__all__ = ["psnr", "sharpness"]


def psnr(x: Any, y: Any) -> np.ndarray:
    """Compute the peak signal-to-noise ratio of each pair of pictures.

        10 log10(255^2 / mean (x - y)^2)   in dB

    It rewards the mean of all possible answers, which is blurred: report it together with
    `sharpness`. A difference of one gray level everywhere is 48 dB, and white for black is 0 dB.

    Args:
        x: uint8 `[N, H, W, C]`.
        y: uint8 `[N, H, W, C]`.

    Returns:
        float64 `[N]`; infinite for equal pictures, so use medians rather than means.

    Raises:
        MetricError: if the pictures are not uint8, or differ in shape.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics.pictures import psnr
        >>> black, white = np.zeros((1, 8, 8, 1), np.uint8), np.full((1, 8, 8, 1), 255, np.uint8)
        >>> psnr(black, white).tolist(), psnr(black, black + 1).round(1).tolist()
        ([0.0], [48.1])
    """
    x, y = _pictures(x), _pictures(y)
    if x.shape != y.shape:
        raise MetricError(f"pictures are {x.shape} and {y.shape}; expected one shape")
    error = np.mean((x - y) ** 2, axis=(1, 2, 3))
    differ = error > 0
    ratio = np.divide(255.0**2, error, out=np.ones_like(error), where=differ)
    return np.where(differ, 10 * np.log10(ratio), np.inf)


def sharpness(x: Any) -> np.ndarray:
    """Compute the root mean square of the gradient of each picture.

        (mean (x[h + 1, w] - x[h, w])^2 + (x[h, w + 1] - x[h, w])^2)^(1/2)

    over all channels, and all pixels that have both neighbors. The squares matter: a blurred edge
    rises to the same height in more and smaller steps, which the mean length of the gradient would
    not notice. Noise increases it, so compare it with the value of real pictures.

    Args:
        x: uint8 `[N, H, W, C]`, at least 2 x 2 pixels.

    Returns:
        float64 `[N]`, in gray levels per pixel; 0 for pictures of a single color.

    Raises:
        MetricError: if the pictures are not uint8, or have too few pixels.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics.pictures import sharpness
        >>> ramp = np.tile(np.arange(0, 160, 10, np.uint8), (1, 16, 1))  # 10 levels per pixel
        >>> sharpness(ramp[..., np.newaxis]).tolist()
        [10.0]
    """
    x = _pictures(x)
    if min(x.shape[1:3]) < 2:
        raise MetricError(
            f"pictures of {x.shape[1]} x {x.shape[2]} pixels have no gradient; "
            f"expected at least 2 x 2"
        )
    down = x[:, 1:, :-1] - x[:, :-1, :-1]
    right = x[:, :-1, 1:] - x[:, :-1, :-1]
    return np.sqrt(np.mean(down**2 + right**2, axis=(1, 2, 3)))


def _pictures(x: Any) -> np.ndarray:
    x = as_array("pictures", x)
    if x.ndim != 4 or 0 in x.shape or x.dtype != np.uint8:
        raise MetricError(f"pictures are {x.dtype} {x.shape}; expected uint8 [N, H, W, C]")
    return x.astype(np.float64)
