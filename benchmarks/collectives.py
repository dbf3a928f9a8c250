"""What a step sends: as `benchmarks/scaling.py` counts it, and as the compiled programs do.

    python benchmarks/collectives.py --devices=2,4,8

Compiles the steps of one small GAN for every way to run it, on devices that JAX makes of this CPU.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags

import jaxgan
from jaxgan import GAN, Batch
from jaxgan._batch_axes import row
from jaxgan._scatter import Scatter
from jaxgan.parallel import AXIS
from jaxgan.runs.build import build
from jaxgan.runs.config import make
from jaxgan.runs.networks import Facts, example

_KINDS = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
_CALL = re.compile(rf"= (.*) ({_KINDS})(?:-start)?\(")
_ARRAY = re.compile(r"(f32|s32|u32|pred)\[([\d,]*)\]")
_SIZES = {"f32": 4, "s32": 4, "u32": 4, "pred": 1}
_OF_AVERAGES = ("grad_norm", "update_ratio", "skipped")  # metrics made of what is averaged already
_MIN_SIZE = 2**10
_SCALARS = 16  # bytes
WAYS = ("jit", "pmap", "shard_map", "shard_optimizer")


def compiled(program: str | None) -> dict[str, list[int]]:
    """Bytes of what each collective of a compiled program gives, by kind, in ascending order."""
    found: dict[str, list[int]] = {}
    for types, kind in _CALL.findall(program or ""):
        arrays = [
            _SIZES[dtype] * math.prod(map(int, shape.split(",") if shape else ()))
            for dtype, shape in _ARRAY.findall(types)
        ]
        found.setdefault(kind, []).append(sum(arrays))
    return {kind: sorted(sizes) for kind, sizes in found.items()}


def averaged(gan: GAN, player: str, batch: Batch) -> int:
    """Bytes that an update of `g` or `d` averages: gradients, float statistics and metrics."""
    state, own, metrics = _shapes(gan, player, batch)
    del state
    told = {name: leaf for name, leaf in metrics.items() if not name.endswith(_OF_AVERAGES)}
    leaves = jax.tree.leaves((own.params, own.state, told))
    return sum(
        leaf.size * leaf.dtype.itemsize
        for leaf in leaves
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    )


def counted(gan: GAN, player: str, batch: Batch, way: str, scatter: Scatter) -> dict[str, list]:
    """What the model says that an update sends, in the form of `compiled`."""
    total = averaged(gan, player, batch)
    if way == "jit":
        return {}
    if way != "shard_optimizer":
        return {"all-reduce": [total]}
    _, own, _ = _shapes(gan, player, batch)
    whole = sorted(leaf.size * 4 for leaf in jax.tree.leaves(own.params) if scatter.splits(leaf))
    devices = scatter.mesh.shape[AXIS]
    return {
        "reduce-scatter": [size // devices for size in whole],
        "all-gather": whole,
        "all-reduce": [total - sum(whole)],
    }


def measured(gan: GAN, player: str, batch: Batch, way: str, devices: list) -> dict[str, list]:
    """What the compiled program of an update sends."""
    mesh = row(devices, AXIS)
    ways = {
        "jit": jaxgan.jit,
        "pmap": lambda gan: jaxgan.pmap(gan, devices=devices),
        "shard_map": lambda gan: jaxgan.shard_map(gan, mesh=mesh),
        "shard_optimizer": lambda gan: jaxgan.shard_optimizer(gan, mesh=mesh, min_size=_MIN_SIZE),
    }
    state, _, _ = _shapes(gan, player, batch)
    step = jax.jit(getattr(ways[way](gan), f"{player}_step"))
    return compiled(step.lower(state, batch).compile().as_text())


def agree(ours: dict[str, list], theirs: dict[str, list]) -> bool:
    """Whether they send the same; scalars may be added up besides.

    `shard_optimizer` does so to see whether gradients are finite, and how long they are.
    """
    rest = sum(theirs.get("all-reduce", [])) - sum(ours.get("all-reduce", []))
    one, other = ({k: v for k, v in sent.items() if k != "all-reduce"} for sent in (ours, theirs))
    scalars = _SCALARS if "reduce-scatter" in ours else 0
    return one == other and 0 <= rest <= scalars


def _shapes(gan: GAN, player: str, batch: Batch) -> tuple[Any, Any, Any]:
    """Shapes of the state, of the player's part of it, and of the metrics of its update."""
    state = jax.eval_shape(gan.init, jax.random.key(0), batch)
    _, metrics = jax.eval_shape(getattr(gan, f"{player}_step"), state, batch)
    return state, getattr(state, player), metrics


def comparison(
    devices: list, ways: Iterable[str] = WAYS, players: Iterable[str] = ("d", "g")
) -> list[tuple[str, str, dict[str, list], dict[str, list]]]:
    """Way, player, what is counted and what is compiled, of a small GAN on these devices."""
    facts = Facts((8, 8, 1))
    gan = build(make(model="mlp", width=16, latent_dim=8, ema_decay=0.9), facts).gan
    batch = jax.tree.map(lambda leaf: jnp.zeros((16, *leaf.shape[1:])), example(facts))
    scatter = Scatter(row(devices, AXIS), AXIS, _MIN_SIZE)
    return [
        (
            way,
            player,
            counted(gan, player, batch, way, scatter),
            measured(gan, player, batch, way, devices),
        )
        for way in ways
        for player in players
    ]


def run(argv: list[str]) -> None:
    """Print what is counted beside what is compiled."""
    del argv
    numbers = [int(number) for number in flags.FLAGS.devices]
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", max(numbers))
    jax.config.update("jax_disable_most_optimizations", True)  # it sends the same
    print("| devices | way | update of | collectives: bytes | as counted |\n|--:|---|---|---|---|")
    for number in numbers:
        for way, player, ours, theirs in comparison(jax.devices()[:number]):
            told = ", ".join(f"{kind}: {' + '.join(map(str, theirs[kind]))}" for kind in theirs)
            equal = "yes" if agree(ours, theirs) else f"no: {ours}"
            print(f"| {number} | {way} | {player.upper()} | {told or 'none'} | {equal} |")


if __name__ == "__main__":
    flags.DEFINE_list("devices", ["2", "4", "8"], "how many devices, for each part of the table")
    app.run(run)
