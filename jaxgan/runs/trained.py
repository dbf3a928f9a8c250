"""A trained generator and the samples that it draws; `restore` loads one."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import Network, Variables, latents
from jaxgan._alone import alone
from jaxgan.runs.settings import ConfigError

if TYPE_CHECKING:
    from jaxgan.runs.config import Config
    from jaxgan.runs.networks import Facts
    from jaxgan.runs.variants.variant import Experiment

TOGETHER = 32
"""Samples that are drawn by one call of a program, for files of their own."""
_AT_ONCE = 256
_LEAST_AMOUNT = 1e-3
_APPLIED_AT_ONCE = 100
_PIXELS_AT_ONCE = 2**15


class Trained(NamedTuple):
    """A trained generator and the run that it comes from.

    Attributes:
        config: the settings of the run.
        facts: facts about its data.
        experiment: the GAN that it trained.
        variables: variables of G's player, from its running average if there is one.
        step: updates of G so far.
        d_variables: variables of D's player.
    """

    config: "Config"
    facts: "Facts"
    experiment: "Experiment"
    variables: Variables
    step: int
    d_variables: Variables

    @property
    def own(self) -> Any:
        """The settings that only this GAN has."""
        return self.config.own

    @property
    def dataset_name(self) -> str:
        """The name of the data set that it was trained on."""
        return self.config.data.dataset

    @property
    def is_conditional(self) -> bool:
        """Whether the generator is given the class to draw."""
        return self.config.objective.conditional

    @property
    def draws_sentences(self) -> bool:
        """Whether the generator is given a sentence to draw."""
        return self.is_conditional and self.facts.has_sentences

    @property
    def multiple(self) -> int:
        """What the sides of pictures that the generator takes are multiples of."""
        from jaxgan.runs.variants import MODELS

        return MODELS[self.config.networks.model].multiple(self.config.own_of_model)

    @property
    def draws_pairs(self) -> bool:
        """Whether a sample is a pair of pictures, one of each of two domains."""
        inputs = [jax.ShapeDtypeStruct((TOGETHER, 2), np.uint32)]
        if self.is_conditional:
            inputs.append(jax.ShapeDtypeStruct((TOGETHER, *self.facts.source), np.int32))
        return isinstance(jax.eval_shape(self._drawer(), *inputs), tuple)

    def draw(self, z: jax.Array | np.ndarray, y: np.ndarray | None) -> Any:
        """Draw samples for latents `[n, dim]` and labels `[n]` or sentences `[n, L]`.

        Pictures are uint8, anything else is float. A GAN of two domains draws a pair of them.
        """
        inputs = (z,) if y is None else (z, np.asarray(y, np.int32))
        draw = partial(_applied, self.experiment.generator.apply, self.variables)
        return _shown(_in_parts(draw, inputs, min(len(z), _AT_ONCE)))

    def draw_each(self, names: np.ndarray, y: np.ndarray | None) -> Any:
        """Draw samples that depend on their own names and labels alone, not on each other.

        Args:
            names: `[n, 2]`: a seed, and the number of the sample among those of the seed.
            y: labels `[n]`, sentences `[n, L]`, or None.

        Returns:
            Samples like those of `draw`, bit for bit the same whatever else is drawn with them.
        """
        names = np.asarray(names, np.uint32)
        inputs = (names,) if y is None else (names, np.asarray(y, np.int32))
        return _shown(_in_parts(self._drawer(), inputs, TOGETHER))

    def _drawer(self) -> Callable:
        """Return what draws samples for names and labels."""
        experiment = self.experiment
        return partial(_drawn, experiment.latent, experiment.generator.apply, self.variables)

    def apply(self, network: Network, *inputs: Any, of_d: bool = False) -> np.ndarray:
        """Apply a trained network of G's player, or of D's, to examples or latents."""
        variables = self.d_variables if of_d else self.variables
        apply = partial(_applied, network.apply, variables)
        return _in_parts(apply, inputs, min(len(inputs[0]), _APPLIED_AT_ONCE))

    def remake(self, network: Network, x: Any) -> np.ndarray:
        """Apply a network from pictures to pictures, which may be of any size.

        Pictures of a size that it does not take are padded by reflection, and what is made of the
        padding is cut off. What is made of a picture does not depend on the others.

        Args:
            network: one of G's player.
            x: `[N, H, W, C]` in [-1, 1].

        Returns:
            `[N, k H, k W, C']`, where k is 1 unless the network enlarges.
        """
        height, width = x.shape[1:3]
        bottom, right = -height % self.multiple, -width % self.multiple
        padded = np.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
        pixels = padded.shape[1] * padded.shape[2]
        together = min(max(1, _PIXELS_AT_ONCE // pixels), TOGETHER)
        made = _in_parts(partial(_remade, network.apply, self.variables), (padded,), together)
        factor = made.shape[1] // padded.shape[1]
        return made[:, : factor * height, : factor * width]

    def truncated_latents(self, amount: float) -> latents.Latent:
        """Return a sampler of z whose components stay within +-amount.

        Raises:
            ConfigError: the latents are uniform, or the amount leaves none.
        """
        networks = self.config.networks
        if amount < _LEAST_AMOUNT:
            raise ConfigError(f"--truncation={amount:g}: expected at least {_LEAST_AMOUNT:g}")
        if networks.latent != "normal":
            raise ConfigError(
                "--truncation: expected a run with normal latents, and this one has uniform ones"
            )
        return latents.truncated(networks.latent_dim, amount)

    def with_truncated_latents(self, amount: float) -> "Trained":
        """Return the run with more typical samples: components of z stay within +-amount.

        Raises:
            ConfigError: the latents are uniform.
        """
        latent = self.truncated_latents(amount)
        return self._replace(experiment=self.experiment._replace(latent=latent))


@partial(jax.jit, static_argnames=("sample", "n", "stops", "frames", "closed"))
def walk(sample: latents.Latent, key: jax.Array, n: int, stops: int, frames: int, closed: bool):
    """Interpolate through several random latents; returns `[total frames, n, dim]`."""
    points = jnp.stack([sample(k, n) for k in jax.random.split(key, stops)])
    ends = jnp.roll(points, -1, axis=0) if closed else points[1:]
    starts = points if closed else points[:-1]
    t = jnp.linspace(0.0, 1.0, frames, endpoint=not closed)[:, None, None]
    legs = [latents.slerp(a, b, t) for a, b in zip(starts, ends, strict=True)]
    return jnp.concatenate(legs)


# These are compiled once for each network and shape, however often they are called.


@partial(jax.jit, static_argnums=0)
def _applied(apply: Callable, variables: Variables, *inputs: Any) -> Any:
    """Apply a network to a batch; keys are only used by networks with noise."""
    return apply(*variables, jax.random.key(0), *inputs, train=False)[0]


@partial(jax.jit, static_argnums=(0, 1))
def _drawn(latent: latents.Latent, apply: Callable, variables: Variables, *inputs: Any) -> Any:
    """Draw a sample for each seed and number, and label."""

    def one(name: jax.Array, *y: jax.Array) -> Any:
        key = jax.random.fold_in(jax.random.key(name[0]), name[1])
        labels = [label[None] for label in y]
        noise = jax.random.fold_in(key, 1)
        x, _ = apply(*variables, noise, latent(key, 1), *labels, train=False)
        return jax.tree.map(lambda leaf: leaf[0], x)

    return jax.vmap(one)(*inputs)


@partial(jax.jit, static_argnums=0)
def _remade(apply: Callable, variables: Variables, x: Any) -> Any:
    """Apply a network to pictures, with the same noise for each of them."""

    def one(picture: jax.Array) -> Any:
        return apply(*variables, jax.random.key(0), picture[None], train=False)[0][0]

    return jax.vmap(one)(x)


def _in_parts(apply: Callable, inputs: tuple[Any, ...], together: int) -> Any:
    """Apply a program to a few examples at a time; it is the same for all parts."""
    count, parts = len(inputs[0]), []
    for start in range(0, count, together):
        rows = [np.asarray(array[start : start + together]) for array in inputs]
        missing = together - len(rows[0])
        rows = [np.concatenate([row, row[:1].repeat(missing, axis=0)]) for row in rows]
        with alone(True):
            parts.append(apply(*rows))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:count], *parts)


def _shown(samples: Any) -> Any:
    from jaxgan.runs.show.samples import as_uint8

    return jax.tree.map(lambda a: as_uint8(a) if a.ndim == 4 else a, samples)
