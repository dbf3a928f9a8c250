"""What splitting the optimizers' states saves, and that it changes no step.

    python benchmarks/split_state.py --width=64

Trains a small R3GAN by `shard_map` and by `shard_optimizer` on devices that JAX makes of this CPU,
and counts what each device holds of the state, and what the compiled program takes and sends.
"""

from typing import Any

import jax
import numpy as np
from absl import app, flags
from collectives import compiled

import jaxgan
from jaxgan import Batch, nets, recipes
from jaxgan.models import r3gan

_STEPS, _BATCH, _SIDE = 3, 8, 8


def train(ways: Any, width: int) -> tuple[str, list[np.ndarray]]:
    """A row of the table, and the floats that the state came to."""
    settings = recipes.R3GAN_SETTINGS["stacked_mnist"]._replace(batch_size=_BATCH, burn_in=1e3)
    shape = {"image_size": _SIDE, "widths": (width, width)}
    g, d = r3gan.Generator(channels=3, **shape), r3gan.Discriminator(**shape)
    gan = ways(recipes.r3gan(nets.from_linen(g), nets.from_linen(d), settings))
    x = np.random.default_rng(0).normal(size=(_BATCH, _SIDE, _SIDE, 3)).astype(np.float32)
    state = gan.init(jax.random.key(0), Batch(x))
    program = jax.jit(gan.train_step, donate_argnums=0).lower(state, Batch(x)).compile()
    held = sum(leaf.addressable_data(0).nbytes for leaf in jax.tree.leaves(state._replace(key=())))
    for _ in range(_STEPS):
        state, _ = program(state, Batch(x))
    memory = program.memory_analysis()
    assert memory is not None  # CPU's compiler analyzes it
    sent = ", ".join(f"{len(sizes)} {kind}" for kind, sizes in compiled(program.as_text()).items())
    row = f"{held / 1e6:.2f} | {memory.alias_size_in_bytes / 1e6:.2f} "
    row += f"| {memory.temp_size_in_bytes / 1e6:.2f} | {sent} |"
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state._replace(key=()))]
    return row, [leaf for leaf in leaves if leaf.dtype == np.float32]


def run(argv: list[str]) -> None:
    """Print the table, and how far the two ways are apart."""
    del argv
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", flags.FLAGS.devices)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    print("| | state, MB | program: state, MB | program: temporary, MB | collectives |")
    print("|---|--:|--:|--:|---|")
    ends = []
    for name in ("shard_map", "shard_optimizer"):
        row, end = train(getattr(jaxgan, name), flags.FLAGS.width)
        print(f"| {name} | {row}", flush=True)
        ends.append(end)
    apart = max(np.abs(a - b).max(initial=0) for a, b in zip(*ends, strict=True))
    print(f"\nlargest difference after {_STEPS} steps: {apart:.1e}")


if __name__ == "__main__":
    flags.DEFINE_integer("width", 64, "channels of the networks")
    flags.DEFINE_integer("devices", 4, "how many")
    app.run(run)
