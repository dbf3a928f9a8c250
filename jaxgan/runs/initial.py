"""What a run begins with: random weights, or those of another run or of files."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from jaxgan import PlayerState, TrainState, Variables, weights
from jaxgan.checkpoint import Checkpoints
from jaxgan.export import named
from jaxgan.runs.config import Config
from jaxgan.runs.restore import averaged, restore_run
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.sources import Source, sources


def begin(config: Config, state: TrainState) -> TrainState:
    """Return the state that a run begins with, unless it has begun: it goes on from a checkpoint.

    Args:
        config: the settings.
        state: with random weights.

    Raises:
        ConfigError: a source cannot be used, or does not fit the networks of the run.
    """
    if not config.run.init_from:
        return state
    with Checkpoints(Path(config.run.workdir) / "checkpoints") as checkpoints:
        if checkpoints.steps():
            return state
    for source in sources(config):
        state = _taken(config, state, source)
    return state


def _taken(config: Config, state: TrainState, source: Source) -> TrainState:
    """Take a source into the state."""
    names = f"--init_from={source.path}"
    if source.path.is_dir():
        run = restore_run(source.path)
        g, d = (named(_variables(player)) for player in (run.state.g, run.state.d))
        given = {"g": g, "d": d, "ema": named(averaged(run.state))}
    else:
        try:
            found = weights.convert(weights.read(source.path))
        except (OSError, weights.WeightsError) as error:
            raise ConfigError(f"{names}: {error}") from error
        given = {found.player: found.leaves}
        if found.player == "g":
            given["ema"] = found.leaves
    players: dict[str, PlayerState] = {"g": state.g, "d": state.d}
    misfits: list[str] = []
    for name in given.keys() & players.keys():
        fitted = _fit(_variables(players[name]), given[name], source)
        misfits += [f"{name}.{one}" for one in fitted.misfits]
        params, own = _placed(fitted.tree, _variables(players[name]))
        players[name] = players[name]._replace(params=params, state=own)
    ema = state.ema
    if ema != () and "ema" in given:
        ema = _placed(_fit(ema, given["ema"], source).tree, ema)
    if misfits and not config.run.init_from_partial:
        told = weights.Fitted(None, misfits, 0).told()
        raise ConfigError(
            f"{names}: {told}; choose the networks that it was trained with, or give "
            f"--init_from_partial to begin these leaves anew"
        )
    if misfits:
        logging.warning("%s: begun anew: %s", names, "; ".join(misfits))
    return state._replace(ema=ema, **players)


def _variables(player: PlayerState) -> Variables:
    return Variables(player.params, player.state)


def _fit(like: Variables, leaves: dict[str, Any], source: Source) -> weights.Fitted:
    """Fit leaves into the variables of a player, or of one of its networks."""
    if not source.part:
        return weights.fit(like, leaves)
    params, state = like
    parts = sorted(params) if isinstance(params, dict) else []
    if source.part not in parts:
        raise ConfigError(
            f"--init_from={source.part}={source.path}: expected one of {', '.join(parts)} before "
            f"the path, of the player that the file is of"
        )
    own = state[source.part] if isinstance(state, dict) and source.part in state else ()
    fitted = weights.fit(Variables(params[source.part], own), leaves)
    params = {**params, source.part: fitted.tree.params}
    state = {**state, source.part: fitted.tree.state} if own != () else state
    return fitted._replace(tree=Variables(params, state))


def _placed(tree: Variables, like: Variables) -> Variables:
    """Put arrays where those of the state are, which may be on many devices."""

    def place(array, old):
        if array is old:
            return old
        value = np.asarray(array)
        return jax.make_array_from_callback(value.shape, old.sharding, value.__getitem__)

    return jax.tree.map(place, tree, like)
