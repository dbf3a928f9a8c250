"""Events for TensorBoard.

tensorboardX's own `SummaryWriter` writes in a thread, in which a full disk would go unnoticed until
its queue is full and the run stands still; here the caller gets the error.
"""

import time
from pathlib import Path

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import (
    Event,  # pyright: ignore[reportAttributeAccessIssue] - they are made as it is imported
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)


class Board:
    """A file of events in a directory.

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
