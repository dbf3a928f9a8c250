"""What sets one GAN apart from the others, as one value: `Variant`.

A module of this package describes one GAN: its own settings with its paper's defaults, the networks
it goes with, what it asks of the data, how it is built, what its samples are made of, how they are
shown, and what is measured of them. Nothing outside of this package knows one of them by its name.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import jaxgan
from jaxgan import Network
from jaxgan.data import Dataset
from jaxgan.latents import Latent, normal
from jaxgan.runs.networks import Facts, Maker, Model, NoSettings
from jaxgan.runs.settings import ConfigError

if TYPE_CHECKING:
    from jaxgan.runs.measures.answers import Question
    from jaxgan.runs.measures.row import Row
    from jaxgan.runs.trained import Trained

NO_LATENT = normal(0)
"""Of GANs that make pictures of pictures alone."""


class Experiment(NamedTuple):
    """What a run trains, and what its samples are drawn with.

    Attributes:
        gan: the GAN.
        generator: maps latents, and a condition if there is one, to samples; applied to the
            variables of G's player.
        latent: sampler of z, of no components where pictures are made of pictures alone.
        own: what else the GAN's sampling and measures need; known only to its own module.
    """

    gan: jaxgan.GAN
    generator: Network
    latent: Latent
    own: Any = None


class Setup(NamedTuple):
    """What a GAN is built from.

    Attributes:
        own: its own settings.
        facts: of the data.
        maker: makes its networks.
        loss: name of the pair of losses.
        keywords: of `recipes.players` and `two_player`: latent, optimizers, loss, penalty, ...
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
        """The keywords of recipes that are not made of `recipes.players`, and these."""
        names = {"g_optimizer", "d_optimizer", "loss", "d_steps", "ema_decay", *more}
        return {name: value for name, value in self.keywords.items() if name in names}

    def without(self, *names: str) -> dict[str, Any]:
        """The keywords but these."""
        return {name: value for name, value in self.keywords.items() if name not in names}


class Examples(NamedTuple):
    """Pictures of the data that others are made of, uint8 `[N, H, W, C]` each.

    Attributes:
        given: what is handed to `Pictures.make`.
        shown: how it is shown.
        target: what should be made of it, where that is known.
    """

    given: np.ndarray
    shown: np.ndarray
    target: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoOptions(NoSettings):
    """For GANs whose samples are drawn without options of their own."""


class Pictures(NamedTuple):
    """How a GAN makes pictures of pictures: translates, enlarges, completes or reconstructs them.

    Attributes:
        make: `(trained, given, options) -> pictures`, uint8 `[N, H, W, C]` both.
        examples: `(own settings, dataset, rows, options) -> Examples`.
        shape: `(facts, options) -> (side or None, channels)`, what files are brought to.
        condition: `(own settings, dataset, rows) -> y`, what G is given in place of noise,
            `[N, H, W, C]` in [-1, 1]; None where G draws from noise.
        check_files: `(options, facts, sizes) -> None`, which refuses options that do not fit the
            files, whose `(width, height)` are given by their paths.
    """

    make: "Callable[[Trained, np.ndarray, Any], np.ndarray]"
    examples: Callable[[Any, Dataset, np.ndarray, Any], Examples]
    shape: Callable[[Facts, Any], tuple[int | None, int]]
    condition: Callable[[Any, Dataset, np.ndarray], np.ndarray] | None = None
    check_files: Callable[[Any, Facts, dict[Path, tuple[int, int]]], None] = lambda *_: None


class Variant(NamedTuple):
    """A GAN.

    Attributes:
        build: how it is built.
        settings: dataclass of its own settings, with its paper's defaults.
        defaults: settings of every GAN in which its paper differs, by name.
        models: the networks that it goes with, the default first; empty for all that draw from
            noise.
        model: networks that belong to it, by the name of `--model`, if there are any.
        lacks: settings of every GAN that it has no place for.
        y: what the data's y has to be: "" for anything, "labels", "pairs" or "domains".
        check: `(config) -> None`, which refuses settings that contradict each other.
        check_data: `(own settings, dataset) -> None`, which refuses data, in a line that
            `--recipe=..., --dataset=...: ` is put before.
        prepare: `(own settings, dataset) -> dataset`, what it is trained on.
        pictures: how it makes pictures of pictures, if it does.
        options: dataclass of the options that drawing its samples has, as flags.
        draw: `(trained, options, key, n) -> picture`, where its options ask for a picture of their
            own, uint8 `[H, W, 3]`; None where they do not.
        truncate: `(trained, amount) -> trained`, with more typical samples.
        measures: functions `(Question) -> rows`: whether samples are what was asked for.
        is_distribution: whether its samples are to be compared with the data as a distribution.
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


def output(network: Network, which: int) -> Network:
    """One of the outputs of a network that gives several."""

    def apply(params, state, key, *inputs, train):
        outputs, state = network.apply(params, state, key, *inputs, train=train)
        return outputs[which], state

    return Network(network.init, apply)


def refuse_truncation(trained: Any, amount: float) -> Any:
    """For GANs whose samples are made of no latents that could be truncated."""
    del amount
    raise ConfigError(f"--truncation: a run with --recipe={trained.config.recipe} has no latents")


UNLABELED = frozenset({"conditional"})
"""The setting that a GAN has no place for if it does not draw the class that it is asked for."""
NO_NOISE = UNLABELED | {"latent", "latent_dim"}
"""Settings that a GAN has no place for if it draws nothing of noise."""
NO_PENALTY = frozenset({"penalty", "penalty_weight", "penalty_every", "penalty_weight_end"})
NO_TERMS = frozenset(
    {
        "augment",
        "augment_policy",
        "augment_end",
        "ada_target",
        "ada_images",
        "consistency",
        "lecam",
        "one_batch",
    }
)
"""Settings that a GAN has no place for if its losses are its own."""
