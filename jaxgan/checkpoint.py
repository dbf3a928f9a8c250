"""Checkpoints of a run, saved through Orbax and restored bit for bit.

Orbax writes a step to a temporary directory and renames it when it is complete, but keeps no
checksum of the data: a flipped bit would be loaded as a wrong weight. So each checkpoint holds the
SHA-256 of its arrays, and one that does not match is skipped in favor of the one before it.

If several processes train one model, all of them make the same calls, on a directory that they
share. A checkpoint does not depend on how many processes write or read it.
"""

import hashlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint.checkpoint_managers import preservation_policy

from jaxgan.parallel import greatest

__all__ = ["CheckpointError", "Checkpoints", "digest"]


class CheckpointError(ValueError):
    """The error that no checkpoint can be restored."""


class Checkpoints:
    """The checkpoints of one run: the newest few, each in a directory named after its step.

    Use it as a context manager, or call `close`.

    Args:
        directory: where they are; created when the first one is saved.
        keep: how many to keep, at least 1.

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

    def __init__(self, directory: str | Path, *, keep: int = 2):
        if keep < 1:
            raise ValueError(f"keep is {keep}; expected at least 1 checkpoint")
        # With a relative path Orbax would fail later, in the background.
        self._directory = Path(directory).resolve()
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=preservation_policy.LatestN(keep),
                enable_async_checkpointing=False,
                cleanup_tmp_directories=True,
            ),
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Finish writing, and release the directory."""
        self._manager.close()

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in ascending order."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: Any, notes: dict[str, Any] | None = None) -> None:
        """Write a checkpoint, unless this step has one; return when it is on disk.

        Args:
            step: the number by which it is found.
            state: any pytree of arrays and random keys.
            notes: small JSON values, which the method `notes` returns.
        """
        if step in self.steps():
            return
        arrays = _to_host(state)
        record = {"digest": digest(arrays), "notes": notes or {}}
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_named(arrays)), record=ocp.args.JsonSave(record)
            ),
        )
        self._manager.wait_until_finished()

    def restore(self, like: Any, step: int | None = None) -> tuple[int, Any]:
        """Read the newest checkpoint that is intact.

        Args:
            like: a pytree with the structure of the state, of arrays or of their shapes and dtypes.
                If its leaves are on devices, the restored ones are put there.
            step: which checkpoint to read; None is the newest one that is intact.

        Returns:
            The step and the state.

        Raises:
            CheckpointError: if there is none, or none is intact and fits `like`.
        """
        steps = self.steps() if step is None else [step]
        reason = "there is none"
        for candidate in reversed(steps):
            state, reason = None, "another process cannot read it"
            try:
                state = self._read(candidate, like)
            except Exception as error:  # a damaged file can raise any error
                reason = str(error).partition("\n")[0]
            if not int(greatest(state is None)):  # all have to continue from the same step
                return candidate, state
            logging.warning("checkpoint %d cannot be restored: %s", candidate, reason)
        raise CheckpointError(f"no checkpoint in {self._directory} can be restored: {reason}")

    def notes(self, step: int) -> dict[str, Any]:
        """Return the notes that were saved with a step."""
        return self._record(step)["notes"]

    def _record(self, step: int) -> dict[str, Any]:
        restored = self._manager.restore(
            step, args=ocp.args.Composite(record=ocp.args.JsonRestore())
        )
        return restored["record"]

    def _read(self, step: int, like: Any) -> Any:
        shapes = jax.eval_shape(_without_keys, like)
        restored = self._manager.restore(
            step, args=ocp.args.Composite(state=ocp.args.StandardRestore(_named(shapes)))
        )
        leaves = [restored["state"][name] for name in _named(shapes)]
        arrays = jax.tree.unflatten(jax.tree.structure(shapes), leaves)
        if digest(arrays) != self._record(step)["digest"]:
            raise CheckpointError("its arrays do not match their SHA-256")
        return jax.tree.map(_as_like, arrays, like)


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


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_keys(state: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, state)


def _to_host(state: Any) -> Any:
    """Convert to NumPy arrays, which do not depend on the number of devices and processes."""
    return jax.tree.map(np.asarray, jax.device_get(_without_keys(state)))


def _named(tree: Any) -> dict[str, Any]:
    """Return the leaves by names such as `g.params.Dense_0.kernel`, whatever their Python types."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _as_like(array: Any, like: Any) -> Any:
    sharding = getattr(like, "sharding", None)
    if _is_key(like):
        array = jax.jit(jax.random.wrap_key_data, out_shardings=sharding)(array)
    elif sharding is None:
        array = jnp.asarray(array)
    else:
        array = jax.make_array_from_process_local_data(sharding, array)
    if array.shape != like.shape or array.dtype != like.dtype:
        raise CheckpointError(
            f"it holds {array.dtype}{list(array.shape)} where {like.dtype}{list(like.shape)} "
            f"was expected"
        )
    return array
