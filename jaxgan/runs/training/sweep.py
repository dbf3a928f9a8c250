"""Many runs in one program: `--seeds` and `--sweep`.

Member i is equivalent to a run of its own with the same settings on one device: the same initial
weights, the same noise and the same order of the data. They agree up to rounding errors, which
training amplifies over time.
"""

import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import data
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts, feed_of, initial_state, notes_of, sample_key
from jaxgan.runs.devices import compile_population, devices_of_members
from jaxgan.runs.files import read_lines
from jaxgan.runs.members import label, members, sweeps
from jaxgan.runs.show import pictures
from jaxgan.runs.show.view import real_examples, view
from jaxgan.runs.text import table as text_table
from jaxgan.runs.training import health
from jaxgan.runs.training.loop import Result, go
from jaxgan.runs.training.prepare import prepare
from jaxgan.runs.training.record import NullRecorder
from jaxgan.runs.training.task import Task, Watch, floats

_SAMPLES = 10  # of each member
_REAL = 100  # examples beside them
_LEFT_OUT = (
    "logit_gap",
    "saturated",
    "skipped",
    "grad_norm",
    "update_ratio",
)  # of the table, to keep it narrow


def run(config: Config) -> Result:
    """Train all members together until `--steps`; write everything to `--workdir`.

    Raises:
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be loaded; nothing has been written.
        DivergedError: all members have diverged.
    """
    dataset = prepare(config)
    everyone = members(config)
    settings = {
        name: jnp.array([member.flat()[name] for member in everyone], jnp.float32)
        for name in sweeps(config)
    }

    def make(setting) -> jaxgan.GAN:
        return build(config.replace(**setting), facts(dataset)).gan

    devices = devices_of_members(config.run, len(everyone))
    gan, feed = compile_population(make, settings, feed_of(config, dataset), devices)
    keys = jnp.stack([jax.random.key(member.run.seed) for member in everyone])

    def batches(step: int, steps: int, count: int, turn: int):
        del turn  # a population does not go back
        items = [feed.items(member.run.seed, step, steps, count) for member in everyone]
        return feed.source, jax.tree.map(lambda *leaves: np.stack(leaves, axis=1), *items)

    watch = _Watch(config, everyone)
    task = Task(
        gan,
        batches,
        not feed.on_device,
        initial_state(config, gan, keys, dataset),
        _sampler(config, everyone, gan, dataset),
        watch,
        real=real_examples(config, dataset, _REAL),
    )
    result = go(config, task, notes_of(dataset))
    return result._replace(table=table(config, watch.lost))


class _Watch(Watch):
    """An observer that records means and standard deviations over the remaining members.

    A member is lost when its updates are skipped, one after the other.
    """

    can_go_back = False

    def __init__(self, config: Config, everyone: list[Config]):
        self._names = [label(config, member) for member in everyone]
        swept = [*sweeps(config), "seed"]
        self._about = [
            {"member": i, **{name: member.flat()[name] for name in swept}}
            for i, member in enumerate(everyone)
        ]
        self._max_skipped = config.run.max_skipped
        self._streaks = np.zeros(len(everyone), int)
        self.lost: dict[int, int] = {}

    def is_in_doubt(self) -> bool:
        return False

    def forget(self) -> None:
        self._streaks[:] = 0

    def metrics(self, step: int, metrics: dict[str, np.ndarray], recorder: NullRecorder):
        means = {name: health.mean(values) for name, values in metrics.items()}
        self._streaks = health.streak(health.skipped(metrics), self._streaks)
        finite = np.all([np.isfinite(mean) for mean in means.values()], axis=0)
        finite &= self._streaks < self._max_skipped
        rows = [
            about | {name: float(mean[i]) if finite[i] else None for name, mean in means.items()}
            for i, about in enumerate(self._about)
        ]
        recorder.members(step, rows)
        values = {}
        for name, mean in means.items():
            values[name], values[f"{name}_std"] = mean_and_deviation(mean[finite])
        return values, self._lose(step, finite, recorder)

    def state(self, step: int, state: jaxgan.TrainState, recorder: NullRecorder) -> str:
        finite = np.ones(len(self._names), bool)
        for leaf in floats(state):
            finite &= np.isfinite(np.asarray(leaf)).reshape(len(leaf), -1).all(axis=1)
        return self._lose(step, finite, recorder)

    def _lose(self, step: int, finite: np.ndarray, recorder: NullRecorder) -> str:
        for i in np.flatnonzero(~finite):
            if int(i) not in self.lost:
                self.lost[int(i)] = step
                recorder.say(f"member {i} ({self._names[i]}) diverged before step {step}")
        return "" if finite.any() else "no member is left"


def mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (0 for a single value)."""
    if not len(values):
        return math.nan, math.nan
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _sampler(config: Config, everyone: list[Config], gan: jaxgan.GAN, dataset: data.Dataset):
    count, y, show = view(config, dataset, _SAMPLES)
    keys = jnp.stack([sample_key(member.run.seed) for member in everyone])
    names = [label(config, member) for member in everyone]
    columns = 1 if dataset.x.ndim == 4 else math.ceil(math.sqrt(len(everyone)))

    def draw(state: jaxgan.TrainState) -> np.ndarray:
        samples = jax.tree.map(np.asarray, gan.sample(state, keys, n=count, y=y))
        # Samples of a diverged member are NaN; they are shown as black.
        samples = jax.tree.map(partial(np.nan_to_num, nan=-1), samples)
        drawn = [jax.tree.map(lambda a: a[i], samples) for i in range(len(everyone))]  # noqa: B023
        return pictures.labelled([show(one) for one in drawn], names, columns)

    return draw


def table(config: Config, lost: dict[int, int]) -> str:
    """Format the newest metrics: of each seed and over all, or of each setting over its seeds.

    Args:
        config: settings of the run, whose workdir holds `members.jsonl`.
        lost: the members that have diverged, and the step before which they did.
    """
    lines = read_lines(Path(config.run.workdir) / "members.jsonl")
    if not lines:  # stopped before the first steps were done
        return ""
    about = ["step", "member", "seed", *sweeps(config)]
    names = [name for name in lines[0] if name not in about and not name.endswith(_LEFT_OUT)]
    lost = dict(lost)
    for line in lines:
        if any(line[name] is None for name in names):
            lost[line["member"]] = min(line["step"], lost.get(line["member"], line["step"]))
    newest = [line for line in lines if line["step"] == lines[-1]["step"]]
    groups: dict[str, list[dict]] = {}
    for line in newest:
        shown = list(sweeps(config)) or ["seed"]
        groups.setdefault(" ".join(f"{name}={line[name]}" for name in shown), []).append(line)
    if not config.run.sweep:
        groups["mean ± std"] = newest
    rows = [["", *names, "diverged"]]
    for name, group in groups.items():
        rows.append([name, *_cells(group, names, lost)])
    return text_table(rows)


def _cells(group: list[dict], names: list[str], lost: dict[int, int]) -> list[str]:
    alive = [line for line in group if line["member"] not in lost]
    cells = []
    for name in names:
        mean, deviation = mean_and_deviation(np.array([line[name] for line in alive]))
        text = f"{mean:.3f}" + (f" ± {deviation:.3f}" if len(alive) > 1 else "")
        cells.append(text if alive else "")
    diverged = [line["member"] for line in group if line["member"] in lost]
    if len(group) > 1:
        return [*cells, f"{len(diverged)} of {len(group)}" if diverged else ""]
    return [*cells, f"before step {lost[diverged[0]]}" if diverged else ""]
