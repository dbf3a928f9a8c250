"""A trained generator and the samples that it draws; `restore` loads one."""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import Network, Variables, latents
from jaxgan.runs.settings import ConfigError

if TYPE_CHECKING:
    from jaxgan.runs.config import Config
    from jaxgan.runs.networks import Facts
    from jaxgan.runs.variants.variant import Experiment

_AT_ONCE = 256
_APPLIED_AT_ONCE = 100


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

    def draw(self, z: jax.Array, y: np.ndarray | None) -> Any:
        """Draw samples for latents `[n, dim]` and labels `[n]`.

        Pictures are uint8, anything else is float. A GAN of two domains draws a pair of them.
        """
        from jaxgan.runs.show.samples import as_uint8

        apply = jax.jit(self.experiment.generator.apply, static_argnames="train")
        key = jax.random.key(0)  # only used in training
        parts = []
        for start in range(0, len(z), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            labels = () if y is None else (jnp.asarray(y[rows]),)
            samples, _ = apply(*self.variables, key, z[rows], *labels, train=False)
            parts.append(samples)
        samples = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
        return jax.tree.map(lambda a: as_uint8(a) if a.ndim == 4 else a, samples)

    def apply(self, network: Network, x: Any, *, of_d: bool = False) -> np.ndarray:
        """Apply a trained network of G's player, or of D's, to examples or latents."""
        variables = self.d_variables if of_d else self.variables
        compiled = jax.jit(partial(network.apply, train=False))
        parts = [
            np.asarray(
                compiled(*variables, jax.random.key(0), x[start : start + _APPLIED_AT_ONCE])[0]
            )
            for start in range(0, len(x), _APPLIED_AT_ONCE)
        ]
        return np.concatenate(parts)

    def truncated_latents(self, amount: float) -> latents.Latent:
        """Return a sampler of z whose components stay within +-amount.

        Raises:
            ConfigError: the latents are uniform.
        """
        networks = self.config.networks
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

    def labels(self, n: int, label: int | None) -> np.ndarray | None:
        """Return labels for n samples: the one that is asked for, or all classes in turn.

        Raises:
            ConfigError: the run has no such class.
        """
        if not self.is_conditional:
            if label is not None:
                raise ConfigError(
                    f"--label={label}: the run was trained without --conditional; leave it out"
                )
            return None
        classes = len(self.facts.class_names)
        if label is None:
            return np.arange(n) % classes
        if label >= classes:
            raise ConfigError(f"--label={label}: expected a class from 0 to {classes - 1}")
        return np.full(n, label)


def walk(sample: latents.Latent, key: jax.Array, n: int, stops: int, frames: int, closed: bool):
    """Interpolate through several random latents; returns `[total frames, n, dim]`."""
    points = jnp.stack([sample(k, n) for k in jax.random.split(key, stops)])
    ends = jnp.roll(points, -1, axis=0) if closed else points[1:]
    starts = points if closed else points[:-1]
    t = jnp.linspace(0.0, 1.0, frames, endpoint=not closed)[:, None, None]
    legs = [latents.slerp(a, b, t) for a, b in zip(starts, ends, strict=True)]
    return jnp.concatenate(legs)
