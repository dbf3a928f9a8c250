"""Every GAN with all its networks, by every way to run it, through the functions of the command.

Four devices; two steps each, at the smallest size. The whole table is among the slow tests.
"""

import pytest

from jaxgan.checkpoint import Checkpoints
from jaxgan.runs.config import make
from jaxgan.runs.networks import MODELS as SHARED
from jaxgan.runs.training import loop, sweep
from jaxgan.runs.variants import MODELS, VARIANTS, models_of

SMALL = {
    "width": 4,
    "latent_dim": 4,
    "batch_size": 4,
    "steps": 2,
    "steps_per_call": 2,
    "log_every": 2,
    "sample_every": 2,
    "burn_in": 0.0,
    "lr_end": 1.0,
    "beta2_end": 0.0,
    "penalty_weight_end": 1.0,
    "blocks": 1,
    "stages": 1,
    "patch_layers": 1,
    "stable_steps": 1,
    "fade_steps": 1,
    "labelled": 20,
}
OF_MODEL = {
    "wavegan": {"dataset": "notes"},
    "voxels": {"dataset": "solids"},
    "r3gan": {"width": 16},
    "gat": {"width": 16, "patch": 7, "depth": 4, "heads": 2},
    "biggan": {"width": 8},
}
WAYS = {
    "jit": {"parallel": "jit"},
    "pmap": {"parallel": "pmap"},
    "shard_map": {"parallel": "shard_map"},
    "shard_optimizer": {"parallel": "shard_optimizer"},
    "seeds": {"seeds": 4},
}
PAIRS = [(recipe, model) for recipe, one in VARIANTS.items() for model in models_of(one)]
TABLE = [(*pair, way) for pair in PAIRS for way in WAYS]
# Each way once with networks that compile quickly, and what the default preset is.
DIAGONAL = [
    ("gan", "dcgan", "shard_map"),
    ("gan", "mlp", "jit"),
    ("acgan", "mlp", "pmap"),
    ("infogan", "mlp", "seeds"),
    ("bigan", "mlp", "shard_map"),
    ("pix2pix", "unet", "pmap"),
]


def run(recipe: str, model: str, way: str, workdir) -> None:
    known = make(recipe=recipe, model=model).flat()
    given = SMALL | OF_MODEL.get(model, {}) | WAYS[way]
    config = make(
        recipe=recipe,
        model=model,
        workdir=str(workdir),
        **{name: value for name, value in given.items() if name in known},
    )
    train = sweep.run if way == "seeds" else loop.run
    assert train(config).step == 2
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [0, 2]
    assert (workdir / "samples" / "step_00000002.png").is_file()


@pytest.mark.parametrize(("recipe", "model", "way"), DIAGONAL)
def test_the_diagonal(recipe, model, way, tmp_path):
    run(recipe, model, way, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "model", "way"), [row for row in TABLE if row not in DIAGONAL])
def test_the_whole_table(recipe, model, way, tmp_path):
    run(recipe, model, way, tmp_path / "run")


def test_the_table_has_every_network():
    assert {model for _, model in PAIRS} == MODELS.keys() >= SHARED.keys()
