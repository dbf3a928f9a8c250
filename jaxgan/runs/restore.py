"""Restoring a run from its workdir."""

from functools import partial
from pathlib import Path

import jax

from jaxgan import TrainState, Variables
from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import flags
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import example, facts_of
from jaxgan.runs.members import is_population, label, members
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.trained import Trained


def restore(
    workdir: str, step: int | None = None, member: int | None = None, *, best: bool = False
) -> Trained:
    """Restore the generator of a run, from its running average if there is one.

    Args:
        workdir: directory of the run.
        step: step of the checkpoint; the newest if None.
        member: member of a population.
        best: whether to use the best of the evaluated steps instead of the newest.

    Raises:
        ConfigError: there is no run in `workdir`, or it has no checkpoint yet, or no such member.
        CheckpointError: the checkpoint cannot be restored.
    """
    config = flags.load(workdir)
    everyone = members(config)
    chosen = _choose(config, everyone, member)
    directory = Path(workdir) / ("best" if best else "checkpoints")
    if best and not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: no best step is kept; train with --eval_every")
    if not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: the run has no checkpoints yet; train it first")
    with Checkpoints(directory) as checkpoints:
        steps = checkpoints.steps()
        if not steps or step not in {None, *steps}:
            raise ConfigError(
                f"--step={step}: expected a step of --workdir={workdir}, which has {steps}"
            )
        facts = facts_of(checkpoints.notes(step))
        experiment = build(chosen, facts)
        key = jax.eval_shape(jax.random.key, 0)
        like = jax.eval_shape(experiment.gan.init, key, example(facts))
        if is_population(config):
            like = jax.tree.map(partial(_stacked, len(everyone)), like)
        step, state = checkpoints.restore(like, step)
        if is_population(config):
            state = jax.tree.map(lambda leaf: leaf[member], state)
    of_d = Variables(state.d.params, state.d.state)
    return Trained(chosen, facts, experiment, _averaged(state), step, of_d)


def _choose(config: Config, everyone: list[Config], member: int | None) -> Config:
    """Return the settings that the generator was trained with."""
    if not is_population(config):
        if member is not None:
            raise ConfigError(
                f"--member={member}: the run trained a single GAN; leave the flag out"
            )
        return config
    if member is None or not 0 <= member < len(everyone):
        names = ", ".join(f"{i}: {label(config, one)}" for i, one in enumerate(everyone))
        given = "" if member is None else f"={member}"
        raise ConfigError(f"--member{given}: the run trained several GANs; choose one of {names}")
    return everyone[member]


def _stacked(members: int, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype)


def _averaged(state: TrainState) -> Variables:
    return state.ema or Variables(state.g.params, state.g.state)
