"""Where the numbers and pictures of a run are shown: TensorBoard, and W&B and MLflow if asked for.

Each is a `Board`. What cannot be written, or sent, is an OSError of the call that could not.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import (
    Event,  # pyright: ignore[reportAttributeAccessIssue] - they are made as it is imported
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)

from jaxgan.runs.config import Config


class Board(Protocol):
    """What a recorder shows the numbers and pictures of a run on.

    Raises:
        OSError: it cannot be written; so do the methods.
    """

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Show numbers, by name."""
        ...

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Show a picture, uint8 `[H, W, 3]`."""
        ...

    def close(self) -> None:
        """Say that the run has ended."""
        ...


def boards(config: Config) -> dict[str, Callable[[int], Board]]:
    """Return the boards that a run asks for by name, as functions of its first step."""
    workdir = Path(config.run.workdir)
    found: dict[str, Callable[[int], Board]] = {
        "TensorBoard's events": lambda step: TensorBoard(workdir / "tensorboard", step)
    }
    if config.run.wandb:
        found["to W&B"] = lambda step: Wandb(workdir, config.flat())
    if config.run.mlflow:
        found["to MLflow"] = lambda step: MLflow(workdir, config.flat())
    return found


class TensorBoard:
    """A file of events in a directory.

    tensorboardX's own `SummaryWriter` writes in a thread, in which a full disk would go unnoticed
    until its queue is full and the run stands still; here the caller gets the error.

    Args:
        directory: created if it is missing, but for those above it.
        first_step: events of earlier starts after this step are hidden.

    Raises:
        OSError: it cannot be written; so do the methods.
    """

    def __init__(self, directory: Path, first_step: int):
        directory.mkdir(exist_ok=True)
        self._writer = EventsWriter(str(directory / "events"))
        self._write(first_step, file_version="brain.Event:2")
        self._write(first_step, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write numbers, by name."""
        for name, value in values.items():
            self._write(step, summary=summary.scalar(name, value))
        self._writer.flush()

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Write a picture, uint8 `[H, W, 3]`."""
        self._write(step, summary=summary.image("samples", picture, dataformats="HWC"))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, step: int, **content) -> None:
        self._writer.write_event(Event(step=step, wall_time=time.time(), **content))


class Wandb:
    """A run of Weights & Biases, named after the workdir.

    Args:
        workdir: directory of the run.
        settings: by their flags.
    """

    def __init__(self, workdir: Path, settings: dict[str, Any]):
        import wandb  # pyright: ignore[reportMissingImports]

        self._wandb = wandb
        wandb.init(project="jaxgan", name=workdir.name, dir=str(workdir), config=settings)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Log numbers, by name."""
        self._wandb.log(values, step=step)

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Log a picture, uint8 `[H, W, 3]`."""
        self._wandb.log({"samples": self._wandb.Image(picture)}, step=step)

    def close(self) -> None:
        """End the run."""
        self._wandb.finish()


class MLflow:
    """A run of MLflow's experiment "jaxgan", named after the workdir.

    It is sent to where MLFLOW_TRACKING_URI says, or else kept in `mlruns` in the workdir, which
    `MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri WORKDIR/mlruns` shows.

    Args:
        workdir: directory of the run.
        settings: by their flags.
    """

    def __init__(self, workdir: Path, settings: dict[str, Any]):
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]
        from mlflow.entities import Param  # pyright: ignore[reportMissingImports]

        where = os.environ.get("MLFLOW_TRACKING_URI")
        if not where:
            where = (workdir / "mlruns").absolute().as_uri()
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # newer ones ask
        with _as_os_error():
            self._client = MlflowClient(tracking_uri=where)
            known = self._client.get_experiment_by_name("jaxgan")
            experiment = known.experiment_id if known else self._client.create_experiment("jaxgan")
            self._run = self._client.create_run(experiment, run_name=workdir.name).info.run_id
            params = [Param(name, str(value)) for name, value in settings.items()]
            for i in range(0, len(params), 100):  # as many as it takes at once
                self._client.log_batch(self._run, params=params[i : i + 100])

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Log numbers, by name."""
        from mlflow.entities import Metric  # pyright: ignore[reportMissingImports]

        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        with _as_os_error():
            self._client.log_batch(self._run, metrics=metrics)

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Log a picture, uint8 `[H, W, 3]`."""
        with _as_os_error():
            self._client.log_image(self._run, picture, f"samples/step_{step:08d}.png")

    def close(self) -> None:
        """End the run."""
        with _as_os_error():
            self._client.set_terminated(self._run)


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Let what MLflow cannot write or send be an error like those of files."""
    from mlflow.exceptions import MlflowException  # pyright: ignore[reportMissingImports]

    try:
        yield
    except MlflowException as error:
        raise OSError(str(error).partition("\n")[0]) from error
