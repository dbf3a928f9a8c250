"""Checkpoints of a run: whole or absent, and restored bit for bit.

A checkpoint is a directory named after its step:

    STEP/state/        the arrays, as Orbax writes them
    STEP/record.json   the step, the SHA-256 of the arrays, the notes, the SHA-256 of every file
                       of `state`, and the SHA-256 of this record itself

It is written under another name and renamed when all of it is on disk. Orbax keeps no checksum of
its data, so that a flipped bit would be loaded as a wrong weight; here any damage is noticed, and
the checkpoint before it is taken. Only `save` and `set_aside_after` change the directory: any
number of readers may open it while a run writes to it. ADR 15 says why this is not left to Orbax's
manager.

If several processes train one model, all of them make the same calls, on a directory that they
share. A checkpoint does not depend on how many processes write or read it.
"""

import contextlib
import errno
import hashlib
import re
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental.multihost_utils import process_allgather

from jaxgan import _record
from jaxgan.parallel import greatest

__all__ = ["CheckpointError", "Checkpoints", "digest"]

_NO_NUMBERS = "OSUMm"  # the kinds of NumPy's types that are not numbers: objects, texts, times

T = TypeVar("T")


class CheckpointError(ValueError):
    """The error that a checkpoint cannot be saved, or that none can be restored."""


class Checkpoints:
    """The checkpoints of one run: the newest few, each in a directory named after its step.

    Use it as a context manager, or call `close`. Opening and reading change nothing on disk.

    Args:
        directory: where they are; created when the first one is saved.
        keep: how many to keep, at least 1.
        parents: whether missing directories above it are created, too. If the directory belongs to
            a larger one that may be moved away meanwhile, it should not come back without the rest.

    Raises:
        ValueError: if `keep` is below 1.

    Example:
        >>> import tempfile
        >>> import jax.numpy as jnp
        >>> from jaxgan.checkpoint import Checkpoints
        >>> state = {"weights": jnp.arange(3.0)}
        >>> with tempfile.TemporaryDirectory() as directory, Checkpoints(directory) as checkpoints:
        ...     checkpoints.save(100, state, notes={"loss": "hinge"})
        ...     step, restored = checkpoints.restore(like=state)
        ...     notes = checkpoints.notes(step)
        >>> step, restored["weights"].tolist(), notes
        (100, [0.0, 1.0, 2.0], {'loss': 'hinge'})
    """

    def __init__(self, directory: str | Path, *, keep: int = 2, parents: bool = True):
        if keep < 1:
            raise ValueError(f"keep is {keep}; expected at least 1 checkpoint")
        self._directory = Path(directory).absolute()
        self._keep, self._parents = keep, parents

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Release what reading and writing needed; everything that was saved is on disk already."""
        if "_orbax" in vars(self):
            self._orbax.close()
            del self._orbax

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in ascending order."""
        if not self._directory.is_dir():
            return []
        names = [path.name for path in self._directory.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if re.fullmatch("0|[1-9][0-9]*", name))

    def save(self, step: int, state: Any, notes: dict[str, Any] | None = None) -> None:
        """Write a checkpoint, unless this step has one; return when it is on disk.

        Args:
            step: the number by which it is found.
            state: any pytree of arrays of numbers and random keys.
            notes: small JSON values, which the method `notes` returns.

        Raises:
            CheckpointError: it cannot be written, for example because the disk is full. The older
                checkpoints are kept, and nothing is left of this one.
            TypeError: a leaf is not an array of numbers.
        """
        _check(state)
        failed = None
        try:
            state = jax.tree.map(_here, state)
            if jax.process_index() == 0 and step not in self.steps():
                arrays = _to_host(state)
                record = {"step": step, "digest": digest(arrays), "notes": notes or {}}
                self._write(step, _named(arrays), record)
        except Exception as error:  # Orbax reports a full disk by errors of many types
            failed = error
        if int(greatest(failed is not None)):
            reason = "another process could not" if failed is None else _reason(failed)
            where = self._directory / str(step)
            raise CheckpointError(f"{where} cannot be written: {reason}") from failed

    def restore(self, like: Any, step: int | None = None) -> tuple[int, Any]:
        """Read the newest checkpoint that is whole.

        Args:
            like: a pytree with the structure of the state, of arrays or of their shapes and dtypes.
                If its leaves are on devices, the restored ones are put there. NumPy arrays come
                back as such, and so do 64-bit numbers unless JAX is to use them (`jax_enable_x64`).
            step: which checkpoint to read; None is the newest one that is whole.

        Returns:
            The step and the state.

        Raises:
            CheckpointError: if there is none, or none is whole and fits `like`.
        """
        return self._newest(step, lambda candidate: self._read(candidate, like))

    def notes(self, step: int | None = None) -> dict[str, Any]:
        """Return the notes that were saved with a step; None is the newest one with a whole record.

        Raises:
            CheckpointError: if there is none, or the record is damaged.
        """
        return self._newest(step, lambda one: _record.read(self._directory / str(one)))[1]["notes"]

    def set_aside_after(self, step: int) -> None:
        """Rename the checkpoints of later steps to STEP.aside: nobody takes them for good ones.

        A run calls this where it goes on from a step although there were later ones.
        """
        later = [one for one in self.steps() if one > step]
        for one in later if jax.process_index() == 0 else []:
            aside = self._directory / f"{one}.aside"
            shutil.rmtree(aside, ignore_errors=True)
            (self._directory / str(one)).rename(aside)
        int(greatest(0))  # the others wait

    def _newest(self, step: int | None, read: Callable[[int], T]) -> tuple[int, T]:
        """Read the newest checkpoint that all processes can read."""
        tried: set[int] = set()
        reason = "there is none"
        # The list is made anew each time: meanwhile a run may have replaced what it held.
        while left := {*(self.steps() if step is None else [step])} - tried:
            candidate = max(left)
            tried.add(candidate)
            content, mine = None, "another process cannot read it"
            try:
                content, mine = read(candidate), ""
            except Exception as error:  # a damaged file can raise any error
                mine = _reason(error)
            if not int(greatest(bool(mine))) and content is not None:
                return candidate, content
            if candidate in self.steps() or step is not None:
                reason = mine
                logging.warning("checkpoint %d cannot be restored: %s", candidate, reason)
        raise CheckpointError(f"no checkpoint in {self._directory} can be restored: {reason}")

    def _read(self, step: int, like: Any) -> Any:
        directory = self._directory / str(step)
        record = _record.read(directory)
        _record.check_files(directory, record)
        restored = self._orbax.restore(directory / "state", args=ocp.args.PyTreeRestore())
        shapes = jax.eval_shape(_without_keys, like)
        names = _named(shapes)
        if restored.keys() != names.keys():
            odd = ", ".join(sorted(restored.keys() ^ names.keys())[:3])
            raise CheckpointError(f"it holds the state of something else: {odd}")
        arrays = [restored[name] for name in names]
        arrays = jax.tree.unflatten(jax.tree.structure(shapes), arrays)
        if digest(arrays) != record["digest"]:
            raise CheckpointError("its arrays do not match their SHA-256")
        return jax.tree.map(_as_like, arrays, like)

    def _write(self, step: int, named: dict[str, np.ndarray], record: dict[str, Any]) -> None:
        self._directory.mkdir(parents=self._parents, exist_ok=True)
        self._sweep()
        partial, place = self._directory / f".{step}.partial", self._directory.stat().st_ino
        try:
            partial.mkdir()
            self._orbax.save(partial / "state", args=ocp.args.PyTreeSave(named))
            _record.seal(partial, record)
            if self._directory.stat().st_ino != place:
                raise FileNotFoundError(errno.ENOENT, "it was moved away meanwhile")
            partial.rename(self._directory / str(step))
            _record.flush(self._directory)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            if not self._parents:  # Orbax makes those above what it writes, if they are gone
                with contextlib.suppress(OSError):
                    self._directory.rmdir()
                    self._directory.parent.rmdir()
            raise
        for old in self.steps()[: -self._keep]:
            self._remove(old)

    def _remove(self, step: int) -> None:
        """Delete a step, which is absent from the first moment on."""
        aside = self._directory / f".{step}.deleted"
        (self._directory / str(step)).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what a process that was killed in the middle of something left behind."""
        for pattern in (".*.partial", ".*.deleted", "*.orbax-checkpoint-tmp*"):
            for path in self._directory.glob(pattern):
                shutil.rmtree(path, ignore_errors=True)

    @cached_property
    def _orbax(self) -> ocp.Checkpointer:
        """The reader and writer of arrays, for this process alone."""
        alone = {}
        if jax.process_count() > 1:
            me = jax.process_index()
            alone["multiprocessing_options"] = ocp.options.MultiprocessingOptions(
                primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process_{me}"
            )
        return ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_zarr3=True, **alone), **alone)


def digest(state: Any) -> str:
    """Return the SHA-256 of the bytes, shapes and dtypes of all arrays of a pytree.

    Args:
        state: any pytree of arrays and random keys.

    Returns:
        64 hexadecimal digits, which are equal for states that are equal bit for bit.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.checkpoint import digest
        >>> one, other = {"weights": jnp.arange(3.0)}, {"weights": jnp.arange(3.0).at[0].set(1e-30)}
        >>> digest(one) == digest(one), digest(one) == digest(other), len(digest(one))
        (True, False, 64)
    """
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(_to_host(state)):
        sha.update(f"{leaf.dtype}{leaf.shape}".encode())
        sha.update(np.ascontiguousarray(leaf).tobytes())
    return sha.hexdigest()


def _check(state: Any) -> None:
    for name, leaf in _named(state).items():
        kind = getattr(leaf, "dtype", type(leaf).__name__)
        if isinstance(kind, str) or (isinstance(kind, np.dtype) and kind.kind in _NO_NUMBERS):
            raise TypeError(f"{name or 'state'} is {kind}; expected an array of numbers")


def _reason(error: Exception) -> str:
    """Return what went wrong in a few words: the system's own, if they are in the message."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error) or type(error).__name__
    system = re.search(r"OS error \d+: \w+ ([^\]\n]+)", text)
    return system[1] if system else text.partition("\n")[0]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_keys(state: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, state)


def _to_host(state: Any) -> Any:
    """Convert to NumPy arrays, which do not depend on the number of devices and processes."""
    return jax.tree.map(np.asarray, jax.device_get(_without_keys(state)))


def _here(leaf: Any) -> Any:
    """Gather an array of which each process has a part; all of them have to call this."""
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        return process_allgather(leaf, tiled=True)
    return leaf


def _named(tree: Any) -> dict[str, Any]:
    """Return the leaves by names such as `g.params.Dense_0.kernel`, whatever their Python types."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _as_like(array: Any, like: Any) -> Any:
    sharding = getattr(like, "sharding", None)
    if isinstance(like, np.ndarray) or jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        pass  # JAX would make 32 bits of 64
    elif _is_key(like):
        array = jax.jit(jax.random.wrap_key_data, out_shardings=sharding)(array)
    elif sharding is None:
        array = jax.device_put(array)  # `jnp.asarray` would compile a program for every shape
    else:
        array = jax.make_array_from_callback(array.shape, sharding, array.__getitem__)
    if array.shape != like.shape or array.dtype != like.dtype:
        raise CheckpointError(
            f"it holds {array.dtype}{list(array.shape)} where {like.dtype}{list(like.shape)} "
            f"was expected"
        )
    return array
