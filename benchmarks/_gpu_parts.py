"""Parts of `gpu.py` that are processes of their own: _gpu_parts.py KIND NUMBERS.json [flags]."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags
from peers.settings import CASES, case
from step_memory import settings

from jaxgan import Batch
from jaxgan._files import write_whole
from jaxgan.runs import benchmark, timing
from jaxgan.runs.build import build
from jaxgan.runs.flags import presets
from jaxgan.runs.networks import Facts

_CASE = flags.DEFINE_string("case", "dcgan_32", "of benchmarks/peers/settings.py")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "examples per update", lower_bound=1)
_PRECISION = flags.DEFINE_string("precision", "float32", "float32 or bfloat16")
_REMAT = flags.DEFINE_bool("remat", False, "as that of jaxgan-train")
_MICROBATCH = flags.DEFINE_integer("microbatch", 0, "as that of jaxgan-train", lower_bound=0)
_TINY = flags.DEFINE_bool("tiny", False, "tiny networks, to try the script")

_TOLERANCE = 1e-3  # of the largest update of a player, and of a loss
_SAME_STEP = ("dcgan_32", "sngan", "r3gan", "stylegan2")


def same_step(path: Path) -> dict[str, Any]:
    """Take a D and a G step on the CPU and on the default device, from the same state and keys.

    By plain gradient descent: Adam's first update is the sign of a gradient, which rounding decides
    where there is none.

    Raises:
        SystemExit: they are farther apart than rounding explains.
    """
    del path
    found = {}
    for name in (_CASE.value,) if _TINY.value else _SAME_STEP:
        config, shape = case(name, batch_size=8, tiny=_TINY.value)
        gan = build(config.replace(optimizer="sgd"), Facts(shape)).gan
        x = np.random.default_rng(0).uniform(-1, 1, (8, *shape)).astype(np.float32)
        steps = []
        start = None
        for device in (jax.devices("cpu")[0], jax.devices()[0]):
            with jax.default_device(device):
                if start is None:
                    start = jax.device_get(jax.jit(gan.init)(jax.random.key(0), Batch(x)))
                state, metrics = jax.jit(gan.train_step)(start, Batch(x))
                steps.append(jax.device_get((state, metrics)))
        (here, ours), (there, theirs) = steps
        apart = {
            name: abs(float(ours[name] / theirs[name]) - 1) for name in ("d_loss", "g_loss")
        } | {
            player: _apart(*(getattr(state, player).params for state in (start, here, there)))
            for player in ("d", "g")
        }
        found[name] = apart
        if max(apart.values()) > _TOLERANCE:
            raise SystemExit(f"error: {name}: CPU and GPU are {apart} apart, not {_TOLERANCE}")
    return found


def _apart(start: Any, here: Any, there: Any) -> float:
    """How far two updates are apart, relative to the largest."""
    a, b = (
        [
            np.asarray(new) - np.asarray(old)
            for new, old in zip(*map(jax.tree.leaves, (after, start)), strict=True)
        ]
        for after in (here, there)
    )
    largest = max(np.abs(leaf).max() for leaf in a)
    return float(max(np.abs(one - other).max() for one, other in zip(a, b, strict=True)) / largest)


def loop(path: Path) -> dict[str, Any]:
    """Time the loop of a training, its step alone, and a large matrix product."""
    del path
    config, shape = case(
        _CASE.value, batch_size=_BATCH_SIZE.value, precision=_PRECISION.value, tiny=_TINY.value
    )
    options = benchmark.Options(shape=",".join(map(str, shape)))
    if _TINY.value:
        options = options._replace(seconds=0, repeats=1)
    found = benchmark.measure(config, options)
    print(benchmark.table(found))
    ms = {name: one["median"] for name, one in found["timings"].items()}
    share = 1e3 * found["flops_per_step"] / ms["loop"] / found["ceiling"]["flops"]
    return {"loop": ms["loop, same batch"] / ms["loop"], "share": share, "all": found}


def memory(path: Path) -> dict[str, Any]:
    """Double the batch of R3GAN on StackedMNIST until a step of it has no room.

    The numbers so far are in the file after each batch, for what takes too long.
    """
    others: dict[str, Any] = {"microbatch": _MICROBATCH.value, "remat": _REMAT.value}
    preset, shape = settings(presets()["r3gan_stacked_mnist"], **others), (32, 32, 3)
    sizes = [64 * 2**k for k in range(16)]
    if _TINY.value:
        preset, shape = case(_CASE.value, tiny=True)
        preset, sizes = preset.replace(**others), sizes[:1]
    found: dict[str, Any] = {"machine": timing.machine(), "batches": {}, "largest": None}
    for size in sizes:
        config = preset.replace(batch_size=size)
        gan = build(config, Facts(shape)).gan
        batch = Batch(jnp.zeros((size, *shape)))
        try:
            state = jax.jit(gan.init)(jax.random.key(0), batch)
            step = jax.jit(gan.train_step, donate_argnums=0).lower(state, batch).compile()
            analysis: Any = step.memory_analysis()
            jax.block_until_ready(step(state, batch))
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            found["too_large"] = size
            break
        found["batches"][str(size)] = {"temporary_bytes": analysis.temp_size_in_bytes}
        found["largest"] = size
        _write(path, found)
    return found


def _write(path: Path, found: dict[str, Any]) -> None:
    write_whole(path, json.dumps(found, indent=1))


def main(argv: list[str]) -> None:
    """Do one of them."""
    kinds = {"same_step": same_step, "loop": loop, "memory": memory}
    if _CASE.value not in CASES:
        raise SystemExit(f"error: --case={_CASE.value}: choose of {', '.join(CASES)}")
    path = Path(argv[2])
    _write(path, kinds[argv[1]](path))


if __name__ == "__main__":
    app.run(main)
