"""Loading a finished run."""

from functools import partial
from pathlib import Path

import jax

from jaxgan import TrainState, Variables
from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import flags
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import example
from jaxgan.runs.members import is_population, label, members
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.trained import Trained


def restore(
    workdir: str, step: int | None = None, member: int | None = None, *, best: bool = False
) -> Trained:
    """Load the generator of a run, from its running average where there is one.

    Args:
        workdir: of the run.
        step: the checkpoint; the newest if None.
        member: which of a population.
        best: whether to take the best of the steps that were evaluated, instead of the newest.

    Raises:
        ConfigError: there is no run in `workdir`, or it has not saved anything yet, or has no such
            member.
        CheckpointError: what it saved cannot be restored.
    """
    config = flags.load(workdir)
    everyone = members(config)
    chosen = _choose(config, everyone, member)
    directory = Path(workdir) / ("best" if best else "checkpoints")
    if best and not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: no best step is kept; train with --eval_every")
    if not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: the run has no checkpoints yet")
    with Checkpoints(directory) as checkpoints:
        steps = checkpoints.steps()
        if not steps or step not in {None, *steps}:
            raise ConfigError(f"--step: --workdir={workdir} has checkpoints of steps {steps}")
        facts = Facts(
            **{name: tuple(value) for name, value in checkpoints.notes(steps[-1]).items()}
        )
        experiment = build(chosen, facts)
        like = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(facts))
        if is_population(config):
            like = jax.tree.map(partial(_stacked, len(everyone)), like)
        step, state = checkpoints.restore(like, step)
        if is_population(config):
            state = jax.tree.map(lambda leaf: leaf[member], state)
    of_d = Variables(state.d.params, state.d.state)
    return Trained(chosen, facts, experiment, _averaged(state), step, of_d)


def _choose(config: Config, everyone: list[Config], member: int | None) -> Config:
    """The settings that the generator was trained with."""
    if not is_population(config):
        if member is not None:
            raise ConfigError(f"--member={member}: one GAN was trained here, not several")
        return config
    if member is None or not 0 <= member < len(everyone):
        names = ", ".join(f"{i}: {label(config, one)}" for i, one in enumerate(everyone))
        given = "" if member is None else f"={member}"
        raise ConfigError(f"--member{given}: several GANs were trained here; choose of {names}")
    return everyone[member]


def _stacked(members: int, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype)


def _averaged(state: TrainState) -> Variables:
    return state.ema or Variables(state.g.params, state.g.state)
