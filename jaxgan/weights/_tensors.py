"""The tensors of a state dict, turned into our arrays one by one."""

import re
from typing import Any

import numpy as np

from jaxgan.metrics.torch_file import WeightsError

# Buffers that are computed from something else, or that only training needs.
_NO_WEIGHTS = re.compile(
    r"(^|\.)(resample_filter|noise_const|num_batches_tracked|Resampler\.Kernel|u\d+|sv\d+"
    r"|accumulation_counter|accumulated_mean|accumulated_var)$"
)


class Tensors:
    """Tensors by name, of which each is taken once.

    Args:
        tensors: of a state dict, from whose names `DataParallel`'s prefix is dropped.
    """

    def __init__(self, tensors: dict[str, np.ndarray]):
        parallel = bool(tensors) and all(name.startswith("module.") for name in tensors)
        self._left = {
            name.removeprefix("module.") if parallel else name: tensor
            for name, tensor in tensors.items()
            if not _NO_WEIGHTS.search(name)
        }

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def names(self, pattern: str = "") -> list[str]:
        """Return the names that are left and begin with a pattern."""
        return [name for name in self._left if re.match(pattern, name)]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor that stays where it is."""
        return self._get(name).shape

    def take(self, name: str) -> np.ndarray:
        """Take a tensor as it is."""
        tensor = self._get(name)
        del self._left[name]
        return np.asarray(tensor, np.float32)

    def dense(self, name: str) -> np.ndarray:
        """Take a dense kernel `[O, I]` as `[I, O]`."""
        return self._take(name, 2).T

    def conv(self, name: str) -> np.ndarray:
        """Take the kernel `[O, I, h, w]` of a convolution as `[h, w, I, O]`."""
        return self._take(name, 4).transpose(2, 3, 1, 0)

    def pixelwise(self, name: str) -> np.ndarray:
        """Take the kernel `[O, I, 1, 1]` of a convolution as a dense one `[I, O]`."""
        return self.conv(name)[0, 0]

    def transposed(self, name: str) -> np.ndarray:
        """Take the kernel `[I, O, h, w]` of a transposed convolution as `[h, w, I, O]`.

        PyTorch's is the gradient of a convolution with it, ours the convolution of spread pixels.
        """
        return self._take(name, 4).transpose(2, 3, 0, 1)[::-1, ::-1]

    def check_empty(self, family: str) -> None:
        """Refuse what nothing has taken.

        Raises:
            WeightsError: there is something left.
        """
        if self._left:
            some = ", ".join(f"{name} {_told(t)}" for name, t in list(self._left.items())[:4])
            more = f" and {len(self._left) - 4} more" if len(self._left) > 4 else ""
            normed = any("running_mean" in name for name in self._left)
            hint = "; its batch normalization has no place there" if normed else ""
            raise WeightsError(f"{some}{more}: no place in our {family} network{hint}")

    def _take(self, name: str, ndim: int) -> np.ndarray:
        if len(self.shape(name)) != ndim:
            raise WeightsError(f"{name} is {_told(self._get(name))}; expected {ndim} axes")
        return self.take(name)

    def _get(self, name: str) -> Any:
        if name not in self._left:
            raise WeightsError(f"{name} is missing; expected the whole state dict of a network")
        return self._left[name]


def _told(tensor: np.ndarray) -> str:
    return str(list(tensor.shape))
