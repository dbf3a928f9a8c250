"""Exported generators give the samples of the runs they come from, to the last bit."""

import json
import zipfile

import jax
import numpy as np
import pytest
from networks import compilation
from untrained import RUNS, run_of

import jaxgan
from jaxgan import export
from jaxgan.runs import exporting
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.variants import VARIANTS

# What `RUNS` lacks: a run of every GAN, and of every kind of network.
MORE = {
    "progressive": {},
    "stylegan2": {},
    "r3gan": {"widths": "8,8,8"},
    "gat": {"width": 16, "depth": 4, "heads": 2, "patch": 7, "latent_dim": 8},
    "bigan": {"model": "mlp"},
    "ccgan": {"model": "unet", "stages": 1},
}
CASES = [
    *((name, {}) for name in RUNS),
    *MORE.items(),
    ("gan", {"model": "dcgan"}),
    ("gan", {"model": "dcgan", "conditional": True}),
    ("gan", {"model": "mlp", "dataset": "ring", "split": "train"}),
    ("gan", {"model": "biggan", "conditional": True}),
    ("gan", {"model": "resnet", "attention": "14"}),
    ("gan", {"model": "wavegan", "dataset": "notes", "split": "train"}),
    ("gan", {"model": "voxels", "dataset": "solids", "split": "train"}),
    ("pix2pix", {"dropout": 0.5}),
    ("cyclegan", {"model": "unet", "dropout": 0.5}),
]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def inputs_of(trained, n=3):
    """What a generator is called with: by the names of z and y, and in the network's order."""
    keywords = exporting.interface(trained)
    given = {}
    if keywords["latent"] is not None:
        given["z"] = keywords["latent"](jax.random.key(0), n)
    if keywords["classes"] is not None:
        given["y"] = np.arange(n, dtype=np.int32)
    if keywords["source"] is not None:
        shape = (n, *keywords["source"])
        given["y"] = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return given


def directly(trained, given, seed):
    def apply(variables, *inputs):
        network, key = trained.experiment.generator, jax.random.key(seed)
        return network.apply(*variables, key, *inputs, train=False)[0]

    return jax.jit(apply)(trained.variables, *given.values())


def assert_same(found, wanted):
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_every_gan_is_among_the_cases():
    not_yet = {"text_to_image"}  # test_sentences.py
    assert {name for name, _ in CASES} == set(VARIANTS) - not_yet


@pytest.mark.parametrize(("recipe", "more"), CASES, ids=[f"{r}-{m}" for r, m in CASES])
def test_a_program_and_its_network_agree_to_the_last_bit(recipe, more, tmp_path):
    trained, path = run_of(recipe, **more), tmp_path / "generator.zip"
    about = exporting.write(trained, path, "stablehlo")
    generator = jaxgan.load_generator(path)
    given = inputs_of(trained)
    samples = generator(**given, seed=7)
    assert np.isfinite(jax.tree.leaves(samples)[0]).all()
    assert_same(samples, directly(trained, given, 7))
    other = generator(**given, seed=8)
    differ = any(map(np.any, jax.tree.leaves(jax.tree.map(np.not_equal, samples, other))))
    assert about["random"] == differ
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("generator.json")) == about == generator.about


def test_another_batch_size_needs_no_other_program(tmp_path):
    trained, path = run_of("gan", model="mlp"), tmp_path / "generator.zip"
    exporting.write(trained, path, "stablehlo")
    generator = jaxgan.load_generator(path)
    for n in 1, 5, 64:
        given = inputs_of(trained, n)
        assert_same(generator(**given), directly(trained, given, 0))


def test_the_program_is_for_cpu_cuda_and_tpu_and_runs_without_jaxgan(tmp_path):
    import jax.export
    import safetensors.numpy

    trained, path = run_of("gan", model="mlp"), tmp_path / "generator.zip"
    exporting.write(trained, path, "stablehlo")
    with zipfile.ZipFile(path) as archive:
        program = jax.export.deserialize(bytearray(archive.read("generator.stablehlo")))
        weights = safetensors.numpy.load(archive.read("weights.safetensors"))
    assert program.platforms == ("cpu", "cuda", "tpu")
    given = inputs_of(trained)
    found = program.call(weights, given | {"seed": np.uint32(0)})
    np.testing.assert_allclose(found, directly(trained, given, 0), atol=1e-6)


def test_an_encoder_that_belongs_to_the_player_stays_behind(tmp_path):
    trained, path = run_of("aae"), tmp_path / "generator.zip"
    exporting.write(trained, path, "stablehlo")
    with zipfile.ZipFile(path) as archive:
        assert b"encoder" not in archive.read("weights.safetensors")
    assert any("encoder" in name for name in export.named(trained.variables))


@pytest.mark.parametrize("form", ["stablehlo", "safetensors"])
def test_truncated_styles_are_exported(form, tmp_path):
    """With a psi near 0 all styles are nearly the mean, so samples differ by their noise alone."""
    trained, path = run_of("stylegan2"), tmp_path / "generator"
    about = exporting.write(trained, path, form, truncation=0.001)
    assert about["notes"]["truncation"] == 0.001
    z = exporting.interface(trained)["latent"](jax.random.key(0), 3)
    cut = VARIANTS["stylegan2"].truncate(trained, 0.001)
    found = jaxgan.load_generator(path)(z)
    assert_same(found, directly(cut, {"z": z}, 0))
    assert np.abs(found - directly(trained, {"z": z}, 0)).max() > 0.01


@pytest.mark.parametrize("form", ["stablehlo", "safetensors"])
def test_truncated_latents_are_those_that_the_file_draws(form, tmp_path):
    trained, path = run_of("infogan"), tmp_path / "generator"
    exporting.write(trained, path, form, truncation=0.5)
    z = np.asarray(jaxgan.load_generator(path).latent(jax.random.key(0), 100))
    noise, codes = np.split(z, [4], axis=1)
    assert abs(noise).max() <= 0.5
    assert set(codes[:, :3].sum(axis=1)) == {1.0}


@pytest.mark.parametrize("recipe", ["pix2pix", "stylegan2", "acgan", "aae"])
def test_weights_with_settings_give_the_same_generator(recipe, tmp_path):
    trained, path = run_of(recipe), tmp_path / "generator.safetensors"
    exporting.write(trained, path, "safetensors")
    generator, given = jaxgan.load_generator(path), inputs_of(trained)
    assert_same(generator(**given, seed=7), directly(trained, given, 7))


def test_a_file_does_not_tell_where_its_run_was(tmp_path):
    trained = run_of("gan", model="mlp")
    config = trained.config.replace(
        dataset="folder:/home/me/secret/cats", workdir="/home/me/secret", cache_dir="/home/me"
    )
    for form in "stablehlo", "safetensors":
        exporting.write(trained._replace(config=config), tmp_path / form, form)
        content = (tmp_path / form).read_bytes()
        assert b"secret" not in content
        assert b"folder:cats" in content


def test_truncation_of_a_translator_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--truncation: a run with --recipe=pix2pix has no"):
        exporting.write(run_of("pix2pix"), tmp_path / "x", "stablehlo", truncation=0.5)


def test_damaged_weights_are_refused_in_one_line(tmp_path):
    path = tmp_path / "generator.safetensors"
    exporting.write(run_of("gan", model="mlp"), path, "safetensors")
    whole = path.read_bytes()
    for content in (whole[:100], whole[:-8], whole.replace(b"Dense_0", b"Dense_9"), b"", b"x"):
        path.write_bytes(content)
        with pytest.raises(export.ExportError) as error:
            jaxgan.load_generator(path)
        assert "\n" not in str(error.value)
