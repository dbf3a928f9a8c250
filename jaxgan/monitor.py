"""Signals of whether a run is healthy, measured in the compiled steps, and messages made of them.

`judgment` and `diversity` are measured by the recipes, the norms of gradients and updates by
`two_player`; a `Monitor` reads their means, on the host:

    monitor = Monitor()
    for step, means in lines:
        for word in monitor.listen(step, means):
            print(word.text)
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import losses
from jaxgan._checks import check_array, check_integers, check_numbers

__all__ = ["SATURATED", "Monitor", "Word", "diversity", "judgment"]

SATURATED = 10.0
"""The absolute value of a logit beyond which the sigmoid is flat: its derivative is below 5e-5."""

_Line = tuple[int, Mapping[str, float]]
_SIGNALS = (
    "d_accuracy_real",
    "d_accuracy_fake",
    "d_saturated",
    "g_diversity",
    "g_update_ratio",
    "d_update_ratio",
)
_SOME = 0.1  # of a logit: what moves a probability by 2 %
_SLOWER_G, _FASTER_G = "a smaller learning rate for G", "a larger learning rate for G"
_SLOWER_D, _FASTER_D = "a smaller learning rate for D", "a larger learning rate for D"
_SMOOTHING = "label_smoothing=0.1"
_R1 = "the R1 penalty with layer normalization in D"
_OPPOSITES = {_SLOWER_G: _FASTER_G, _SLOWER_D: _FASTER_D}
_OPPOSITES |= {slower: faster for faster, slower in _OPPOSITES.items()}
_SWINGS = 8  # the lines that it takes to tell an oscillation from a trend


def judgment(
    loss: losses.AdversarialLoss, real_logits: jax.Array, fake_logits: jax.Array
) -> dict[str, jax.Array]:
    """Measure what a batch of logits says about the discriminator.

        accuracy_real, accuracy_fake = losses.accuracy(...)
        logit_gap = mean real logit - mean fake logit
        saturated = share of all logits v with |v| > 10, where sigmoid'(v) < 5e-5

    Args:
        loss: the pair that the discriminator is trained with.
        real_logits: `[B, ...]`.
        fake_logits: `[B, ...]`.

    Returns:
        Scalars by name. At equilibrium the accuracies are near 0.5 and the gap is near 0.

    Example:
        >>> real, fake = jnp.array([2.0, 12.0]), jnp.array([-1.0, 1.0])
        >>> found = monitor.judgment(losses.hinge(), real, fake)
        >>> {name: float(value) for name, value in found.items()}
        {'accuracy_real': 1.0, 'accuracy_fake': 0.5, 'logit_gap': 7.0, 'saturated': 0.25}
    """
    on_real, on_fake = losses.accuracy(loss, real_logits, fake_logits)
    flat = [jnp.mean(jnp.abs(logits) > SATURATED) for logits in (real_logits, fake_logits)]
    return {
        "accuracy_real": on_real,
        "accuracy_fake": on_fake,
        "logit_gap": jnp.mean(real_logits) - jnp.mean(fake_logits),
        "saturated": (flat[0] + flat[1]) / 2,
    }


def diversity(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Measure how far apart the fake examples are, relative to the real ones.

        mean_i |fake_i - fake_{i+1}|  /  mean_i |real_i - real_{i+1}|,    i in 1 .. B, cyclic

    Neighbors in a batch are independent, so their mean distance estimates that of all pairs at 1/B
    of the cost. Over several devices it is the mean of the devices' ratios.

    Args:
        real: `[B, ...]`, in an order that means nothing; B at least 2.
        fake: `[B, ...]`.

    Returns:
        A scalar >= 0, without gradients: near 1 if the fake examples vary as the data do, near 0
        if they are all alike. Copies of a few examples that lie far apart can have 1 too.

    Raises:
        ValueError: there is a single example, or none.

    Example:
        >>> real = jax.random.normal(jax.random.key(0), (64, 2))
        >>> print(monitor.diversity(real, 0.1 * real).round(3))
        0.1
    """
    for name, x in ("real", real), ("fake", fake):
        check_array(name, x, "[B, ...]", "numbers")
        if len(x) < 2:
            raise ValueError(f"{name} has shape {x.shape}; expected at least 2 examples")

    def apart(x):
        x = lax.stop_gradient(x).reshape(len(x), -1)
        return jnp.mean(jnp.linalg.norm(x - jnp.roll(x, 1, axis=0), axis=1))

    return apart(fake) / jnp.maximum(apart(real), 1e-12)


class Word(NamedTuple):
    """What a `Monitor` says.

    Attributes:
        step: the step of the line that caused it.
        state: which of the states of `Monitor` it is about.
        level: "warning" or "good".
        text: one line, with the figures and what to try.
    """

    step: int
    state: str
    level: str
    text: str


@dataclass
class _Spell:
    """A state that holds: since when, when to report it again, and since when it does not."""

    begin: int
    tell: int = 0
    doubt: int | None = None


@dataclass(kw_only=True)
class Monitor:
    """Messages about the state of a run, made of lines of metrics.

    A state holds while the mean of the newest lines (at least `lines`, over at least `steps` steps)
    is beyond its threshold. It is reported when it begins, again each time it has lasted four times
    as long, and once it has not held for `steps` steps. A healthy run gets no warning.

    | state | holds while |
    |---|---|
    | discriminator_wins | D is right on `certain` of the real and of the fake examples, or more |
    | generator_wins | D is right on `fooled` of the fake examples, or less |
    | collapse | the diversity is below `collapsed`, and does not grow by a tenth |
    | oscillating | D's bias (accuracy on real - on fake) moves by `swing` from line to line |
    | saturated | `flat` of the logits, or more, are beyond 10 in size |
    | generator_stalled, discriminator_stalled | an update is below `still` of the parameters |
    | near_equilibrium | accuracies are 0.5 and diversity is 1, up to `fair`, in each line (good) |

    Signals that are missing from the lines are ignored.

    Args:
        critic: whether the logits have no threshold, as with `losses.wasserstein` and the
            relativistic pairs. Accuracies and saturation mean little then and are not looked at.
        sigmoid: whether the loss takes the sigmoid of each logit: no other loss can saturate.
        certain: healthy DCGANs stay near 0.85, and touch 0.98 in their first 100 steps only.
        fooled: a generator that D can still teach is caught far more often.
        collapsed: healthy runs end between 0.8 and 1.2; on their way there, dense and WGAN-GP ones
            are at 0.3 to 0.5 for some hundred steps, but rise.
        flat: a few flat logits are harmless; here D learns from less than half of the examples.
        still: at 1e-5, ten thousand steps move the parameters by a tenth at most.
        swing: over 8 lines at least, in which the logit gap moves too. The bias lies in [-1, 1];
            the noise of small batches moves it by 0.2.
        fair: the tolerance of near_equilibrium, which has to hold over `2 * steps`.
        steps: how long a state has to hold before it is reported.
        lines: likewise, in lines.
    """

    critic: bool = False
    sigmoid: bool = True
    certain: float = 0.99
    fooled: float = 0.1
    collapsed: float = 0.4
    flat: float = 0.5
    still: float = 1e-5
    swing: float = 0.3
    fair: float = 0.1
    steps: int = 500
    lines: int = 3
    _heard: list[_Line] = field(default_factory=list, init=False, repr=False)
    _spells: dict[str, _Spell] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        shares = ("certain", "fooled", "flat")
        check_numbers("[0, 1]", **{name: getattr(self, name) for name in shares})
        sizes = ("collapsed", "still", "swing", "fair")
        check_numbers("[0, inf)", **{name: getattr(self, name) for name in sizes})
        check_integers(steps=self.steps, lines=self.lines)

    def listen(self, step: int, values: Mapping[str, float]) -> list[Word]:
        """Take in one more line.

        Args:
            step: greater than that of the line before.
            values: means of the metrics over the steps since then, by name.

        Returns:
            The messages that are due now; usually none.
        """
        self._heard.append((step, values))
        words, states, advised = [], self._states(), set()
        for state, (holds, what, advice) in states.items():
            if holds:  # two states that hold together do not ask for opposite things
                advice = [one for one in advice if _OPPOSITES.get(one) not in advised]  # noqa: PLW2901
                advised |= set(advice)
            text = self._follow(state, holds, step)
            if text is not None:
                level = "good" if not holds or state == "near_equilibrium" else "warning"
                text = f"{what} {text}; {_sentence(advice)}" if holds else text
                words.append(Word(step, state, level, f"{state.replace('_', ' ')}: {text}"))
        self._heard = self._newest(max(_SWINGS, self.lines), 2 * self.steps) or self._heard
        return words

    def _follow(self, state: str, holds: bool, step: int) -> str | None:
        """How long a state has held, if that is due to be reported."""
        if not holds and state not in self._spells:
            return None
        # It has held for as long as that, or it would not hold now.
        before = 2 * self.steps if state == "near_equilibrium" else self.steps
        spell = self._spells.setdefault(state, _Spell(step - before))
        if holds:
            spell.doubt = None
            if step < spell.tell:
                return None
            lasted = step - spell.begin
            spell.tell = spell.begin + 4 * lasted
            return f"for {lasted:,} steps"
        spell.doubt = spell.doubt or step
        if step - spell.doubt < self.steps:
            return None
        del self._spells[state]
        # Runs come and go about their equilibrium: only the end of what was wrong is reported.
        return None if state == "near_equilibrium" else f"over after {step - spell.begin:,} steps"

    def _newest(self, lines: int, steps: int) -> list[_Line]:
        """The newest lines, as few as are this many and span so many steps; [] if none do."""
        last = self._heard[-1][0]
        for i in reversed(range(len(self._heard) - lines + 1)):
            if last - self._heard[i][0] >= steps:
                return self._heard[i:]
        return []

    def _states(self) -> dict[str, tuple[bool, str, list[str]]]:
        """For each state: whether it holds, what is wrong, what to try; the surest ones first."""
        window = [values for _, values in self._newest(self.lines, self.steps)]
        real, fake, flat, diverse, g_update, d_update = (_mean(window, name) for name in _SIGNALS)
        if self.critic:
            real = fake = math.nan
        longer = self._newest(_SWINGS, self.steps)
        bias_moves, gap_moves = _moves(longer, _bias), _moves(longer, _gap)
        right = f"D is right on {real:.0%} of real and {fake:.0%} of fake examples"
        diversity_is = f"the diversity of G's samples is {diverse:.0%} of the data's"
        stands = "its updates are {:.1g} of its parameters"
        wins = real >= self.certain and fake >= self.certain
        saturated = self.sigmoid and not self.critic and flat >= self.flat
        return {
            "generator_stalled": (
                g_update < self.still,
                stands.format(g_update),
                [_FASTER_G, *[_SLOWER_D] * (wins and d_update >= self.still)],
            ),
            "discriminator_stalled": (
                d_update < self.still,
                stands.format(d_update),
                [_FASTER_D, *[_SMOOTHING] * saturated],
            ),
            "oscillating": (
                # Where D is undecided about everything, its bias may oscillate on its own.
                not self.critic and bias_moves >= self.swing and gap_moves >= _SOME,
                f"D's bias to real or to fake moves by {bias_moves:.2f} from line to line",
                [_SLOWER_G, _SLOWER_D, "Adam with b1=0", _R1],
            ),
            "discriminator_wins": (wins, right, [_SLOWER_D, _SMOOTHING, _R1]),
            "generator_wins": (fake <= self.fooled, right, [_SLOWER_G, _FASTER_D, "d_steps=2"]),
            "collapse": (
                diverse < self.collapsed and window[-1]["g_diversity"] < 1.1 * diverse,
                diversity_is,
                [_SLOWER_G, _R1, "another seed"],
            ),
            "saturated": (
                saturated,
                f"{flat:.0%} of D's logits are beyond {SATURATED:.0f} in size",
                [_SMOOTHING, _R1, "the hinge loss"],
            ),
            "near_equilibrium": (
                not self.critic and self._is_fair(),
                f"{right}, {diversity_is}",
                [],
            ),
        }

    def _is_fair(self) -> bool:
        lines = [values for _, values in self._newest(self.lines, 2 * self.steps)]
        wanted = {"d_accuracy_real": 0.5, "d_accuracy_fake": 0.5, "g_diversity": 1.0}
        return bool(lines) and all(
            abs(line.get(name, math.nan) - value) <= self.fair
            for line in lines
            for name, value in wanted.items()
        )


def _sentence(advice: list[str]) -> str:
    if not advice:
        return "if the samples please, more steps will change little"
    *others, last = advice
    return (
        f"try {', '.join(others)}, or {last}" if len(others) > 1 else f"try {' or '.join(advice)}"
    )


def _mean(lines: list[Mapping[str, float]], name: str) -> float:
    """Not a number, and so beyond no threshold, if any line does not have it."""
    return fmean(line.get(name, math.nan) for line in lines) if lines else math.nan


def _moves(lines: list[_Line], value: Callable[[Mapping[str, float]], float]) -> float:
    """By how much something moves from one line to the next, on average."""
    values = [value(line) for _, line in lines]
    return fmean(abs(b - a) for a, b in pairwise(values)) if values else math.nan


def _bias(line: Mapping[str, float]) -> float:
    return line.get("d_accuracy_real", math.nan) - line.get("d_accuracy_fake", math.nan)


def _gap(line: Mapping[str, float]) -> float:
    return line.get("d_logit_gap", math.nan)
