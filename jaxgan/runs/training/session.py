"""What happens between the steps of a run: logging, pictures, evaluations and checkpoints."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxgan
from jaxgan.checkpoint import CheckpointError, Checkpoints
from jaxgan.runs import hosts
from jaxgan.runs.config import Config
from jaxgan.runs.show import pictures
from jaxgan.runs.training.record import NullRecorder
from jaxgan.runs.training.task import Task

_RETRY_AFTER = 60.0  # seconds, if a checkpoint could not be saved
_LAST_TRIES = (1.0, 4.0, 15.0)  # seconds between the attempts to save at the end of a run


class StuckError(Exception):
    """Signals that a run cannot go on from here: updates are skipped, one after the other."""

    def __init__(self, step: int, reason: str):
        super().__init__(reason)
        self.step, self.reason = step, reason


class Session:
    """One stretch of training, from a checkpoint on.

    Args:
        config: the settings.
        task: what is trained.
        recorder: of the metrics and pictures.
        checkpoints: of the run.
        notes: what each checkpoint notes.
        kept: step of the newest checkpoint.
    """

    def __init__(
        self,
        config: Config,
        task: Task,
        recorder: NullRecorder,
        checkpoints: Checkpoints,
        notes: dict[str, Any],
        kept: int,
    ):
        self.config, self.task = config, task
        self.recorder, self.checkpoints = recorder, checkpoints
        self._notes, self._kept = notes, kept
        self._pending: list[tuple[Any, int]] = []
        self._drawn: dict[Path, np.ndarray] = {}
        self._failed_at: float | None = None

    def made(self, metrics: Any, count: int) -> None:
        """Take in the metrics of a call, of which the first `count` steps count."""
        self._pending.append((metrics, count))

    def log(self, step: int) -> None:
        """Record the metrics of the steps since the last line.

        Raises:
            StuckError: too many of these updates were skipped.
        """
        if not self._pending:
            return
        gathered = [(jax.device_get(metrics), count) for metrics, count in self._pending]
        self._pending.clear()
        metrics = {
            name: np.concatenate([metrics[name][..., :count] for metrics, count in gathered], -1)
            for name in gathered[0][0]
        }
        values, lost = self.task.watch.metrics(step, metrics, self.recorder)
        if lost:
            raise StuckError(step, lost)
        self.recorder.metrics(step, values)

    def show_real(self) -> None:
        """Write the picture of real examples, unless it is there."""
        path = Path(self.config.run.workdir) / "samples" / "real.png"
        if self.task.real is None or not hosts.writes() or path.exists():
            return
        self._drawn[path] = self.task.real
        with self.recorder.attempt("the picture of real examples now, but later"):
            self.write_pictures()

    def picture(self, step: int, state: jaxgan.TrainState) -> None:
        """Draw a picture of samples, unless there is one of this step."""
        path = Path(self.config.run.workdir) / "samples" / f"step_{step:08d}.png"
        state = self.task.to_sample(state)
        if not hosts.writes() or path.exists():
            return
        self._drawn[path] = picture = self.task.draw(state)
        with self.recorder.attempt(f"the picture of step {step} now, but later"):
            self.write_pictures()
        self.recorder.picture(step, picture)

    def write_pictures(self) -> None:
        """Write what is drawn, also what could not be written earlier.

        Raises:
            OSError: it still cannot be written.
        """
        for path, picture in list(self._drawn.items()):
            pictures.save(picture, path)
            del self._drawn[path]

    def evaluate(self, step: int, state: jaxgan.TrainState) -> bool:
        """Measure the samples, and return whether to stop."""
        evaluator = self.task.evaluator
        return evaluator is not None and evaluator.evaluate(step, state, self.recorder, self._notes)

    def had_enough(self) -> bool:
        """Whether the evaluations so far say to stop."""
        evaluator = self.task.evaluator
        return evaluator is not None and evaluator.is_over(self.recorder)

    def wants_to_save(self) -> bool:
        """Whether a checkpoint that could not be saved should be tried again now."""
        waits = self._failed_at is not None
        return waits and time.monotonic() - (self._failed_at or 0) > _RETRY_AFTER

    def save(self, step: int, state: jaxgan.TrainState) -> None:
        """Save a checkpoint if all is well; if it cannot be written, say so and go on.

        Raises:
            StuckError: the state is not finite.
        """
        self.log(step)
        if self.task.watch.is_in_doubt():
            return  # the newest checkpoint is to be a good one
        try:
            self._save(step, state)
        except CheckpointError as error:
            self._failed_at = time.monotonic()
            kept = f"the checkpoint of step {self._kept} is kept"
            self.recorder.say(f"{error}; {kept}, and training goes on")

    def save_at_last(self, step: int, state: jaxgan.TrainState) -> None:
        """Save the state that a run ends with.

        Raises:
            CheckpointError: it cannot be written, after several attempts.
            StuckError: the state is not finite.
        """
        for seconds in _LAST_TRIES:
            try:
                return self._save(step, state)
            except CheckpointError as error:
                self.recorder.say(f"{error}; trying again in {seconds:.0f} s")
                time.sleep(seconds)
        try:
            return self._save(step, state)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}; the checkpoint of step {self._kept} is kept: when that is mended, run "
                f"the same command to go on from there"
            ) from error

    def _save(self, step: int, state: jaxgan.TrainState) -> None:
        # The metrics are of the parameters before the last update, so they may not show it yet.
        lost = self.task.watch.state(step, state, self.recorder)
        if lost:
            raise StuckError(step, lost)
        self.checkpoints.save(step, state, self._notes)
        self._failed_at, self._kept = None, step
