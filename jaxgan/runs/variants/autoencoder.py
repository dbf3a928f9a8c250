"""Shared parts of GANs with an encoder, which can reconstruct examples."""

from typing import Any

import numpy as np

from jaxgan import Network, data, nets
from jaxgan.runs.measures.answers import COUNT, Question, likeness, same_class
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Examples, Experiment, Pictures, Setup


def experiment(setup: Setup, gan: Any, g: Network, e: Network) -> Experiment:
    """Make the experiment of a generator and an encoder that both belong to G's player."""
    g, e = nets.part(g, "generator"), nets.part(e, "encoder")
    return Experiment(gan, g, setup.latent, e)


def _reconstruct(trained: Trained, given: np.ndarray, options: Any) -> np.ndarray:
    del options
    encoder = trained.experiment.own
    z = trained.apply(encoder, data.to_unit(given))[:, : trained.config.networks.latent_dim]
    return as_uint8(trained.apply(trained.experiment.generator, z))


def _examples(own: Any, dataset: data.Dataset, rows: np.ndarray, options: Any) -> Examples:
    del own, options
    x = np.asarray(dataset.x[rows])
    return Examples(x, x)


def _shape(facts: Facts, options: Any) -> tuple[int | None, int]:
    del options
    if len(facts.shape) != 3:
        raise ConfigError(
            f"--input, --from_data: expected a run on pictures, and its data are {facts.shape}"
        )
    return facts.shape[0], facts.shape[-1]


PICTURES = Pictures(_reconstruct, _examples, _shape)


def reconstructions(question: Question) -> list[Row]:
    """Measure the similarity of examples and their reconstructions."""
    x = np.asarray(question.unseen.x[:COUNT])
    if x.ndim != 4:
        return []
    again = _reconstruct(question.trained, x, None)
    found = [likeness("reconstruction", "of reconstructions", again, x, np.roll(x, 1, axis=0))]
    title = "reconstructions recognized as the same class (noise: of another example)"
    return found + same_class(question, title, x, again, np.roll(again, 1, axis=0))
