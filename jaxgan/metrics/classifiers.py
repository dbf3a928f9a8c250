"""Small classifiers of digits, clothes and photographs, whose features compare images.

`experiments/train_classifier.py` trains them. Their weights ship with the package:

    name           trained on                             tested on            accuracy
    digits         8,000 of the 10,000 shipped digits     the 2,000 others     99.05 %
    mnist          60,000 images of MNIST's train split   MNIST's test split   99.36 %
    fashion_mnist  60,000 of Fashion-MNIST's train split  its test split       92.79 %
    cifar10        50,000 of CIFAR-10's train split       its test split       78.13 %

`cifar10` was trained and tested on pictures that had been re-encoded as JPEG. It is small, but it
has seen photographs: its features compare any pictures, while its ten classes mean something for
those of CIFAR-10 only.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from jaxgan.metrics import _npz
from jaxgan.metrics.features import FeatureNetwork
from jaxgan.metrics.torch_file import WeightsError
from jaxgan.models.layers import Conv

__all__ = ["NAMES", "Classifier", "load", "read", "save"]

NAMES = ("digits", "mnist", "fashion_mnist", "cifar10")

_WIDTH = 64
_CLASSES = 10


class _Layer(NamedTuple):
    """A convolution, after which `pool` takes the largest of each 2 x 2 outputs."""

    features: int
    window: int
    stride: int = 1
    pool: bool = False


_LAYERS = {
    1: (_Layer(32, 5, stride=2), _Layer(64, 3, stride=2), _Layer(64, 3)),
    3: (
        _Layer(24, 3, pool=True),
        _Layer(48, 3, pool=True),
        _Layer(96, 3, pool=True),
        _Layer(96, 3),
    ),
}
_SIDES = {1: 28, 3: 32}


class Classifier(nn.Module):
    """Convolutions with batch norm, 64 features and ten logits.

    That of gray images has three convolutions and 257,000 parameters, and sees 28 x 28 pixels; that
    of color images four and 236,000, and sees 32 x 32.

    The features are the normalized inputs of the last nonlinearity. The Frechet distance models
    their distribution as a Gaussian, to which the inputs are closer than the outputs: on the test
    images of MNIST and Fashion-MNIST, the mean skewness of the inputs is 0.7 and 0.5 and their mean
    excess kurtosis -0.1 and 0.1; the skewness of the outputs, 60 % of which are 0, is 1.7 and 2.
    No feature is constant, so covariances have full rank. Each has a variance of about 1 on the
    training images, so the distances of different classifiers are on one scale.

    Attributes:
        channels: of the images, 1 or 3.

    Raises:
        ValueError: if there is no classifier of so many channels.

    Example:
        >>> from jaxgan.metrics import classifiers
        >>> classifiers.Classifier(channels=3).shape
        (32, 32, 3)
    """

    channels: int = 1

    def __post_init__(self):
        if self.channels not in _LAYERS:
            raise ValueError(
                f"channels={self.channels!r}: there are classifiers of gray and color images; "
                f"give 1 or 3"
            )
        super().__post_init__()

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the images, `(H, W, C)`."""
        side = _SIDES[self.channels]
        return side, side, self.channels

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> tuple[Array, Array]:
        """Map images `[B, H, W, C]` in [0, 255] to features `[B, 64]` and logits `[B, 10]`."""

        def norm(x: Array, **settings: Any) -> Array:
            return nn.BatchNorm(use_running_average=not train, momentum=0.98, **settings)(x)

        x = x.astype(jnp.float32) / 255
        for width, window, stride, pool in _LAYERS[self.channels]:
            x = Conv(width, (window, window), strides=stride, use_bias=False)(x)
            x = nn.relu(norm(_largest(x) if pool else x))
        x = nn.Dense(_WIDTH, use_bias=False)(x.reshape(len(x), -1))
        features = norm(x, use_scale=False, use_bias=False)
        return features, nn.Dense(_CLASSES)(nn.relu(features))


def _largest(x: Array) -> Array:
    """Return the largest of each 2 x 2; the gradient of `nn.max_pool` is slow on CPU."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


@cache  # one function for each name, so that it is compiled once
def load(name: str) -> FeatureNetwork:
    """Return a classifier that ships with the package.

    Args:
        name: `digits`, `mnist`, `fashion_mnist` or `cifar10`.

    Returns:
        The network, as `read` describes it.

    Raises:
        ValueError: if there is none of this name.

    Example:
        >>> from jaxgan import data
        >>> from jaxgan.metrics import classifiers
        >>> digits = data.load("digits", split="train[:4]")
        >>> features, logits = classifiers.load("digits").apply(digits.x)
        >>> features.shape, logits.argmax(axis=1).tolist(), digits.y.tolist()
        ((4, 64), [7, 2, 1, 0], [7, 2, 1, 0])
    """
    if name not in NAMES:
        raise ValueError(f"there is no classifier {name!r}; choose one of {', '.join(NAMES)}")
    weights = resources.files("jaxgan.metrics").joinpath("weights", f"{name}.npz")
    with weights.open("rb") as file:
        return _network(file, name)


def read(path: str | os.PathLike[str], name: str) -> FeatureNetwork:
    """Read a classifier from a file that `save` wrote.

    Args:
        path: of the .npz file.
        name: of the network.

    Returns:
        The network. Its `apply` maps uint8 images `[B, H, W, C]` to features `[B, 64]` and logits
        `[B, 10]`, both float32. Images of other sizes are resized to those of the training, 28x28
        gray or 32x32 color ones, bilinearly and antialiased. A network of gray images expects them
        white on black like MNIST's, one of color images also takes gray ones and repeats their
        channel. Other images, and images that are not uint8, raise a ValueError.

    Raises:
        WeightsError: if the file is damaged or does not hold the weights of a `Classifier`.
        OSError: if it cannot be read.

    Example:
        >>> from jaxgan.metrics import classifiers
        >>> network = classifiers.read("weights.npz", "letters")  # doctest: +SKIP
        >>> features, logits = network.apply(images)  # doctest: +SKIP
    """
    with open(path, "rb") as file:  # np.load leaves it open where it cannot read it
        return _network(file, name)


def save(path: str | os.PathLike[str], variables: Mapping[str, Any]) -> None:
    """Write the variables of a classifier, as float16, for `read`.

    Args:
        path: of the .npz file, which appears when it is complete.
        variables: of a `Classifier`, with the collections `params` and `batch_stats`.

    Raises:
        ValueError: if they are of another network.
        OSError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import classifiers
        >>> network, images = classifiers.Classifier(), jnp.zeros((1, 28, 28, 1))
        >>> init = lambda key: network.init(key, images, train=True)
        >>> shapes = jax.eval_shape(init, jax.random.key(0))
        >>> variables = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     classifiers.save(f"{directory}/weights.npz", variables)
        ...     classifiers.read(f"{directory}/weights.npz", "untrained").width
        64
    """
    _kind("variables", _flat(variables) if isinstance(variables, Mapping) else {})
    arrays: dict[str, Any] = {
        key: np.asarray(leaf, np.float16) for key, leaf in _flat(variables).items()
    }
    part = Path(path).with_name(Path(path).name + ".part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _network(file: IO[bytes], name: str) -> FeatureNetwork:
    classifier, variables = _variables(file)

    def apply(images: Array) -> tuple[Array, Array]:
        _check(images, name, classifier.channels)
        shape = (len(images), *classifier.shape)
        images = jnp.broadcast_to(images, (*images.shape[:3], classifier.channels))
        if images.shape != shape:
            images = jax.image.resize(images.astype(jnp.float32), shape, "bilinear")
        outputs: Any = classifier.apply(variables, images, train=False)
        return outputs

    return FeatureNetwork(name, _WIDTH, jax.jit(apply), _CLASSES)


def _variables(file: IO[bytes]) -> tuple[Classifier, dict[str, Any]]:
    shapes: dict[str, tuple[int, ...]] = {}  # of each array, the largest that one of them has
    for classifier in map(Classifier, _LAYERS):
        for key, shape in _shapes(classifier).items():
            shapes[key] = max(shapes.get(key, ()), shape, key=np.prod)
    try:
        arrays = _npz.read(file, shapes)
    except WeightsError as error:
        raise WeightsError(f"{_name(file)}: {error}") from error
    classifier = _kind(_name(file), arrays)
    if any(leaf.dtype.kind != "f" for leaf in arrays.values()):
        raise WeightsError(f"{_name(file)} holds other numbers than floats; expected weights")
    leaves = {key: leaf.astype(np.float32) for key, leaf in arrays.items()}
    return classifier, unflatten_dict(leaves, sep="/")


def _kind(name: str, flat: dict[str, Any]) -> Classifier:
    """Return the classifier that has variables of these shapes."""
    found = {key: np.shape(leaf) for key, leaf in flat.items()}
    for classifier in map(Classifier, _LAYERS):
        if found == _shapes(classifier):
            return classifier
    raise WeightsError(
        f"{name} does not hold the weights of a classifier; expected those of a `Classifier`: "
        f"train one with experiments/train_classifier.py"
    )


def _shapes(classifier: Classifier) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the variables by their names."""
    image = jax.ShapeDtypeStruct((1, *classifier.shape), jnp.float32)
    init = lambda key, x: classifier.init(key, x, train=True)  # noqa: E731
    variables = jax.eval_shape(init, jax.random.key(0), image)
    return {key: leaf.shape for key, leaf in _flat(variables).items()}


def _flat(variables: Any) -> dict[str, Any]:
    """Return the leaves by names such as `params/Conv_0/kernel`."""
    return flatten_dict(variables, sep="/")


def _name(file: IO[bytes]) -> str:
    return repr(str(getattr(file, "name", "the file")))


def _check(images: Array, name: str, channels: int) -> None:
    """Check that images are like those the network was trained on.

    Raises:
        ValueError: if they are not uint8 `[B, H, W, C]`.
    """
    if images.ndim != 4 or images.shape[-1] not in {1, channels}:
        expected = " or ".join(f"[B, H, W, {count}]" for count in sorted({1, channels}))
        raise ValueError(
            f"the classifier {name} takes images {expected}, not an array of shape "
            f"{tuple(images.shape)}; choose a feature network for such images"
        )
    if images.dtype != np.uint8:
        raise ValueError(
            f"the classifier {name} takes uint8 images, 0 to 255, not {images.dtype}; "
            f"convert them with jaxgan.data.to_uint8"
        )
