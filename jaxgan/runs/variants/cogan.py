"""CoGAN (arXiv:1606.07536): one latent gives a picture in each of two domains."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxgan import recipes
from jaxgan.data import domains
from jaxgan.models import cogan
from jaxgan.runs.measures.answers import COUNT, Question, likeness
from jaxgan.runs.measures.row import Row
from jaxgan.runs.variants.translation import check_alike, check_sizes
from jaxgan.runs.variants.variant import (
    NO_PENALTY,
    NO_TERMS,
    UNLABELED,
    Experiment,
    Setup,
    Variant,
)

# How the y of a derived data set follows from its x.
_DERIVED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "outlines": domains.outlines,
    "silhouettes": domains.silhouettes,
    "gray": domains.gray,
    "grey": domains.gray,
    "colored": lambda x: np.repeat(x.max(axis=-1, keepdims=True), 3, axis=-1),
}


def _build(setup: Setup) -> Experiment:
    maker, facts, latent = setup.maker, setup.facts, setup.latent
    width = maker.shared.width
    if maker.shared.model == "mlp":
        widths = (width, 2 * width)
        g_module = cogan.DenseGenerator(shape=facts.shape, widths=widths)
        d_module = cogan.DenseDiscriminator(widths=widths[::-1])
    else:
        settings: dict[str, Any] = {"image_size": maker.size_and_channels()[0], "width": width}
        g_module = cogan.Generator(channels=facts.shape[-1], axis_name=maker.axis_name, **settings)
        d_module = cogan.Discriminator(**settings)
    g = maker.g(g_module)
    gan = recipes.cogan(g, maker.d(d_module), latent=latent, **setup.few())
    return Experiment(gan, g, latent)


def _check_data(own: Any, dataset) -> None:
    del own
    check_sizes(dataset)
    check_alike(dataset)


def _coupled(question: Question) -> list[Row]:
    """Measure whether the pictures of a pair match, if one can be derived from the other."""
    prefix = question.trained.dataset_name.removeprefix("unpaired:").partition(":")[0]
    if prefix not in _DERIVED:
        return []
    trained = question.trained
    a, b = trained.draw(trained.experiment.latent(question.key, COUNT), None)
    derived, what = _DERIVED[prefix](a), prefix.replace("colored", "brightness")
    title = f"between a picture's {what} and the other picture (noise: of another pair)"
    return [likeness("pair", title, b, derived, np.roll(b, 1, axis=0))]


VARIANT = Variant(
    _build,
    models=("dcgan", "mlp"),
    lacks=UNLABELED | NO_PENALTY | NO_TERMS,
    # Section 6.1, digits.
    defaults={
        "dataset": "unpaired:rotated:digits",
        "g_lr": 0.0002,
        "d_lr": 0.0002,
        "beta1": 0.5,
        "batch_size": 128,
    },
    y="domains",
    check_data=_check_data,
    measures=(_coupled,),
    is_distribution=False,
)
