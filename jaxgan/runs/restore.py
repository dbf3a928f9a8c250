"""Restoring a run from its workdir."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
from absl import logging

from jaxgan import GAN, TrainState, Variables, averages
from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import flags
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts_of
from jaxgan.runs.members import is_population, label, members
from jaxgan.runs.networks import Facts, example
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Experiment

_NOTABLE = 0.01


class Run(NamedTuple):
    """A run as one of its checkpoints holds it.

    Attributes:
        gan: the GAN.
        state: its state: both players, their optimizers, and G's running average.
        settings: of the run; `settings.flat()` has them by the names of their flags.
        step: updates of G so far.
        experiment: the GAN with its generator and the latent that it is sampled with.
        facts: the shape and the classes of the data.
    """

    gan: GAN
    state: TrainState
    settings: Config
    step: int
    experiment: Experiment
    facts: Facts


def restore(
    workdir: str,
    step: int | None = None,
    member: int | None = None,
    *,
    best: bool = False,
    ema_sigma: float | None = None,
) -> Trained:
    """Restore the generator of a run, from its running average if there is one.

    Args:
        workdir: as in `restore_run`, and all that follow.
        step: as in `restore_run`.
        member: as in `restore_run`.
        best: as in `restore_run`.
        ema_sigma: width of the running average, which is made of those of all checkpoints up to
            this one; None for the average that the run kept.

    Raises:
        ConfigError: there is no run in `workdir`, or it has no checkpoint yet, or no such member.
        CheckpointError: the checkpoint cannot be restored.
    """
    if best and ema_sigma is not None:
        raise ConfigError(
            f"--ema_sigma={ema_sigma}: it takes several checkpoints, and of the best step there is "
            f"one; leave out --best"
        )
    run = restore_run(workdir, step, member, best=best)
    variables = averaged(run.state)
    if ema_sigma is not None:
        variables = _of_width(ema_sigma, run, workdir, member)
    of_d = Variables(run.state.d.params, run.state.d.state)
    return Trained(run.settings, run.facts, run.experiment, variables, run.step, of_d)


def _of_width(sigma: float, run: Run, workdir: str, member: int | None) -> Variables:
    """Return G's variables from a running average of another width than the run's."""
    kept = run.settings.optimization.ema_sigma
    if not kept:
        raise ConfigError(
            f"--ema_sigma={sigma}: --workdir={workdir} keeps no power function average; train with "
            f"--ema_sigma=0.1 --keep=20"
        )
    with Checkpoints(Path(workdir) / "checkpoints") as checkpoints:
        earlier = [one for one in checkpoints.steps() if 0 < one < run.step]
    runs = [*(restore_run(workdir, one, member) for one in earlier), run]
    stored = [averages.Snapshot(int(one.state.g.step), kept, one.state.ema) for one in runs]
    error = averages.combination(stored, sigma=sigma).error
    if error > _NOTABLE:
        logging.warning(
            "--ema_sigma=%g: of %d checkpoints with --ema_sigma=%g, its weights of the steps are "
            "%.0f%% off; --keep more of them for a closer average",
            *(sigma, len(stored), kept, 100 * error),
        )
    return averages.reconstruct(stored, sigma=sigma)


def restore_run(
    workdir: str | Path, step: int | None = None, member: int | None = None, *, best: bool = False
) -> Run:
    """Restore a run with its whole state.

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
    return Run(experiment.gan, state, chosen, step, experiment, facts)


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


def averaged(state: TrainState) -> Variables:
    """Return G's variables: from its running average if there is one."""
    return state.ema or Variables(state.g.params, state.g.state)
