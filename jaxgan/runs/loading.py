"""What a program takes from finished runs, in a line each: `load_run` and `load_generator`."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from jaxgan._checks import told

if TYPE_CHECKING:
    from jaxgan.export import Generator
    from jaxgan.runs.restore import Run

__all__ = ["load_generator", "load_run"]


def load_run(
    workdir: str | Path, *, step: int | None = None, best: bool = False, member: int | None = None
) -> "Run":
    """Load a run from its workdir: the GAN, its state and its settings.

    Args:
        workdir: directory of the run.
        step: step of the checkpoint; None for the newest.
        best: whether to take the best of the evaluated steps instead.
        member: member of a population, from 0.

    Returns:
        The run, with `gan`, `state`, `settings` and `step`, among others.

    Raises:
        CheckpointError: the checkpoint cannot be restored.
        TypeError: `workdir` is no path.
        ValueError: there is no run, no such step or no such member.

    Example:
        >>> run = jaxgan.load_run("runs/dcgan_digits")  # doctest: +SKIP
        >>> samples = run.gan.sample(run.state, jax.random.key(0), 64)  # doctest: +SKIP
    """
    _check("workdir", workdir)
    from jaxgan.runs.restore import restore_run
    from jaxgan.runs.settings import ConfigError

    try:
        return restore_run(str(workdir), step, member, best=best)
    except ConfigError as error:
        raise ValueError(str(error).replace("--", "")) from error


def load_generator(
    path: str | Path, *, step: int | None = None, best: bool = False, member: int | None = None
) -> "Generator":
    """Load a generator `(z, y) -> pictures`, from an exported file or from the workdir of a run.

    Args:
        path: a file that `jaxgan-export` wrote as StableHLO or safetensors, or the workdir of a
            run, whose running average is taken if it has one.
        step: step of a run's checkpoint; None for the newest.
        best: whether to take the best of a run's evaluated steps instead.
        member: member of a population, from 0.

    Returns:
        The generator, whose samples are floats; pictures are in [-1, 1].

    Raises:
        CheckpointError: the checkpoint of the run cannot be restored.
        ExportError: the file holds no generator.
        OSError: it cannot be read.
        TypeError: `path` is no path.
        ValueError: there is no run, no such step or no such member.

    Example:
        >>> generator = jaxgan.load_generator("generator.zip")  # doctest: +SKIP
        >>> pictures = generator(generator.latent(jax.random.key(0), 16))  # doctest: +SKIP
    """
    _check("path", path)
    path = Path(path)
    if path.is_dir():
        from jaxgan.runs.exporting import interface
        from jaxgan.runs.restore import restore
        from jaxgan.runs.settings import ConfigError

        try:
            trained = restore(str(path), step, member, best=best)
        except ConfigError as error:
            raise ValueError(str(error).replace("--workdir", "path").replace("--", "")) from error
        from jaxgan.export import of_network

        return of_network(trained.experiment.generator, trained.variables, **interface(trained))
    if best or (step, member) != (None, None):
        raise ValueError(f"step, best and member are of runs; {path} is a file: leave them out")
    if zipfile.is_zipfile(path):
        from jaxgan.export import load

        return load(path)
    if path.suffix == ".onnx":
        raise ValueError(f"{path}: run it with onnxruntime; expected StableHLO or safetensors")
    from jaxgan.runs.exporting import read_weights

    return read_weights(path)


def _check(name: str, path: str | Path) -> None:
    if not isinstance(path, str | Path):
        raise TypeError(f"{name} is {told(path)}; expected a path")
