"""Whether both sides do the same work: one D and one G step from the same weights and inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import cases
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_networks as peers
from settings import CASES
from torch import nn

from jaxgan import Batch
from jaxgan.runs import networks
from jaxgan.runs.build import build

TOLERANCE = 1e-3
"""An update is about a thousandth of a weight: of the weights this is a millionth."""
_BATCH = 16


def differences(name: str) -> dict[str, float]:
    """How far a case's two sides are apart after one D step and one G step with Adam.

    Both compute in float64. In float32 rounding alone decides on which side of a ReLU's kink a few
    of the million activations lie, and the sign of Adam's first update where a gradient vanishes.

    Returns:
        Of each loss the relative difference; of the updates of the weights of each player the
        largest difference relative to the largest update, which sees a wrong gradient too.
    """
    jax.config.update("jax_disable_most_optimizations", True)  # compiled once, run once
    try:
        with jax.enable_x64(True), mock.patch.dict(networks._DTYPES, {"float32": jnp.float64}):
            return _differences(name)
    finally:
        jax.config.update("jax_disable_most_optimizations", False)


def _differences(name):
    config, shape = CASES[name]
    x, y, *_ = cases.images(config, shape, seed=3)
    x, y = (None if a is None else a[:_BATCH] / 127.5 - 1 for a in (x, y))
    batch = tuple(None if a is None else torch.from_numpy(a.transpose(0, 3, 1, 2)) for a in (x, y))
    trainer = cases.trainer(config, shape)
    pair = {"g": trainer.generator.double(), "d": trainer.discriminator.double()}
    begun = {player: _tensors(network) for player, network in pair.items()}
    gan = build(config, cases.facts(config, shape)).gan
    start = _with_weights(jax.jit(gan.init)(jax.random.key(0), Batch(x, y)), pair)

    with _same_numbers():
        between, d_metrics = jax.jit(gan.d_step)(start, Batch(x, y))
        _set_vectors(pair["d"], start)
        d_loss = trainer.d_step(batch)
        end, g_metrics = jax.jit(gan.g_step)(between, Batch(x, y))
        if _set_vectors(pair["d"], between):
            pair["d"](batch[0])  # ours iterates for real images, too, whose logits it leaves out
        g_loss = trainer.g_step(batch)

    result = {
        "d_loss": _relative(d_metrics["d_loss"], d_loss.numpy()),
        "g_loss": _relative(g_metrics["g_loss"], g_loss.numpy()),
    }
    for player, network in pair.items():
        before, after = (cases.named(getattr(state, player).params) for state in (start, end))
        now = _tensors(network)
        there = peers.renamed(network, {name: now[name] - begun[player][name] for name in now})
        here = {leaf: after[leaf] - before[leaf] for leaf in after}
        apart = max(np.abs(here[leaf] - there[leaf]).max() for leaf in here)
        result[f"{player}_weights"] = float(apart / max(np.abs(a).max() for a in here.values()))
    return result


@contextmanager
def _same_numbers() -> Iterator[None]:
    """Both sides draw the same numbers, which depend on nothing but their shape."""

    def draw(kind, shape):
        return getattr(np.random.default_rng(shape), kind)(size=shape)

    def ours(kind):
        return lambda key, shape=(), *_: jnp.asarray(draw(kind, tuple(shape)))

    def theirs(kind):
        def drawn(*shape, device):
            channels_last = (shape[0], *shape[2:], shape[1])
            return torch.from_numpy(draw(kind, channels_last)).movedim(-1, 1).to(device)

        return drawn

    with (
        mock.patch.object(jax.random, "normal", ours("normal")),
        mock.patch.object(jax.random, "uniform", ours("uniform")),
        mock.patch.object(torch, "randn", theirs("normal")),
        mock.patch.object(torch, "rand", theirs("uniform")),
    ):
        yield


def _with_weights(state: Any, pair: dict[str, nn.Module]) -> Any:
    """The state in float64, with the weights of the PyTorch networks."""

    def of_player(player, network):
        there = peers.leaves(network)
        named = cases.named(player.params)
        if named.keys() != there.keys():
            raise ValueError(f"without a counterpart: {sorted(named.keys() ^ there.keys())}")
        leaves = [there[name].reshape(leaf.shape) for name, leaf in named.items()]
        return player._replace(params=jax.tree.unflatten(jax.tree.structure(player.params), leaves))

    given = {name: of_player(getattr(state, name), network) for name, network in pair.items()}
    state = state._replace(**given)
    return jax.tree.map(
        lambda a: jnp.array(a, jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, state
    )


def _set_vectors(network: nn.Module, state: Any) -> bool:
    """Give the vectors of spectral norm to a network that has it; return whether it has."""
    has_it = hasattr(network, "set_vectors")
    if has_it:
        network.set_vectors(cases.named(state.d.state[1]))
    return has_it


def _tensors(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in network.named_parameters()}


def _relative(ours: Any, theirs: Any) -> float:
    return float(abs(ours - theirs) / abs(theirs))
