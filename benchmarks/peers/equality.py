"""Whether both sides do the same work: one D and one G step from the same weights and inputs."""

from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
import torch_networks as peers

import jaxgan
from jaxgan import Batch, losses, nets, penalties
from jaxgan.runs.networks import MODELS, Maker

TOLERANCE = 1e-3
"""An update is about a thousandth of a weight: of the weights this is a millionth."""
_BATCH = 16


def differences(name: str) -> dict[str, float]:
    """How far a case's two sides are apart after one D step and one G step with Adam.

    Both compute in float64. In float32 rounding alone decides on which side of a ReLU's kink a few
    of the million activations lie, and the sign of Adam's first update where a gradient vanishes.

    Returns:
        Of each loss the relative difference; of the updated weights of each player the largest
        difference relative to the largest update, which sees a wrong gradient too.
    """
    with jax.enable_x64(True):
        return _differences(name)


def _differences(name):
    config, shape = cases.CASES[name]
    shared, objective, optimization = config.networks, config.objective, config.optimization
    z = jax.random.normal(jax.random.key(1), (_BATCH, shared.latent_dim), jnp.float64)
    mix_key = jax.random.key(2)
    mix = jax.random.uniform(mix_key, (_BATCH, 1, 1, 1), jnp.float64)
    x = cases.images(shape, seed=3).x[:_BATCH] / 127.5 - 1

    def penalty(critic, real, fake, key):
        del key
        return penalties.gradient_penalty()(critic, real, fake, mix_key)

    maker = Maker(MODELS[shared.model], shared, config.own_of_model, cases.facts(shape))
    betas = {"b1": optimization.beta1, "b2": optimization.beta2}
    gan = jaxgan.recipes.gan(
        *(nets.from_linen(module.clone(dtype=jnp.float64)) for module in maker.pair()),
        latent=lambda key, n: z[:n],
        g_optimizer=optax.adam(optimization.g_lr, **betas),
        d_optimizer=optax.adam(optimization.d_lr, **betas),
        loss=getattr(losses, objective.loss)(),
        penalty=penalty if objective.penalty != "none" else None,
        penalty_weight=objective.penalty_weight,
        one_batch=objective.one_batch,
    )
    start = gan.init(jax.random.key(0), Batch(x))
    start = jax.tree.map(lambda a: a.astype(jnp.float64) if a.dtype == np.float32 else a, start)
    state, d_metrics = jax.jit(gan.d_step)(start, Batch(x))
    state, g_metrics = jax.jit(gan.g_step)(state, Batch(x))

    generator, discriminator = (n.double() for n in cases.networks(config, shape))
    peers.load(generator, cases.named(start.g.params))
    peers.load(discriminator, cases.named(start.d.params))
    trainer = cases.trainer(config, generator, discriminator)
    d_loss = trainer.d_step(_tensor(x.transpose(0, 3, 1, 2)), _tensor(z), _tensor(mix))
    g_loss = trainer.g_step(_tensor(z))

    result = {
        "d_loss": _relative(d_metrics["d_loss"], d_loss.numpy()),
        "g_loss": _relative(g_metrics["g_loss"], g_loss.numpy()),
    }
    for player, network in (("g", generator), ("d", discriminator)):
        before, after = (cases.named(getattr(s, player).params) for s in (start, state))
        there = peers.dump(network)
        apart = max(np.abs(after[k] - there[k]).max() for k in after)
        update = max(np.abs(after[k] - before[k]).max() for k in after)
        result[f"{player}_weights"] = float(apart / update)
    return result


def _relative(ours: Any, theirs: Any) -> float:
    return float(abs(ours - theirs) / abs(theirs))


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))
