"""The description of a GAN as one value: `Variant`.

Each module of this package describes one GAN: its own settings with its paper's defaults, the
networks it goes with, its requirements on the data, how it is built, what its samples are made
from, how they are shown, and how they are measured. Nothing outside of this package refers to a GAN
by its name.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import Network
from jaxgan.data import Dataset
from jaxgan.latents import Latent
from jaxgan.runs.networks import Facts, Maker, Model, NoSettings
from jaxgan.runs.settings import ConfigError

if TYPE_CHECKING:
    from jaxgan.runs.measures.answers import Question
    from jaxgan.runs.measures.row import Row
    from jaxgan.runs.trained import Trained


def no_latent(key: jax.Array, n: int) -> jax.Array:
    """The latent of GANs that make pictures from pictures alone: `[n, 0]`."""
    del key
    return jnp.zeros((n, 0))


class Experiment(NamedTuple):
    """A GAN to train, and what its samples are drawn with.

    Attributes:
        gan: the GAN.
        generator: maps latents, and a condition if there is one, to samples; applied to the
            variables of G's player.
        latent: sampler of z, of dimension 0 if pictures are made from pictures alone.
        own: what else the GAN's sampling and measures need; only its own module uses it.
    """

    gan: jaxgan.GAN
    generator: Network
    latent: Latent
    own: Any = None


class Setup(NamedTuple):
    """The inputs to the construction of a GAN.

    Attributes:
        own: its own settings.
        facts: facts about the data.
        maker: builder of its networks.
        loss: name of the pair of losses.
        keywords: keywords of `recipes.players` and `two_player`: latent, optimizers, loss, ...
    """

    own: Any
    facts: Facts
    maker: Maker
    loss: str
    keywords: dict[str, Any]

    @property
    def latent(self) -> Latent:
        """The sampler of z."""
        return self.keywords["latent"]

    def few(self, *more: str) -> dict[str, Any]:
        """Return the keywords of recipes that do not use `recipes.players`, plus these."""
        names = {"g_optimizer", "d_optimizer", "loss", "d_steps", "ema_decay", *more}
        return {name: value for name, value in self.keywords.items() if name in names}

    def without(self, *names: str) -> dict[str, Any]:
        """Return the keywords without these."""
        return {name: value for name, value in self.keywords.items() if name not in names}


class Examples(NamedTuple):
    """Pictures of the data that others are made from, uint8 `[N, H, W, C]` each.

    Attributes:
        given: input of `Pictures.make`.
        shown: the input as it is shown.
        target: the output that is expected, if it is known.
    """

    given: np.ndarray
    shown: np.ndarray
    target: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoOptions(NoSettings):
    """Options of GANs whose samples have none."""


class Pictures(NamedTuple):
    """How a GAN makes pictures from others: by translation, enlargement, completion, ...

    Attributes:
        make: `(trained, given, options) -> pictures`, both uint8 `[N, H, W, C]`.
        examples: `(own settings, dataset, rows, options) -> Examples`.
        shape: `(facts, options) -> (side or None, channels)` that files are converted to; with
            None they keep their size.
        condition: `(own settings, dataset, rows) -> y`, the input of G in place of noise,
            `[N, H, W, C]` in [-1, 1]; None if G draws from noise.
        check_files: `(options, sizes) -> None`, which refuses options that do not fit the
            files, given as a dictionary from paths to `(width, height)`.
        is_back: `options -> bool`: whether they ask for the way from x to y.
    """

    make: "Callable[[Trained, np.ndarray, Any], np.ndarray]"
    examples: Callable[[Any, Dataset, np.ndarray, Any], Examples]
    shape: Callable[[Facts, Any], tuple[int | None, int]]
    condition: Callable[[Any, Dataset, np.ndarray], np.ndarray] | None = None
    check_files: Callable[[Any, dict[Path, tuple[int, int]]], None] = lambda *_: None
    is_back: Callable[[Any], bool] = lambda options: False


class Variant(NamedTuple):
    """The description of a GAN.

    Attributes:
        build: function that builds it.
        settings: dataclass of its own settings, with its paper's defaults.
        defaults: general settings for which its paper has other defaults, by name.
        models: the networks that it goes with, the default first; empty for all that draw from
            noise.
        model: networks of its own with their value of `--model`, or None.
        lacks: general settings that it does not use.
        y: what the y of the data has to be: "" for anything, "labels", "sentences", "pairs" or
            "domains".
        check: `(config) -> None`, which refuses settings that contradict each other.
        check_data: `(own settings, dataset) -> None`, which refuses data, with a message that
            follows `--recipe=..., --dataset=...: `.
        prepare: `(own settings, dataset) -> dataset` to train on.
        pictures: how it makes pictures from others, if it does.
        options: dataclass of the options for drawing its samples, which are flags.
        draw: `(trained, options, key, n) -> picture`, uint8 `[H, W, 3]`, if its options ask for a
            picture of their own, or else None.
        truncate: `(trained, amount) -> trained`, with more typical samples.
        measures: functions `(Question) -> rows` that measure whether samples are what was asked
            for.
        is_distribution: whether its samples are compared with the data as a distribution.
    """

    build: Callable[[Setup], Experiment]
    settings: type = NoSettings
    defaults: Mapping[str, Any] = {}
    models: tuple[str, ...] = ()
    model: tuple[str, Model] | None = None
    lacks: frozenset[str] = frozenset()
    y: str = ""
    check: Callable[[Any], None] = lambda config: None
    check_data: Callable[[Any, Dataset], None] = lambda own, dataset: None
    prepare: Callable[[Any, Dataset], Dataset] = lambda own, dataset: dataset
    pictures: Pictures | None = None
    options: type = NoOptions
    draw: "Callable[[Trained, Any, Any, int], np.ndarray | None]" = lambda *_: None
    truncate: "Callable[[Trained, float], Trained]" = lambda trained, amount: (
        trained.with_truncated_latents(amount)
    )
    measures: "tuple[Callable[[Question], list[Row]], ...]" = ()
    is_distribution: bool = True

    @property
    def draws_from_noise(self) -> bool:
        """Whether its samples are made from latents, not from pictures."""
        return self.pictures is None or self.pictures.condition is None


def output(network: Network, which: int) -> Network:
    """Select one of the outputs of a network that has several."""

    def apply(params, state, key, *inputs, train):
        outputs, state = network.apply(params, state, key, *inputs, train=train)
        return outputs[which], state

    return Network(network.init, apply)


def refuse_truncation(trained: Any, amount: float) -> Any:
    """Refuse truncation, for GANs whose samples are not made from latents."""
    del amount
    raise ConfigError(
        f"--truncation: a run with --recipe={trained.config.recipe} has no latents; leave it out"
    )


UNLABELED = frozenset({"conditional"})
"""The setting that a GAN does not use if it cannot draw a class that is asked for."""
NO_NOISE = UNLABELED | {"latent", "latent_dim"}
"""Settings that a GAN does not use if it does not draw from noise."""
NO_PENALTY = frozenset(
    {
        "penalty",
        "penalty_weight",
        "penalty_every",
        "penalty_weight_end",
        "penalty_epsilon",
        "penalty_share",
    }
)
NO_TERMS = frozenset(
    {
        "augment",
        "augment_policy",
        "augment_end",
        "augment_pairs",
        "ada_target",
        "ada_images",
        "consistency",
        "lecam",
        "centering",
        "one_batch",
        "packing",
        "fake_gradient_norm",
        "d_last",
    }
)
"""Settings that a GAN does not use if it has losses of its own."""
SINGLE = frozenset({"packing", "d_last"})
"""Settings that a GAN does not use if D says more of an example than whether it is real."""
