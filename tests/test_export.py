"""Generators of one's own as files, and files that are none."""

import json
import re
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import mlp

import jaxgan
from jaxgan import Variables, export, latents, nets


@pytest.fixture
def network():
    generator = mlp(4, 4, 1)
    variables = Variables(*generator.init(jax.random.key(0), jnp.ones((2, 3))))
    return generator, variables


def test_a_network_of_ones_own_is_exported(network, tmp_path):
    path = tmp_path / "generator.zip"
    export.save(path, *network, latent=latents.normal(3), platforms=["cpu"])
    here = export.of_network(*network, latent=latents.normal(3))
    there = export.load(path)
    z = there.latent(jax.random.key(1), 5)
    np.testing.assert_array_equal(z, latents.normal(3)(jax.random.key(1), 5))
    np.testing.assert_array_equal(here(z), there(z))
    assert repr(there) == "<generator of [4, 4, 1] from z>"


def test_what_it_expects_is_told(network):
    generator = export.of_network(*network, latent=latents.normal(3))
    labeled = export.of_network(
        nets.stateless(lambda key, z, y: (), lambda params, z, y: z * y[:, None]),
        Variables(()),
        latent=latents.normal(3),
        classes=["cat", "dog"],
    )
    translator = export.of_network(
        nets.stateless(lambda key, y: (), lambda params, y: -y), Variables(()), source=(4, 4, 1)
    )
    z, x = np.zeros((2, 3), np.float32), np.zeros((2, 4, 4, 1), np.float32)
    for call, words in (
        (generator, "z is None; the generator expects latents [B, 3] (normal)"),
        (lambda: generator(z[:, :2]), "z has shape (2, 2); expected floats [B, 3]"),
        (lambda: generator(z, y=[0, 1]), "y is given; the generator takes none"),
        (lambda: generator(z, seed=-1), "seed is -1; expected at least 0"),
        (lambda: generator(z, seed=2**32), "seed is 4294967296; expected at most 4294967295"),
        (lambda: labeled(z), "y is None; the generator expects labels [B] from 0 to 1"),
        (lambda: labeled(z, np.array([0, 2])), "y has labels from 0 to 2; expected 0 to 1"),
        (lambda: labeled(z, np.array([-1, 0])), "y has labels from -1"),
        (lambda: labeled(z, np.array([0])), "z has 2 rows and y 1"),
        (lambda: translator(x), "z is given; the generator takes none"),
        (lambda: translator(y=x[..., 0]), "y has shape (2, 4, 4); expected floats [B, 4, 4, 1]"),
        (lambda: translator(y=x.astype(np.uint8)), "y is uint8"),
        (lambda: translator.latent(jax.random.key(0), 3), "takes no latents; give it pictures"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            call()
    assert labeled(z, np.array([0, 1])).shape == (2, 3)
    assert translator(y=x).shape == x.shape


def test_an_existing_file_is_kept_if_the_new_one_cannot_be_made(network, tmp_path):
    path = tmp_path / "generator.zip"
    path.write_text("mine")
    with pytest.raises(TypeError):
        export.save(path, *network, latent=lambda key, n: jnp.zeros((n, 3)))
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def rewrite(path, member, content):
    """Exchange a member of an archive, or leave it out if its content is None."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, old in (members | {member: content}).items():
            if (content if name == member else old) is not None:
                archive.writestr(name, content if name == member else old)


@pytest.mark.parametrize(
    ("member", "content", "words"),
    [
        ("generator.json", None, "it holds no generator"),
        ("generator.json", b"{}", "does not say what the generator expects"),
        ("generator.json", b"[" * 10**5, "damaged or no generator"),
        ("generator.json", b'{"format": 99}', "read it with a newer version of jaxgan"),
        ("generator.stablehlo", b"x", "damaged or no generator"),
        ("weights.safetensors", b"x", "damaged or no generator"),
        ("more", b"x", "it holds no generator"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(member, content, words, network, tmp_path):
    path = tmp_path / "generator.zip"
    export.save(path, *network, latent=latents.normal(3), platforms=["cpu"])
    rewrite(path, member, content)
    with pytest.raises(export.ExportError) as error:
        jaxgan.load_generator(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "apply",
    [
        lambda params, z: jnp.ones(len(z)),
        lambda params, z: jax.pure_callback(
            lambda z: z, jax.ShapeDtypeStruct(z.shape, jnp.float32), z
        ),
    ],
)
def test_a_network_that_cannot_be_exported_is_told_so_in_one_line(apply, tmp_path):
    network = nets.stateless(lambda key, z: (), apply)
    with pytest.raises(export.ExportError, match=r"cannot be exported .* x\.shape\[0\]") as error:
        export.save(tmp_path / "x.zip", network, Variables(()), latent=latents.normal(3))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mine", "not a-name", 'a "quoted" one', "shape_assertion$mine"])
def test_a_program_that_calls_out_of_xla_is_refused(network, tmp_path, name):
    """A custom call would be a way to run what is no arithmetic."""
    path = tmp_path / "generator.zip"
    call = jax.ffi.ffi_call(name, jax.ShapeDtypeStruct((2, 3), jnp.float32))
    export.save(path, *network, latent=latents.normal(3), platforms=["cpu"])
    program = jax.export.export(
        jax.jit(lambda weights, inputs: call(inputs["z"])),
        platforms=["cpu"],
        disabled_checks=[jax.export.DisabledSafetyCheck.custom_call(name)],
    )({}, {"z": jax.ShapeDtypeStruct((2, 3), jnp.float32)})
    rewrite(path, "generator.stablehlo", program.serialize())
    with pytest.raises(export.ExportError, match=r"its program calls .*, which no generator"):
        export.load(path)


def test_what_a_file_notes_is_json(network, tmp_path):
    path = tmp_path / "generator.zip"
    about = export.save(path, *network, latent=latents.normal(3), notes={"run": [1, 2]})
    assert export.load(path).about == json.loads(json.dumps(about))
