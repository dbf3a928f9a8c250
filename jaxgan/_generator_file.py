"""Files of exported generators: what is in them, and what they may not hold."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np
import safetensors.numpy as safetensors

from jaxgan._files import write_whole

__all__ = ["FORMAT", "ExportError", "check_about", "read", "to_host", "write"]

FORMAT = 1
_ABOUT, _PROGRAM, _WEIGHTS = "generator.json", "generator.stablehlo", "weights.safetensors"

# What a program may call outside of StableHLO: a check of shapes, and random bits on GPU.
_KNOWN_CALLS = {"shape_assertion", "cu_threefry2x32_ffi"}


class ExportError(ValueError):
    """A network that cannot be exported, or a file that holds none; the message is one line."""


def write(path: Path, about: dict[str, Any], program: bytes, weights: dict[str, Any]) -> None:
    """Write a file whole, or not at all."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_ABOUT, json.dumps(about, indent=2) + "\n")
        archive.writestr(_PROGRAM, program)
        archive.writestr(_WEIGHTS, safetensors.save(to_host(weights)))
    write_whole(path, content.getvalue())


def to_host(weights: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return leaves as NumPy arrays that lie in memory as safetensors writes them."""
    return {name: np.array(jax.device_get(leaf), order="C") for name, leaf in weights.items()}


def read(path: Path) -> tuple[dict[str, Any], Any, dict[str, np.ndarray]]:
    """Return what a file says about its generator, the program and the weights.

    Raises:
        ExportError: it holds no generator, or one that must not be run.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if sorted(names) != sorted((_ABOUT, _PROGRAM, _WEIGHTS)):
                raise ExportError(f"{path}: it holds no generator; expected what export.save wrote")
            about, program, weights = map(archive.read, (_ABOUT, _PROGRAM, _WEIGHTS))
        return check_about(json.loads(about)), _program(program), safetensors.load(weights)
    except (ExportError, OSError):
        raise
    except Exception as error:  # damaged bytes lead to errors of many types
        what = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise ExportError(f"{path}: it is damaged or no generator ({what})") from error


def check_about(about: Any) -> dict[str, Any]:
    """Check what a file says about its generator; return it."""
    match about:
        case {"format": int(number)} if number > FORMAT:
            raise ExportError(f"it has format {number}; read it with a newer version of jaxgan")
        case {
            "format": int(),
            "latent": dict() | None,
            "classes": list() | None,
            "source": list() | None,
            "shape": list(),
            "range": list() | None,
            "random": bool(),
            "notes": dict(),
        }:
            return about
    raise ExportError(f"{_ABOUT} does not say what the generator expects; export it again")


def _program(content: bytes) -> Any:
    program = jax.export.deserialize(bytearray(content))
    module = program.mlir_module()
    called = set(re.findall(r'custom_call @("[^"]*"|[\w.$-]+)', module))
    if module.count("custom_call") != len(re.findall(r"custom_call @", module)):
        called.add("what cannot be read")
    if called - _KNOWN_CALLS:
        raise ExportError(
            f"its program calls {', '.join(sorted(called - _KNOWN_CALLS))}, which no generator "
            f"needs; do not run it"
        )
    return program
