"""The Inception network of the Frechet Inception distance, from its public weights.

It is the graph of 2015 that FID (Heusel et al. 2017, arXiv:1706.08500) and the Inception score
(Salimans et al. 2016, arXiv:1606.03498) are defined by, as implemented in torch-fidelity. It
differs from the common Inception v3 (Szegedy et al. 2015, arXiv:1512.00567) in how images are
resized, in average pooling, which excludes the padding, in the last block, which uses max pooling,
and in the number of classes, 1008.

The weights do not ship with the package; they can be downloaded from `URL`.
"""

import functools
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array, lax

from jaxgan.metrics import _npz, torch_file
from jaxgan.metrics.features import FeatureNetwork
from jaxgan.metrics.torch_file import WeightsError

__all__ = ["SHA256", "URL", "WeightsError", "from_arrays", "load", "resize", "shapes"]

URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_SIDE = 299
_WIDTH = 2048
_CLASSES = 1008
# The distance depends on several digits of the means, which TF32 on a GPU would change.
_PRECISION = lax.Precision.HIGHEST


def load(path: str | Path, *, sha256: str | None = SHA256) -> FeatureNetwork:
    """Load the network from a file of weights.

    The file is the public one (`URL`), or an .npz file of the same arrays, as made by
    `np.savez("inception.npz", **torch_file.parse(Path("inception.pth").read_bytes()))`.

    Args:
        path: the file. NumPy reads .npz; anything else is taken for a PyTorch state dict. Neither
            can execute code.
        sha256: the expected SHA-256 of the file, verified before the file is parsed. The default is
            that of the public file; an .npz file needs its own, or None, to check only the names
            and shapes of the arrays.

    Returns:
        The network "inception": features `[B, 2048]` before the last layer, and logits
        `[B, 1008]` without their bias, as in the Inception score. It takes uint8 images
        `[B, H, W, C]` of any size, C 1 or 3. It is already compiled: inside another `jax.jit`, its
        95 MB of weights would become constants of that program.

    Raises:
        WeightsError: if the file cannot be read, has another hash, is damaged, or does not hold
            the arrays of this network.

    Example:
        >>> from jaxgan.metrics import inception
        >>> network = inception.load("pt_inception-2015-12-05-6726825d.pth")  # doctest: +SKIP
        >>> features, logits = network.apply(images)  # doctest: +SKIP
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}); the weights are at {URL}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise WeightsError(
            f"{path} has SHA-256 {found[:12]}..., expected {sha256[:12]}...: fetch {URL}, "
            f"or give sha256=... of your file"
        )
    try:
        parse = _parse_npz if path.suffix == ".npz" else torch_file.parse
        return from_arrays(parse(content))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def from_arrays(arrays: Mapping[str, np.ndarray]) -> FeatureNetwork:
    """Build the network from its weights, with the names and shapes that `shapes` returns.

    Arrays with other names are ignored.

    Raises:
        WeightsError: if an array is missing, has another shape, or does not hold floats.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import inception
        >>> network = inception.from_arrays(np.load("inception.npz"))  # doctest: +SKIP
    """
    variables = _variables(arrays)

    def apply(images: Array) -> tuple[Array, Array]:
        # Two programs, so that the network is not compiled again for another size of images.
        return _run(variables, resize(images))

    return FeatureNetwork("inception", _WIDTH, apply)


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the names of the arrays that the network needs, with their shapes.

    Both follow PyTorch: `Conv2d_1a_3x3.conv.weight` is `[out, in, height, width]`.

    Example:
        >>> from jaxgan.metrics import inception
        >>> inception.shapes()["Conv2d_1a_3x3.conv.weight"]
        (32, 3, 3, 3)
    """
    return {_torch_name(path): _torch_shape(path, leaf.shape) for path, leaf in _leaves().items()}


@jax.jit
def resize(images: Array) -> Array:
    """Bring images to the size and range of the network, as TensorFlow 1 did.

    The interpolation is bilinear, along each axis between the pixels at floor(s) and floor(s) + 1
    with `s = i * size / 299`: without a shift by half a pixel, and without antialiasing. Then the
    values become `(x - 128) / 128`. On a CPU the result equals torch-fidelity's bit for bit.

    Args:
        images: uint8 `[B, H, W, C]`, C 1 or 3.

    Returns:
        float32 `[B, 299, 299, 3]` in [-1, 1); a single channel becomes three equal ones.

    Raises:
        ValueError: if the images are others.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import inception
        >>> x = inception.resize(jnp.full((1, 32, 32, 1), 128, jnp.uint8))
        >>> x.shape, float(x.max())
        ((1, 299, 299, 3), 0.0)
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"images of shape {images.shape}; expected [B, H, W, C] with C 1 or 3")
    if images.dtype != jnp.uint8:
        raise ValueError(f"images of {images.dtype}; expected uint8, from 0 to 255")
    x = _interpolate(_interpolate(images.astype(jnp.float32), axis=2), axis=1)
    return jnp.broadcast_to((x - 128) / 128, (*x.shape[:3], 3))


def _interpolate(x: Array, *, axis: int) -> Array:
    size = x.shape[axis]
    position = np.arange(_SIDE, dtype=np.float32) * np.float32(size / _SIDE)
    low = position.astype(int)
    high = np.minimum(low + 1, size - 1)
    weight = (position - low).astype(np.float32).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    start, end = jnp.take(x, low, axis), jnp.take(x, high, axis)
    # Clipping changes no value. It keeps the compiler from fusing the product and the sum into one
    # operation, which would round once; the original rounds twice.
    return start + jnp.clip((end - start) * weight, -255, 255)


class _Inception(nn.Module):
    """The network: images `[B, 299, 299, 3]` to features `[B, 2048]` and logits `[B, 1008]`."""

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        x = _Conv(32, 3, 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = _Conv(32, 3, 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = _Conv(64, 3, name="Conv2d_2b_3x3")(x)
        x = _halve(x)
        x = _Conv(80, 1, name="Conv2d_3b_1x1")(x)
        x = _Conv(192, 3, 1, "VALID", name="Conv2d_4a_3x3")(x)
        x = _halve(x)
        for name, pooled in [("5b", 32), ("5c", 64), ("5d", 64)]:
            x = _Mixed5(pooled, name=f"Mixed_{name}")(x)
        x = _Mixed6a(name="Mixed_6a")(x)
        for name, width in [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)]:
            x = _Mixed6(width, name=f"Mixed_{name}")(x)
        x = _Mixed7a(name="Mixed_7a")(x)
        x = _Mixed7(_average, name="Mixed_7b")(x)
        # The original uses max pooling here, where every other block uses average pooling.
        x = _Mixed7(_maximum, name="Mixed_7c")(x)
        features = jnp.mean(x, axis=(1, 2))
        logits = nn.Dense(_CLASSES, use_bias=False, precision=_PRECISION, name="fc")(features)
        return features, logits


class _Conv(nn.Module):
    """Convolution, batch normalization with fixed statistics, ReLU."""

    features: int
    window: int | tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        window = (self.window, self.window) if isinstance(self.window, int) else self.window
        x = nn.Conv(
            self.features,
            window,
            self.stride,
            self.padding,
            use_bias=False,
            kernel_init=nn.initializers.zeros,  # weights come from a file; random ones take time
            precision=_PRECISION,
            name="conv",
        )(x)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x))


class _Mixed5(nn.Module):
    pooled: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = _Conv(64, 1, name="branch1x1")(x)
        five = _chain(x, "branch5x5", (48, 1), (64, 5))
        three = _chain(x, "branch3x3dbl", (64, 1), (96, 3), (96, 3))
        pool = _Conv(self.pooled, 1, name="branch_pool")(_average(x))
        return jnp.concatenate([one, five, three, pool], axis=-1)


class _Mixed6a(nn.Module):
    @nn.compact
    def __call__(self, x: Array) -> Array:
        three = _Conv(384, 3, 2, "VALID", name="branch3x3")(x)
        double = _chain(x, "branch3x3dbl", (64, 1), (96, 3), (96, 3, 2, "VALID"))
        return jnp.concatenate([three, double, _halve(x)], axis=-1)


class _Mixed6(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        row, column = (self.width, (1, 7)), (self.width, (7, 1))
        one = _Conv(192, 1, name="branch1x1")(x)
        seven = _chain(x, "branch7x7", (self.width, 1), row, (192, (7, 1)))
        double = _chain(x, "branch7x7dbl", (self.width, 1), column, row, column, (192, (1, 7)))
        pool = _Conv(192, 1, name="branch_pool")(_average(x))
        return jnp.concatenate([one, seven, double, pool], axis=-1)


class _Mixed7a(nn.Module):
    @nn.compact
    def __call__(self, x: Array) -> Array:
        last = (3, 2, "VALID")
        three = _chain(x, "branch3x3", (192, 1), (320, *last))
        seven = _chain(x, "branch7x7x3", (192, 1), (192, (1, 7)), (192, (7, 1)), (192, *last))
        return jnp.concatenate([three, seven, _halve(x)], axis=-1)


class _Mixed7(nn.Module):
    pool: Any

    @nn.compact
    def __call__(self, x: Array) -> Array:
        one = _Conv(320, 1, name="branch1x1")(x)
        three = _chain(x, "branch3x3", (384, 1))
        double = _chain(x, "branch3x3dbl", (448, 1), (384, 3))
        pool = _Conv(192, 1, name="branch_pool")(self.pool(x))
        crosses = [
            _Conv(384, window, name=name)(branch)
            for branch, stem in [(three, "branch3x3_2"), (double, "branch3x3dbl_3")]
            for name, window in [(f"{stem}a", (1, 3)), (f"{stem}b", (3, 1))]
        ]
        return jnp.concatenate([one, *crosses, pool], axis=-1)


def _chain(x: Array, name: str, *convolutions: tuple) -> Array:
    for number, settings in enumerate(convolutions, start=1):
        x = _Conv(*settings, name=f"{name}_{number}")(x)
    return x


def _halve(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), (2, 2))


def _average(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def _maximum(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), padding="SAME")


_run = jax.jit(_Inception().apply)


@functools.cache
def _leaves() -> dict[tuple[str, ...], Any]:
    """Return the shapes of the variables by their paths."""
    image = jax.ShapeDtypeStruct((1, _SIDE, _SIDE, 3), jnp.float32)
    return dict(flatten_dict(jax.eval_shape(_Inception().init, jax.random.key(0), image)))


_TORCH = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def _torch_name(path: tuple[str, ...]) -> str:
    return ".".join([*path[1:-1], _TORCH.get(path[-1], path[-1])])


def _torch_shape(path: tuple[str, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in PyTorch, where `[..., in, out]` is `[out, in, ...]`."""
    return (*shape[:-3:-1], *shape[:-2]) if path[-1] == "kernel" else shape


def _variables(arrays: Mapping[str, np.ndarray]) -> Any:
    """Convert the arrays to the variables of the network."""
    variables = {}
    for path, leaf in _leaves().items():
        name, shape = _torch_name(path), _torch_shape(path, leaf.shape)
        if name not in arrays:
            raise WeightsError(f"there is no {name!r}; expected the weights of {URL}")
        array = arrays[name]
        if array.shape != shape or not jnp.issubdtype(array.dtype, jnp.floating):
            raise WeightsError(
                f"{name!r} is {array.dtype} {array.shape}; expected floats {shape}: "
                f"these are not the weights of {URL}"
            )
        if path[-1] == "kernel":
            array = np.moveaxis(array, (1, 0), (-2, -1))
        variables[path] = jnp.asarray(array, jnp.float32)
    return unflatten_dict(variables)


def _parse_npz(content: bytes) -> dict[str, np.ndarray]:
    return _npz.read(io.BytesIO(content), shapes())
