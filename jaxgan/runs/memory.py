"""Whether a run can fit in memory at all, by the shapes of its arrays, before it is compiled.

What is estimated are lower bounds: a run that passes may still be too large, and one that is
refused cannot be trained on this machine.
"""

import math
import re
from typing import TYPE_CHECKING, Any

import jax

from jaxgan._batch_axes import row
from jaxgan._scatter import Scatter
from jaxgan.data import Dataset
from jaxgan.data.memory import gigabytes, machine_memory
from jaxgan.parallel import AXIS
from jaxgan.runs.build import build
from jaxgan.runs.config import Config, catalog, default
from jaxgan.runs.devices import mode_and_devices
from jaxgan.runs.members import count, is_population
from jaxgan.runs.settings import ConfigError

if TYPE_CHECKING:
    from jaxgan import Batch
    from jaxgan.runs.networks import Facts
    from jaxgan.runs.trained import Trained

_OF_A_CALL = ("steps_per_call", "d_steps", "batch_size", "image_size")
_USUAL = 64  # in place of a default of 0, which leaves a size to the data
_INDEX, _FLOAT = 4, 4  # bytes


def check_calls(config: Config) -> None:
    """Refuse calls whose lists of examples do not fit, whatever the data are.

    Raises:
        ConfigError: one line that names the flag.
    """
    _check_call(config, _INDEX)


def check_run(config: Config, dataset: Dataset, facts: "Facts", example: "Batch") -> None:
    """Refuse a state or batches that do not fit on this machine or its device.

    Args:
        config: the settings, checked.
        dataset: the data.
        facts: facts about them.
        example: a batch of their shape.

    Raises:
        ConfigError: one line that names the flag; or the networks do not fit the data.
    """
    mode, devices = mode_and_devices(config.run)
    scatter = Scatter(row(devices, AXIS), AXIS) if mode == "shard_optimizer" else None
    state = count(config) * _state(config, facts, example, scatter)
    batch = config.optimization.batch_size * math.prod(facts.shape) * _FLOAT
    # A population is split over the devices, and so is a batch; most states are copied to each.
    parts = len(devices) if is_population(config) else 1
    _refuse(config, "the state takes", state // parts, _sizes(config), devices)
    _refuse(config, "a batch takes", batch // len(devices), _OF_A_CALL[2:], devices)
    if dataset.x.nbytes > config.data.device_data_gb * 1e9:
        _check_call(config, math.prod(facts.shape) * dataset.x.dtype.itemsize)


def check_samples(trained: "Trained", n: int, flags: dict[str, int]) -> None:
    """Refuse more samples than fit.

    Args:
        trained: the run that they are drawn from.
        n: number of samples.
        flags: the flags that ask for them, of which the largest is named.

    Raises:
        ConfigError: one line that names the flag.
    """
    shape = trained.facts.shape
    each = math.prod(shape) * (1 if len(shape) == 3 else _FLOAT)
    need, room = n * (each + _FLOAT * trained.config.networks.latent_dim), machine_memory()
    if need > room:
        name = max(flags, key=lambda name: flags[name])
        raise _too_large(name, flags[name], "the samples take", need, "this machine has", room)


def _state(config: Config, facts: "Facts", example: "Batch", scatter: Scatter | None) -> int:
    """Return a device's bytes of the state of one GAN: players, optimizers and the average."""
    init = build(config, facts).gan.init
    try:
        state = jax.eval_shape(lambda: init(jax.random.key(0), example))
    except ValueError as error:
        raise ConfigError(f"--model={config.networks.model}: {error}") from error
    if scatter is not None:
        return scatter.bytes(state)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def _check_call(config: Config, each: int) -> None:
    optimization = config.optimization
    examples = config.run.steps_per_call * optimization.d_steps * optimization.batch_size
    need = count(config) * examples * each
    _refuse(config, "the batches of a call take", need, _OF_A_CALL, [])


def _sizes(config: Config) -> list[str]:
    """Return the settings of this run that are sizes of the arrays of its state."""
    used = catalog().items()
    return [name for name, owners in used if any(field.metadata["sizes"] for _, field in owners)]


def _refuse(config: Config, what: str, need: int, names: Any, devices: list) -> None:
    rooms = [("this machine has", machine_memory())]
    mine = [device for device in devices if device.process_index == jax.process_index()]
    for device in mine[:1]:
        known = device.memory_stats() or {}
        rooms += [("its device has", known["bytes_limit"])] if "bytes_limit" in known else []
    for whose, room in rooms:
        if need > room:
            name, value = _most_responsible(config, names)
            raise _too_large(name, value, what, need, whose, room)


def _most_responsible(config: Config, names: Any) -> tuple[str, Any]:
    """Return the setting that is largest beside its default, and its value."""
    values = config.flat()
    ratios: dict[str, float] = {
        name: _number(values[name]) / (_number(default(config, name)) or _USUAL)
        for name in names
        if name in values
    }
    if is_population(config):
        ratios["seeds" if config.run.seeds > 1 else "sweep"] = count(config)
    name = max(ratios, key=lambda name: ratios[name])
    return name, values[name]


def _number(value: Any) -> int:
    """Return a size, or the largest of several in a text such as 48,24,8 or 48x32."""
    return value if isinstance(value, int) else max(map(int, re.findall(r"\d+", value)), default=0)


def _too_large(name: str, value: Any, what: str, need: int, whose: str, room: int) -> ConfigError:
    return ConfigError(
        f"--{name}={value}: {what} at least {gigabytes(need)} and {whose} {gigabytes(room)}; "
        f"choose a smaller one"
    )
