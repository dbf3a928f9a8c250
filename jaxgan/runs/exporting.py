"""The generator of a run as a file, and back."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

import jaxgan
from jaxgan import Variables, export
from jaxgan._generator_file import check_about, to_host
from jaxgan.data import Dataset
from jaxgan.runs.build import build
from jaxgan.runs.config import Config, catalog, make
from jaxgan.runs.files import write_whole
from jaxgan.runs.networks import Facts, example
from jaxgan.runs.restore import averaged
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS
from jaxgan.runs.variants.variant import no_latent

_KEY = "jaxgan"  # of the metadata of a safetensors file


def check_format(form: str) -> None:
    """Refuse a format whose package is not installed.

    Raises:
        ConfigError: it is not.
    """
    if form == "onnx" and importlib.util.find_spec("jax2onnx") is None:
        raise ConfigError('--format=onnx: jax2onnx is not installed; pip install "jaxgan[onnx]"')


def write(
    trained: Trained, path: Path, form: str, truncation: float | None = None
) -> dict[str, Any]:
    """Write the generator of a run to a file.

    Args:
        trained: the run.
        path: the file.
        form: `"stablehlo"`, `"onnx"` or `"safetensors"`.
        truncation: makes samples more typical, as in `jaxgan-sample`; None for not.

    Returns:
        What the file says about the generator.

    Raises:
        ConfigError: the run knows no truncation, or the format cannot express its networks.
    """
    if truncation is not None:
        trained = VARIANTS[trained.config.recipe].truncate(trained, truncation)
    keywords = interface(trained)
    keywords["notes"] |= {} if truncation is None else {"truncation": truncation}
    generator = trained.experiment.generator
    match form:
        case "stablehlo":
            return export.save(path, generator, trained.variables, **keywords)
        case "onnx":
            from jaxgan import onnx

            try:
                return onnx.save(path, generator, trained.variables, **keywords)
            except export.ExportError as error:
                model = trained.config.networks.model
                raise export.ExportError(f"--model={model}: {error}") from error
    return _write_weights(trained, path, keywords)


def interface(trained: Trained) -> dict[str, Any]:
    """Return what the generator of a run takes, as keywords of `export.save`."""
    if trained.draws_sentences:
        raise ConfigError(
            f"--workdir: its run, --recipe={trained.config.recipe}, draws sentences, which the "
            f"exported files do not take; use jaxgan-sample --text"
        )
    latent = trained.experiment.latent
    return {
        "latent": None if latent is no_latent else latent,
        "classes": trained.facts.class_names if trained.is_conditional else None,
        "source": _source(trained),
        "notes": {
            "jaxgan": jaxgan.__version__,
            "step": trained.step,
            **{name: _told(trained.config)[name] for name in ("recipe", "model", "dataset")},
        },
    }


def _source(trained: Trained) -> tuple[int, ...] | None:
    """Return the shape of the pictures that others are made from."""
    pictures = VARIANTS[trained.config.recipe].pictures
    if pictures is None or pictures.condition is None:
        return None
    x, y = (
        np.zeros((1, *shape), np.uint8) for shape in (trained.facts.shape, trained.facts.source)
    )
    dataset = Dataset(x, y if trained.facts.source else None, "")
    return pictures.condition(trained.own, dataset, np.arange(1)).shape[1:]


def _told(config: Config) -> dict[str, Any]:
    """Return the settings, without paths: a file that is handed on does not tell where it was."""
    is_path = {name for name, ((_, field), *_) in catalog().items() if field.metadata["path"]}
    values = {name: value for name, value in config.flat().items() if name not in is_path}
    folder = re.compile("folder:([^,]+)")
    values["dataset"] = folder.sub(lambda m: f"folder:{Path(m[1]).name}", values["dataset"])
    return values


def _write_weights(trained: Trained, path: Path, keywords: dict[str, Any]) -> dict[str, Any]:
    generator = export.of_network(trained.experiment.generator, trained.variables, **keywords)
    content = {
        "generator": generator.about,
        "settings": _told(trained.config),
        "facts": trained.facts._asdict(),
    }
    weights = to_host(export.named(trained.variables))
    write_whole(path, safetensors.numpy.save(weights, {_KEY: json.dumps(content)}))
    return generator.about


def read_weights(path: Path) -> export.Generator:
    """Read a generator from the safetensors file that `write` wrote: its networks are built anew.

    Raises:
        ExportError: it is none, or damaged.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            content = json.loads((file.metadata() or {})[_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = make(**content["settings"])
        facts = Facts(**{name: tuple(content["facts"][name]) for name in Facts._fields})
        about = check_about(content["generator"])
    except OSError:
        raise
    except Exception as error:  # damaged bytes lead to errors of many types
        what = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise export.ExportError(
            f"{path}: it is damaged or no generator of jaxgan-export ({what})"
        ) from error
    experiment = build(config, facts)
    like = averaged(jax.eval_shape(lambda: experiment.gan.init(jax.random.key(0), example(facts))))
    variables = Variables(*export.filled(like, weights))
    trained = Trained(config, facts, experiment, variables, about["notes"]["step"], Variables(()))
    truncation = about["notes"].get("truncation")
    if truncation is not None:
        trained = VARIANTS[config.recipe].truncate(trained, truncation)
    keywords = interface(trained) | {"notes": about["notes"]}
    return export.of_network(trained.experiment.generator, variables, **keywords)
