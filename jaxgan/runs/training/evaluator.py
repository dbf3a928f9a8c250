"""Evaluation during training: which step is the best, and when to stop."""

import math
from pathlib import Path

import jax
import numpy as np

import jaxgan
from jaxgan import checkpoint, data
from jaxgan.parallel import greatest
from jaxgan.runs import hosts
from jaxgan.runs.config import Config
from jaxgan.runs.data import sample_key
from jaxgan.runs.devices import to_sample
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.features import network_for
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training.record import NullRecorder
from jaxgan.runs.training.stopping import chosen_metrics, stop_rule

_AT_ONCE = 250


class Evaluator:
    """An evaluator of samples during training, which keeps the best generator so far.

    Every process of a run makes the same calls; the one that writes also measures, and the others
    follow its verdict.

    Args:
        config: the settings.
        gan: the compiled GAN whose samples are measured.
        dataset: the data that samples are compared with.

    Raises:
        ConfigError: the data or the metrics do not fit the settings.
        WeightsError: the weights file cannot be read, or holds other weights.
    """

    def __init__(self, config: Config, gan: jaxgan.GAN, dataset: data.Dataset):
        network = network_for(
            config.evaluation.features, config.evaluation.inception_weights, dataset
        )
        self._config, self._gan, self._dataset = config, gan, dataset
        samples = min(config.evaluation.eval_samples, len(dataset.x) // 2)
        self._comparison = Comparison(network, dataset, samples, cache_dir=config.data.cache_dir)
        self._chosen = chosen_metrics(config.evaluation.eval_metrics) or self._fast()
        self._rule = stop_rule(config.evaluation.stop_when)
        self._headline = self._comparison.headline(self._chosen)
        names = list(self._comparison.yardsticks(self._chosen)[0])
        short = {name.rpartition("/")[2]: name for name in names}
        if self._rule.metric and self._rule.metric not in short:
            raise ConfigError(
                f"--stop_when={config.evaluation.stop_when}: {self._rule.metric} is not measured; "
                f"choose one of {', '.join(short)}, or add it to --eval_metrics"
            )
        self._target = short.get(self._rule.metric, "")

    def _fast(self) -> tuple[str, ...]:
        """Return metrics that take little time, of which the first one ranks steps."""
        if self._dataset.x.ndim == 2:
            return "density_coverage", "modes"
        few = self._comparison.reference.missing("frechet_distance", self._comparison.samples)
        return "kernel_distance" if few else "frechet_distance", "precision_recall", "modes"

    def evaluate(
        self, step: int, state: jaxgan.TrainState, recorder: NullRecorder, notes: dict
    ) -> bool:
        """Measure a state, keep it if it is the best so far, and return whether to stop.

        Raises:
            MetricError: the samples cannot be measured.
        """
        drawn_from = to_sample(state)
        with hosts.together():
            if hosts.writes():
                self._measure(step, drawn_from, recorder)
        is_best, is_over = self._verdict(recorder)
        if is_best:
            directory = Path(self._config.run.workdir) / "best"
            try:
                with checkpoint.Checkpoints(directory, keep=1, parents=False) as best:
                    best.save(step, state, notes)
            except checkpoint.CheckpointError as error:
                recorder.say(f"{error}; the best step is not kept, and training goes on")
        return is_over

    def is_over(self, recorder: NullRecorder) -> bool:
        """Whether the evaluations so far say to stop."""
        return self._verdict(recorder)[1]

    def _verdict(self, recorder: NullRecorder) -> tuple[bool, bool]:
        """Whether the newest evaluation is the best one, and whether it is the last."""
        lines = recorder.evaluations()
        is_best = is_over = False
        if lines:
            sign = 1 if self._comparison.metric(self._headline).better == "lower" else -1
            scores = [sign * line[self._headline] for line in lines]
            waited = len(scores) - 1 - int(np.argmin(scores))
            is_best = waited == 0
            is_over = 0 < self._rule.patience <= waited
            if self._target:
                is_over |= self._rule.reached(lines[-1][self._target])
        if is_over:
            recorder.say(
                f"step {lines[-1]['step']}: stopping because of "
                f"--stop_when={self._config.evaluation.stop_when}"
            )
        verdict = int(greatest(2 * is_best + is_over))
        return verdict >= 2, verdict % 2 == 1

    def _measure(self, step: int, state: jaxgan.TrainState, recorder: NullRecorder) -> None:
        measured = self._comparison.measure(self._draw(state), self._chosen)
        values = {name: estimate.value for name, estimate in measured.items()}
        real, noise = self._comparison.yardsticks(self._chosen)
        told = [
            f"{name} {value:.4g} (real data {real[name].value:.4g}, noise {noise[name].value:.4g})"
            for name, value in values.items()
        ]
        recorder.evaluation(step, values, f"{self._comparison.samples} samples: {', '.join(told)}")

    def _draw(self, state: jaxgan.TrainState) -> np.ndarray:
        """Draw samples of the same latents and labels at every step; labels are as in the data."""
        key = sample_key(self._config.run.seed)
        random = np.random.default_rng(self._config.run.seed)
        parts = []
        for i in range(math.ceil(self._comparison.samples / _AT_ONCE)):
            y = None
            if self._config.objective.conditional:
                assert self._dataset.y is not None  # a conditional run has labels
                y = random.choice(self._dataset.y, _AT_ONCE)
            part = self._gan.sample(state, jax.random.fold_in(key, i), n=_AT_ONCE, y=y)
            parts.append(np.asarray(part))
        samples = np.concatenate(parts)[: self._comparison.samples]
        return data.to_uint8(samples) if samples.ndim == 4 else samples
