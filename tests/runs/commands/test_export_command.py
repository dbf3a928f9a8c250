"""The export command, and the guide that shows what to do with its files."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from metrics.test_torch_file import zip_file
from weights.references import Drawn, dcgan_generator

import jaxgan
from jaxgan.runs.config import make
from jaxgan.runs.training import loop

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the run that the guide exports."""
    folder = tmp_path_factory.mktemp("guide")
    workdir = folder / "runs" / "digits"
    loop.run(make(model="mlp", width=4, steps=1, parallel="jit", workdir=str(workdir)))
    return folder


def export(folder, *arguments):
    command = [sys.executable, "-m", "jaxgan.runs.commands.export", *arguments]
    return subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def _environment():
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_the_guide_runs_as_it_stands(folder, monkeypatch, capsys):
    text = (ROOT / "docs/export.md").read_text()
    done = export(folder, "--workdir=runs/digits", "--out=generator.zip")
    assert done.returncode == 0, done.stderr
    assert "to use it:  jaxgan.load_generator('generator.zip')" in done.stdout
    tensors = Drawn()
    dcgan_generator(tensors, np.zeros((1, 100)))
    (folder / "netG.pth").write_bytes(zip_file(tensors))
    monkeypatch.chdir(folder)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code, "docs/export.md", "exec"), names)
    assert names["pictures"].shape == (4, 64, 64, 3)
    assert capsys.readouterr().out == "1 digits\n"


def test_every_flag_that_the_guide_names_is_one():
    known = ""
    for command in ("train", "export"):
        program = [sys.executable, "-m", f"jaxgan.runs.commands.{command}", "--help"]
        known += subprocess.run(
            program, env=_environment(), capture_output=True, text=True, check=True
        ).stdout
    for name in re.findall(r"--(\w+)", (ROOT / "docs/export.md").read_text()):
        assert re.search(rf"--(\[no\])?{name}: ", known) or name == "flagfile", name


def test_a_directory_gets_a_file_named_after_the_format(folder):
    done = export(folder, "--workdir=runs/digits", "--out=new/place", "--format=safetensors")
    assert done.returncode == 0, done.stderr
    assert "jaxgan.load_generator('new/place/generator.safetensors')" in done.stdout
    assert jaxgan.load_generator(folder / "new/place/generator.safetensors").about["latent"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workdir=nowhere", "--out=x.zip"], "--workdir=nowhere: there is no such directory"),
        (["--workdir=runs", "--out=x.zip"], "--workdir=runs: there is no run here"),
        (["--workdir=runs/digits", "--out=x.onnx"], "--out=x.onnx: expected a name that ends in"),
        (["--workdir=runs/digits", "--out=no/x.zip"], "there is no directory no; make it first"),
        (["--workdir=runs/digits", "--out=x.zip", "--step=7"], "--step=7: expected a step of"),
        (["--workdir=runs/digits", "--out=x.zip", "--member=0"], "the run trained a single GAN"),
        (["--workdir=runs/digits", "--out=x", "--format=tflite"], "--format"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(arguments, words, folder):
    before = sorted(folder.rglob("*"))
    done = export(folder, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
