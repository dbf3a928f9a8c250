"""Gradients that come back in parts, so that each device updates its own part of the optimizer.

`jaxgan.shard_optimizer` runs a step on whole arrays, which XLA splits over a mesh. What it must not
split as it likes is the loss: it would split networks instead of batches. So the engine maps each
player's gradient over the mesh by hand, as `jaxgan.shard_map` does a whole step (`docs/adr/0019`).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan.types import PlayerState, TrainState

__all__ = ["MIN_SIZE", "Scatter"]

MIN_SIZE = 2**14
"""Smaller arrays are not worth two messages each, and nearly all bytes are in larger ones."""


class Scatter(NamedTuple):
    """The `axis_name` of a step that is not mapped itself: only its gradients are.

    Attributes:
        mesh: the devices.
        axis_name: the mesh axis to split batches, gradients and the optimizers' states over.
        min_size: numbers in the smallest array that is split.
    """

    mesh: Mesh
    axis_name: str
    min_size: int = MIN_SIZE

    def map(self, gradients: Callable) -> Callable:
        """Map `(params, state, opponent, batch, key, step, *, axis_name, mean) -> (grads, ...)`.

        Each device sees its part of the batch `[B, ...]`, and gives its part of the average of the
        gradients; the rest is the same on all of them.
        """
        whole, examples = PartitionSpec(), PartitionSpec(self.axis_name)

        def mapped(params, *rest):
            return jax.shard_map(
                partial(gradients, axis_name=self.axis_name, mean=self._mean),
                mesh=self.mesh,
                in_specs=(whole, whole, whole, examples, whole, whole),
                out_specs=(jax.tree.map(self._part, params), whole, whole),
            )(params, *rest)

        return mapped

    def place(self, player: PlayerState) -> PlayerState:
        """Put a player after its update where it was before, inside `jax.jit`."""
        return lax.with_sharding_constraint(player, self._of_player(player))

    def shardings(self, state: TrainState) -> TrainState:
        """Where a state lies: parts of the optimizers' states and of the average, else whole."""
        whole = self._shardings(_whole, state)
        g, d = self._of_player(state.g), self._of_player(state.d)
        return whole._replace(g=g, d=d, ema=self._shardings(self._part, state.ema))

    def bytes(self, state: TrainState) -> int:
        """Count what a state takes on each device."""

        def one(leaf, where):
            return math.prod(where.shard_shape(leaf.shape)) * leaf.dtype.itemsize

        return sum(jax.tree.leaves(jax.tree.map(one, state, self.shardings(state))))

    def splits(self, leaf: Any) -> bool:
        """Whether an array of this shape is split."""
        return self._axis(leaf) is not None

    def _of_player(self, player: PlayerState) -> PlayerState:
        whole = self._shardings(_whole, player)
        return whole._replace(opt_state=self._shardings(self._part, player.opt_state))

    def _shardings(self, spec: Callable[[Any], PartitionSpec], tree: Any) -> Any:
        return jax.tree.map(lambda leaf: NamedSharding(self.mesh, spec(leaf)), tree)

    def _mean(self, grads: Any, axis_name: str) -> Any:
        def one(leaf):
            axis = self._axis(leaf)
            if axis is None:
                return lax.pmean(leaf, axis_name)
            part = lax.psum_scatter(leaf, axis_name, scatter_dimension=axis, tiled=True)
            return part / self.mesh.shape[axis_name]

        return jax.tree.map(one, grads)

    def _part(self, leaf: Any) -> PartitionSpec:
        axis = self._axis(leaf)
        return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, self.axis_name)

    def _axis(self, leaf: Any) -> int | None:
        """The axis of an array that is split: the longest that divides, of those the last."""
        parts = self.mesh.shape[self.axis_name]
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        fitting = [i for i, side in enumerate(leaf.shape) if side % parts == 0]
        if is_key or not fitting or math.prod(leaf.shape) < self.min_size:
            return None
        return max(fitting, key=lambda i: (leaf.shape[i], i))


def _whole(leaf: Any) -> PartitionSpec:
    del leaf
    return PartitionSpec()
