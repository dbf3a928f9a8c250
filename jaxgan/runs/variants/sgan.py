"""Semi-supervised GAN (arXiv:1606.01583, arXiv:1606.03498): D learns classes from few labels."""

import dataclasses

from jaxgan import recipes
from jaxgan.models import classifier
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import few_labels
from jaxgan.runs.variants.variant import SINGLE, UNLABELED, Experiment, Setup, Variant, output

_FEATURES = 128  # that D computes from a picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The loss of the labels in D, and the objective of G."""

    class_weight: float = setting(1.0, "weight of the class loss", low=0.0)
    labelled: int = few_labels.labelled()
    feature_matching: bool = setting(
        True, "let G match the mean of D's features instead of fooling D", former=(False,)
    )


def _build(setup: Setup) -> Experiment:
    own = setup.own
    g = setup.maker.g(setup.maker.pair()[0])
    classes = len(setup.facts.class_names)
    d = setup.maker.d(classifier.Classifier(setup.maker.encoder(_FEATURES), classes))
    gan = recipes.sgan(
        g,
        d,
        class_weight=own.class_weight,
        feature_matching=own.feature_matching,
        **setup.keywords,
    )
    return Experiment(gan, g, setup.latent, output(d, 0))


VARIANT = Variant(
    _build,
    Settings,
    models=("dcgan", "mlp"),
    lacks=UNLABELED | SINGLE,
    # The code of arXiv:1606.03498 for CIFAR-10, whose generator matches features.
    defaults={"g_lr": 0.0003, "d_lr": 0.0003, "beta1": 0.5, "batch_size": 100},
    y="labels",
    check_data=few_labels.check_data,
    prepare=few_labels.hide_labels,
    measures=(few_labels.accuracy,),
)
