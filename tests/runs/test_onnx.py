"""ONNX Runtime draws the samples that the networks draw, for every kind of network that fits."""

import json

import jax
import numpy as np
import pytest
from networks import compilation
from untrained import run_of

from jaxgan import export
from jaxgan.runs import exporting

pytest.importorskip("jax2onnx", reason='the extra "onnx" is not installed')
onnxruntime = pytest.importorskip("onnxruntime")

SOUND = {"dataset": "notes", "split": "train"}
CASES = [
    ("gan", {"model": "mlp", "dataset": "ring", "split": "train"}),
    ("gan", {"model": "dcgan"}),
    ("gan", {"model": "dcgan", "upsample": "bilinear"}),
    ("gan", {"model": "biggan", "conditional": True}),
    ("gan", {"model": "resnet", "attention": "14"}),
    ("gan", {"model": "wavegan", **SOUND}),
    ("acgan", {}),
    ("aae", {}),
    ("bigan", {"model": "mlp"}),
    ("ccgan", {"model": "unet", "stages": 1}),
    ("cogan", {}),
    ("context_encoder", {}),
    ("cyclegan", {"model": "unet", "stages": 2, "dropout": 0.5}),
    ("infogan", {}),
    ("pix2pix", {}),
    ("progressive", {}),
    ("r3gan", {"widths": "8,8,8"}),
    ("sgan", {}),
    ("srgan", {}),
    ("stylegan2", {"width": 2, "latent_dim": 16}),
]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def small(recipe, more):
    """A run whose weights are as small as those of a trained one: rounding is not magnified."""
    trained = run_of(recipe, **more)

    def shrunk(leaf):
        return 0.3 * leaf if leaf.dtype == np.float32 and leaf.ndim > 1 else leaf

    return trained._replace(variables=jax.tree.map(shrunk, trained.variables))


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "more"), CASES, ids=[f"{r}-{m}" for r, m in CASES])
def test_samples_are_those_of_the_network(recipe, more, tmp_path):
    trained, path, keywords = small(recipe, more), tmp_path / "g.onnx", None
    about = exporting.write(trained, path, "onnx")
    keywords = exporting.interface(trained)
    given = {}
    for n in 1, 4:
        if keywords["latent"] is not None:
            given["z"] = np.asarray(keywords["latent"](jax.random.key(n), n))
        if keywords["classes"] is not None:
            given["y"] = np.arange(n, dtype=np.int32)
        if keywords["source"] is not None:
            shape = (n, *keywords["source"])
            given["y"] = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        session = onnxruntime.InferenceSession(str(path))
        made = session.run(None, given)
        network = export.of_network(trained.experiment.generator, trained.variables, **keywords)
        # One by one: noise in the layers is the same for every example of a file.
        rows = [network(**{k: v[i : i + 1] for k, v in given.items()}) for i in range(n)]
        wanted = jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)
        for found, leaf in zip(made, jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(found, leaf, atol=1e-4)
    assert json.loads(session.get_modelmeta().custom_metadata_map["jaxgan"]) == about


def test_a_small_network_is_written_with_the_names_of_its_inputs(tmp_path):
    path = tmp_path / "g.onnx"
    trained = run_of("acgan")
    exporting.write(trained, path, "onnx")
    session = onnxruntime.InferenceSession(str(path))
    assert [one.name for one in session.get_inputs()] == ["z", "y"]
    assert [one.name for one in session.get_outputs()] == ["samples"]


def test_what_onnx_cannot_express_is_refused_and_nothing_is_written(tmp_path):
    solids = run_of("gan", model="voxels", dataset="solids", split="train")
    with pytest.raises(export.ExportError, match="--model=voxels: the network cannot be") as error:
        exporting.write(solids, tmp_path / "g.onnx", "onnx")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
