"""Building the networks of a run from its settings, as flax modules.

`MODELS` has the networks that several GANs use; networks of a single GAN are declared with it, in
`variants`.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from jaxgan import Batch, Network, nets
from jaxgan.models import (
    biggan,
    dcgan,
    mlp,
    patch,
    resnet,
    sizes,
    translator,
    unet,
    voxels,
    wavegan,
)
from jaxgan.runs.settings import ConfigError, Networks, setting

Pair = tuple[nn.Module, nn.Module]
"""A generator and a discriminator."""

_DTYPES: dict[str, Any] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Facts(NamedTuple):
    """What the networks need to know about the data, which checkpoints record as well."""

    shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    source: tuple[int, ...] = ()
    """The shape of y, if it is a picture or a sentence."""

    @property
    def has_sentences(self) -> bool:
        """Whether y is a sentence, of the words `class_names`."""
        return len(self.source) == 1


def example(facts: Facts) -> Batch:
    """Return a batch of the data's shape, to initialize states."""
    x = np.zeros((2, *facts.shape), np.float32)
    if facts.has_sentences:
        return Batch(x, np.zeros((2, *facts.source), np.int32))
    if facts.source:
        return Batch(x, np.zeros((2, *facts.source), np.float32))
    return Batch(x, np.zeros(2, np.int32) if facts.class_names else None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Settings of networks and GANs that have none of their own."""


class Model(NamedTuple):
    """The networks that a value of --model selects.

    Attributes:
        settings: dataclass of the settings that only these networks have.
        pair: `maker -> (generator, discriminator)` from noise; None if they do not draw from noise.
        translator: `(maker, channels) -> generator` from pictures; None if they take no pictures.
        encoder: `(maker, features) -> encoder` of the same kind, for GANs that have one.
        is_open: whether a GAN that does not name its networks may use these.
        streams: names of the random streams that they draw from in training.
        check: refuses settings of its own that contradict each other.
        multiple: `own settings -> k`: the sides of pictures that a translator takes are multiples
            of k.
    """

    settings: type = NoSettings
    pair: "Callable[[Maker], Pair] | None" = None
    translator: "Callable[[Maker, int], nn.Module] | None" = None
    encoder: "Callable[[Maker, int], nn.Module] | None" = None
    is_open: bool = True
    streams: tuple[str, ...] = ("dropout",)
    check: Callable[[Any], None] = lambda own: None
    multiple: Callable[[Any], int] = lambda own: 1


class Maker(NamedTuple):
    """A builder of the networks of a run.

    Attributes:
        model: the kind of networks.
        shared: the settings that all networks have.
        own: the settings that only these have.
        facts: shape and classes of the data.
        conditional: whether G and D are shown the labels.
        axis_name: the axis to synchronize batch norm over, under pmap or shard_map.
    """

    model: Model
    shared: Networks
    own: Any
    facts: Facts
    conditional: bool = False
    axis_name: str | None = None

    @property
    def dtype(self) -> Any:
        """What the networks compute in."""
        return _DTYPES[self.shared.precision]

    def common(self, **more: Any) -> dict[str, Any]:
        """Return the keywords of every module that may be given labels, plus these."""
        classes = len(self.facts.class_names) if self.conditional else None
        return {"num_classes": classes, "dtype": self.dtype, **more}

    def image_shape(self) -> tuple[int, int, int]:
        """Return height, width and channels of images.

        Raises:
            ValueError: the data are no images.
        """
        shape = self.facts.shape
        if len(shape) != 3:
            raise ValueError(f"--model={self.shared.model} makes images, and the data are {shape}")
        height, width, channels = shape
        return height, width, channels

    def size_and_channels(self) -> tuple[tuple[int, int], int]:
        """Return height and width, and the channels, of images.

        Raises:
            ValueError: the data are no images, or of a size that no network supports.
        """
        height, width, channels = self.image_shape()
        try:
            sizes.check_image_size((height, width), channels)
        except ValueError as error:
            first, *_ = sizes.nearest_sizes((height, width))
            advice = f"; give --image_size={sizes.written(first)}"
            raise ValueError(f"{error}{advice if 'image_size' in str(error) else ''}") from error
        return (height, width), channels

    def pair(self) -> Pair:
        """Make the modules of G and D, for a GAN that draws from noise."""
        assert self.model.pair is not None  # guaranteed by `checks`
        return self.model.pair(self)

    def encoder(self, features: int) -> nn.Module:
        """Make an encoder from examples to this many features, as large as the discriminator."""
        assert self.model.encoder is not None  # guaranteed by `checks`
        return self.model.encoder(self, features)

    def translator(self, channels: int) -> nn.Module:
        """Make a generator from pictures to pictures."""
        assert self.model.translator is not None  # guaranteed by `checks`
        return self.model.translator(self, channels)

    def patches(self, layers: int) -> nn.Module:
        """Make a discriminator with a logit for every patch of a picture."""
        norm = "none" if self.shared.d_norm == "none" else "instance"
        return patch.Discriminator(
            layers=layers, normalization=norm, width=self.shared.width, dtype=self.dtype
        )

    def whole(self, classes: int | None = None) -> nn.Module:
        """Make a discriminator of whole pictures, which may also classify them."""
        return dcgan.Discriminator(
            image_size=self.size_and_channels()[0],
            width=self.shared.width,
            normalization=self.shared.d_norm,
            axis_name=self.axis_name,
            dtype=self.dtype,
            classes=classes,
        )

    def g(self, module: nn.Module) -> Network:
        """Wrap a module as a network of G's player."""
        # As in the authors' code, the embedding that BigGAN's blocks share is not normalized.
        shares = isinstance(module, biggan.Generator) and module.num_classes is not None
        exclude = ("embedding",) if shares else ()
        return self._network(module, self.shared.g_spectral_norm, exclude)

    def d(self, module: nn.Module) -> Network:
        """Wrap a module as a network of D's player."""
        return self._network(module, self.shared.spectral_norm)

    def _network(
        self, module: nn.Module, spectral_norm: bool, exclude: tuple[str, ...] = ()
    ) -> Network:
        network = nets.from_linen(module, rngs=self.model.streams)
        if self.shared.remat:
            network = nets.remat(network)
        if self.shared.microbatch:
            network = nets.microbatch(network, self.shared.microbatch)
        return nets.spectral_norm(network, exclude=exclude) if spectral_norm else network


def _dropout() -> Any:
    return setting(0.0, "dropout rate of the dense D, or of a U-Net", low=0.0, high=0.99)


def _d_last() -> Any:
    return setting(
        "linear",
        "last layer of D: linear, or one that looks where features differ most, as in SAN",
        choices=("linear", "san"),
    )


def upsample() -> Any:
    """Declare how the generator doubles the resolution."""
    return setting(
        "transposed",
        "how the generator doubles the resolution",
        choices=("transposed", "nearest", "bilinear", "pixel_shuffle"),
    )


def coarsest() -> Any:
    """Declare where the halving of images ends."""
    return setting(
        7,
        "what the shorter side of the coarsest feature map is at most; 4 gives 28x28 a third stage",
        low=4,
        high=7,
        sizes=True,
    )


def blocks() -> Any:
    """Declare the number of residual blocks."""
    return setting(2, "residual blocks, in total or in each stage", low=1, high=64, sizes=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Dense:
    dropout: float = _dropout()
    d_last: str = _d_last()


def _dense(maker: Maker) -> Pair:
    shape, width = maker.facts.shape, maker.shared.width
    generator = mlp.Generator(
        shape=shape,
        widths=(width, 2 * width),
        output="tanh" if len(shape) == 3 else "linear",
        **maker.common(),
    )
    own = {"dropout": maker.own.dropout, "last": maker.own.d_last}
    return generator, mlp.Discriminator(widths=(2 * width, width), **own, **maker.common())


def _dense_encoder(maker: Maker, features: int) -> nn.Module:
    width = maker.shared.width
    return mlp.Encoder(features, widths=(2 * width, width), dtype=maker.dtype)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _DCGAN:
    upsample: str = upsample()
    coarsest: int = coarsest()
    d_last: str = _d_last()


def _dcgan(maker: Maker) -> Pair:
    size, channels = maker.size_and_channels()
    shared = maker.common(
        image_size=size,
        width=maker.shared.width,
        axis_name=maker.axis_name,
        coarsest=maker.own.coarsest,
    )
    return (
        dcgan.Generator(channels=channels, upsample=maker.own.upsample, **shared),
        dcgan.Discriminator(normalization=maker.shared.d_norm, last=maker.own.d_last, **shared),
    )


def _dcgan_encoder(maker: Maker, features: int) -> nn.Module:
    return dcgan.Encoder(
        features,
        image_size=maker.size_and_channels()[0],
        normalization=maker.shared.d_norm,
        width=maker.shared.width,
        axis_name=maker.axis_name,
        dtype=maker.dtype,
        coarsest=maker.own.coarsest,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ResNet:
    attention: str = setting(
        "0",
        "height of the feature maps with self-attention, in pixels or as a share of the image's, "
        "such as 1/2; 0 for none",
    )


def _check_attention(own: _ResNet) -> None:
    if not re.fullmatch(r"\d{1,9}|1/[1-9]\d{0,8}", own.attention):
        raise ConfigError(
            f"--attention={own.attention}: expected a height in pixels, or a share such as 1/2"
        )


def _attention(maker: "Maker", height: int) -> int:
    """Return the height of the feature maps with self-attention, or 0."""
    pixels, is_share, part = maker.own.attention.partition("/")
    if not is_share:
        return int(pixels)
    if height % int(part):
        raise ValueError(
            f"attention={maker.own.attention} is no whole number of the {height} pixels; expected "
            f"a share such as 1/2"
        )
    return height // int(part)


def _residual(module: Any) -> Callable[[Maker], Pair]:
    def pair(maker: Maker) -> Pair:
        size, channels = maker.size_and_channels()
        attention = _attention(maker, size[0])
        shared = maker.common(image_size=size, width=maker.shared.width, attention=attention)
        # With attention the plain networks are SAGAN's, whose D is wide as BigGAN's always is.
        wide = attention > 0 or module is biggan
        return (
            module.Generator(channels=channels, axis_name=maker.axis_name, **shared),
            module.Discriminator(wide=wide, **shared),
        )

    return pair


@dataclasses.dataclass(frozen=True, kw_only=True)
class _WaveGAN:
    phase_shuffle: int = setting(2, "largest shift of D's features, in samples", low=0)


def _wavegan(maker: Maker) -> Pair:
    shape = maker.facts.shape
    if len(shape) != 2 or shape[0] not in wavegan.LENGTHS:
        lengths = sorted(wavegan.LENGTHS)
        raise ValueError(
            f"--model=wavegan makes sounds of {lengths} values, and the data are {shape}"
        )
    shared = maker.common(length=shape[0], width=maker.shared.width)
    d = wavegan.Discriminator(shuffle=maker.own.phase_shuffle, **shared)
    return wavegan.Generator(**shared), d


def _voxels(maker: Maker) -> Pair:
    shape = maker.facts.shape
    if len(shape) != 4:
        raise ValueError(f"--model=voxels makes solids, and the data are {shape}")
    shared = maker.common(side=shape[0], width=maker.shared.width, axis_name=maker.axis_name)
    d = voxels.Discriminator(normalization=maker.shared.d_norm, **shared)
    return voxels.Generator(**shared), d


@dataclasses.dataclass(frozen=True, kw_only=True)
class _UNet:
    stages: int = setting(2, "how often a U-Net halves the resolution", low=1, high=16, sizes=True)
    dropout: float = _dropout()
    upsample: str = upsample()


def _unet(maker: Maker, channels: int) -> nn.Module:
    return unet.Generator(
        channels=channels, width=maker.shared.width, dtype=maker.dtype, **vars(maker.own)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Translator:
    blocks: int = blocks()


def _translator(maker: Maker, channels: int) -> nn.Module:
    width, count = maker.shared.width, maker.own.blocks
    return translator.Generator(channels=channels, width=width, blocks=count, dtype=maker.dtype)


MODELS: dict[str, Model] = {
    "dcgan": Model(_DCGAN, _dcgan, encoder=_dcgan_encoder),
    "mlp": Model(_Dense, _dense, encoder=_dense_encoder),
    "resnet": Model(_ResNet, _residual(resnet), check=_check_attention),
    "biggan": Model(_ResNet, _residual(biggan), check=_check_attention),
    "unet": Model(_UNet, translator=_unet, multiple=lambda own: 2**own.stages),
    "translator": Model(_Translator, translator=_translator, multiple=lambda own: 4),
    "wavegan": Model(_WaveGAN, _wavegan, streams=("phase",)),
    "voxels": Model(pair=_voxels),
}
