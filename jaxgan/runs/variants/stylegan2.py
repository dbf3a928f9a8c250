"""StyleGAN2 (arXiv:1912.04958): styles, style mixing, and path length regularization."""

import dataclasses
import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan import recipes
from jaxgan.models import stylegan2
from jaxgan.models.layers import Module
from jaxgan.runs.networks import Maker, Model, Pair
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.show.grids import grid
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The regularization of G."""

    path_weight: float = setting(2.0, "weight of the path length regularizer", low=0.0)
    path_every: int = setting(4, "apply it every k-th step, k times as much", low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Styles:
    mixing: float = setting(0.9, "share of the images with two styles", low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Which styles samples have."""

    style_mixing: int | None = setting(
        None,
        "mix styles: pictures on the left give the first so many layers, the coarse ones, and "
        "pictures above give the others",
        low=1,
    )


class _Sampling(NamedTuple):
    """What samples are drawn with: the builder of networks, and the truncation of styles."""

    maker: Maker
    truncation: float = 1.0

    def generator(self) -> Any:
        """Return the module of the generator."""
        return _pair(self.maker, self.truncation)[0]


class _Mixer(Module):
    """A generator with the variables of `like`, in which one latent gives the coarse layers.

    Attributes:
        like: the generator.
        coarse: how many layers.
    """

    like: Any
    coarse: int

    @nn.compact
    def __call__(self, left: Array, above: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate images `[B, H, W, C]` for two latents `[B, latent]` each, and labels."""
        del train
        like = self.like
        mapping = stylegan2.Mapping(
            like.w_dim, like.mapping_layers, like.num_classes, name="mapping"
        )
        synthesis = stylegan2.Synthesis(
            like.image_size, like.channels, like.width, like.dtype, name="synthesis"
        )
        mean = self.variable("averages", "w", jnp.zeros, (like.w_dim,)).value
        if self.coarse >= synthesis.layers:
            raise ConfigError(
                f"--style_mixing={self.coarse}: expected fewer than all {synthesis.layers} layers"
            )
        coarse, fine = (mean + like.truncation * (mapping(z, y) - mean) for z in (left, above))
        is_coarse = jnp.arange(synthesis.layers)[:, None] < self.coarse
        return synthesis(jnp.where(is_coarse, coarse[:, None], fine[:, None]))


def _pair(maker: Maker, truncation: float = 1.0) -> Pair:
    size, channels = maker.size_and_channels()
    shared = maker.common(image_size=size, width=maker.shared.width)
    styles = {"w_dim": maker.shared.latent_dim, "mixing": maker.own.mixing}
    return (
        stylegan2.Generator(channels=channels, truncation=truncation, **styles, **shared),
        stylegan2.Discriminator(**shared),
    )


def _build(setup: Setup) -> Experiment:
    maker = setup.maker
    g_module, d_module = maker.pair()
    g, d = maker.g(g_module), maker.d(d_module)
    layers = g_module.layers
    gan = recipes.stylegan2(g, d, layers=layers, **vars(setup.own), **setup.keywords)
    return Experiment(gan, g, setup.latent, _Sampling(maker))


def _truncate(trained: Trained, amount: float) -> Trained:
    """Move the styles towards their mean, to the share `amount` of the distance from it."""
    own = trained.experiment.own._replace(truncation=amount)
    generator = own.maker.g(own.generator())
    return trained._replace(experiment=trained.experiment._replace(generator=generator, own=own))


def _mixed(trained: Trained, options: Options, key, n: int) -> np.ndarray | None:
    """Draw a table of mixtures of the pictures on its left and above it."""
    if options.style_mixing is None:
        return None
    own, side = trained.experiment.own, max(1, round(math.sqrt(n)))
    network = own.maker.g(_Mixer(own.generator(), options.style_mixing))
    z = np.asarray(trained.experiment.latent(key, 2 * side))
    left, above = z[:side], z[side:]
    # In the first row are pictures that give fine layers, in the first column those that give
    # coarse ones, and the corner is empty.
    coarse = np.concatenate(
        [above[:1], above, *(one[None].repeat(side + 1, axis=0) for one in left)]
    )
    fine = np.concatenate([above[:1], above, *(x for one in left for x in (one[None], above))])
    inputs = [coarse, fine]
    if trained.is_conditional:
        inputs.append(np.zeros(len(coarse), np.int32))
    made = as_uint8(trained.apply(network, *inputs))
    made[0] = 0
    return grid(made, side + 1)


VARIANT = Variant(
    _build,
    Settings,
    models=("stylegan2",),
    model=("stylegan2", Model(_Styles, _pair, is_open=False, streams=("mixing", "noise"))),
    # Section 3.1 and appendix B, with the learning rate and batch of configuration F.
    defaults={
        "penalty": "r1",
        "penalty_weight": 10.0,
        "penalty_every": 16,
        "g_lr": 0.002,
        "d_lr": 0.002,
        "beta1": 0.0,
        "beta2": 0.99,
        "batch_size": 32,
        "latent_dim": 512,
    },
    options=Options,
    draw=_mixed,
    truncate=_truncate,
)
