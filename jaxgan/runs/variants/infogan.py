"""InfoGAN (arXiv:1606.03657): part of the latent is a code that samples have to reveal."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgan import Network, data, latents, recipes
from jaxgan.runs.measures.answers import Question
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.show.samples import show
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import SINGLE, UNLABELED, Experiment, Setup, Variant, output

_COUNT = 1000
_VALUES = 9  # of a continuous code in a sweep


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The codes and their weights."""

    code_categories: int = setting(10, "values of the categorical code", low=1, sizes=True)
    code_continuous: int = setting(2, "number of continuous codes", low=0, sizes=True)
    code_weight: float = setting(1.0, "weight of the categorical code's information", low=0.0)
    continuous_weight: float = setting(0.1, "weight of the continuous codes' information", low=0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options for drawing samples."""

    sweep: int | None = setting(None, "the latent code to vary, from 0", low=0)


class _Reader(NamedTuple):
    """The layout of latents, and the output of D that predicts codes from examples."""

    codes: recipes.Codes
    network: Network


def _build(setup: Setup) -> Experiment:
    own = setup.own
    codes = recipes.Codes((own.code_categories,), own.code_continuous)
    g_module, d_module = setup.maker.pair()
    g = setup.maker.g(g_module)
    d = setup.maker.d(d_module.clone(classes=codes.features))
    weights = {"code_weight": own.code_weight, "continuous_weight": own.continuous_weight}
    gan = recipes.infogan(g, d, codes=codes, **weights, **setup.keywords)
    latent = latents.concatenate(setup.latent, codes.latent)
    return Experiment(gan, g, latent, _Reader(codes, output(d, 1)))


def _truncate(trained: Trained, amount: float) -> Trained:
    """Keep the noise within +-amount; codes are drawn as in training."""
    noise = trained.truncated_latents(amount)
    latent = latents.concatenate(noise, trained.experiment.own.codes.latent)
    return trained._replace(experiment=trained.experiment._replace(latent=latent))


def _sweep(trained: Trained, options: Options, key, n: int) -> np.ndarray | None:
    """Draw a row of samples for each of n latents, along which one code changes."""
    code, codes = options.sweep, trained.experiment.own.codes
    if code is None:
        return None
    continuous = code - len(codes.categories)
    if continuous >= codes.continuous:
        last = len(codes.categories) + codes.continuous - 1
        raise ConfigError(f"--sweep={code}: expected a code from 0 to {last}")
    z = trained.experiment.latent(key, n)
    if continuous < 0:
        values = [codes.place(z, categories=[k]) for k in range(codes.categories[code])]
    else:
        own = z[:, z.shape[1] - codes.continuous :]
        values = [
            codes.place(z, continuous=own.at[:, continuous].set(value))
            for value in np.linspace(-1, 1, _VALUES)
        ]
    rows = jnp.swapaxes(jnp.stack(values), 0, 1).reshape(-1, z.shape[1])
    return show(trained.draw(rows, None), len(values))


def _codes(question: Question) -> list[Row]:
    """Measure how well the categorical code of samples, or Q on real examples, predicts classes."""
    trained, dataset = question.trained, question.unseen
    codes, network = trained.experiment.own
    z = trained.experiment.latent(question.key, _COUNT)
    code = np.arange(_COUNT) % codes.categories[0]
    drawn = question.recognized(trained.draw(codes.place(z, categories=code[:, np.newaxis]), None))
    if drawn is None or dataset.y is None:
        return []
    x, y = np.asarray(dataset.x[:_COUNT]), np.asarray(dataset.y[:_COUNT])
    found = trained.apply(network, data.to_unit(x), of_d=True)
    read = found[:, : codes.categories[0]].argmax(axis=1)
    shuffled = np.random.default_rng(0).permutation(code)
    return [
        Row(
            f"asked/{name}",
            title,
            _purity(groups, classes),
            len(classes),
            real=1.0,
            noise=_purity(shuffled[: len(classes)], classes),
            better="higher",
        )
        for name, title, groups, classes in (
            ("code", "samples of the class that is most frequent for their code", code, drawn),
            ("code_read", "real examples of the most frequent class for their code", read, y),
        )
    ]


def _purity(groups: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of examples that belong to the most frequent class of their group."""
    best = [np.bincount(classes[groups == group]).max() for group in np.unique(groups)]
    return float(sum(best) / len(classes))


VARIANT = Variant(
    _build,
    Settings,
    models=("dcgan", "mlp"),
    lacks=UNLABELED | SINGLE,
    # Appendix C.1, MNIST.
    defaults={"latent_dim": 62, "g_lr": 0.001, "d_lr": 0.0002, "beta1": 0.5, "batch_size": 128},
    options=Options,
    draw=_sweep,
    truncate=_truncate,
    measures=(_codes,),
)
