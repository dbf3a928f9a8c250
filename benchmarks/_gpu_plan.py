"""The parts of `gpu.py`: what they run, and for how long."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).resolve().parent
ROOT = _HERE.parent
TESTS = ("golden", "models", "test_convolution.py", "test_penalties.py", "test_augment.py")
_CASES = ["dcgan_32", "dcgan_64", "sngan", "r3gan", "stylegan2"]
_MODES = "eager,eager+channels_last,reduce-overhead,reduce-overhead+channels_last"
_CIFAR10 = [  # arXiv:2501.05441, table 9, column CIFAR-10
    *("--recipe=r3gan", "--dataset=cifar10", "--conditional", "--flip", "--steps=488281"),
    *("--penalty_weight=0.05", "--penalty_weight_end=0.1", "--burn_in=20e6", "--lr_end=0.25"),
    *("--ema_half_life=5e6", "--augment=scheduled", "--augment_end=0.55", "--precision=bfloat16"),
    *("--microbatch=128", "--eval_every=1000", "--eval_samples=10000"),
    *("--eval_metrics=frechet_distance", "--checkpoint_every=1000"),
]
_TINY = [
    *("--width=16", "--blocks=1", "--batch_size=8", "--microbatch=0", "--precision=float32"),
    *("--steps=2", "--steps_per_call=1", "--eval_every=0"),
]


class Options(NamedTuple):
    """The flags.

    Attributes:
        out: directory of the parts' files.
        minutes: how long in all.
        only: beginnings of the names of the parts to run; all if empty.
        again: beginnings of the names of those to run again, or `all`.
        dry_run: whether to try everything on a CPU, with tiny networks.
        tests: what to run of `tests`.
        train_flag: further flags of trainings.
    """

    out: str
    minutes: float = 30.0
    only: Sequence[str] = ()
    again: Sequence[str] = ()
    dry_run: bool = False
    tests: Sequence[str] = TESTS
    train_flag: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Part:
    """A process.

    Attributes:
        name: also of its file.
        command: after the interpreter; `{numbers}` is the file that it writes its numbers to.
        minutes: its limit.
        goes_on: whether it saves what it has when it is asked to end, and goes on from there.
        environment: variables of its own.
    """

    name: str
    command: list[str]
    minutes: float
    goes_on: bool = False
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def plan(options: Options) -> list[Part]:
    """Return all parts in their order."""
    return [*_tests(options), *_timings(options), *_memory(options), *_trainings(options)]


def _own(options: Options, kind: str, *arguments: str) -> list[str]:
    """Return the command of a part of `_gpu_parts.py`."""
    tiny = ["--tiny", "--case=dense"] if options.dry_run else []
    return [str(_HERE / "_gpu_parts.py"), kind, "{numbers}", *arguments, *tiny]


def _tests(options: Options) -> list[Part]:
    tests = [f"tests/{name}" for name in options.tests]
    if options.dry_run:
        tests = ["tests/golden/test_golden_tensorflow.py", "-k", "phase_shuffle"]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={numbers}", *tests]
    # Products are computed as precisely as on a CPU.
    exact = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    return [
        Part("tests", pytest, 8, environment=exact),
        Part("same_step", _own(options, "same_step"), 5, environment=exact),
    ]


def _timings(options: Options) -> list[Part]:
    parts = []
    plans = [(64, "float32"), (64, "bfloat16"), (1024, "bfloat16")]
    for size, precision in plans[:1] if options.dry_run else plans:
        for name in ["dense"] if options.dry_run else _CASES:
            settings = [f"--batch_size={size}", f"--precision={precision}"]
            asked = [f"--modes={_MODES}", "--rounds=5", "--seconds=2"]
            if options.dry_run:
                asked = ["--modes=eager", "--rounds=1", "--seconds=0.05", "--tiny"]
            if options.dry_run or (size, precision) != plans[0]:
                asked.append("--nocheck")  # batch and precision do not change what is computed
            compare = [str(_HERE / "peers" / "compare.py"), f"--cases={name}", "--json={numbers}"]
            # XLA is not to take most of the memory at once: PyTorch needs some, too.
            shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
            label = f"{name}_{size}_{precision}"
            parts += [
                Part(f"peers_{label}", [*compare, *settings, *asked], 6, environment=shared),
                Part(f"loop_{label}", _own(options, "loop", f"--case={name}", *settings), 3),
            ]
    return parts


def _memory(options: Options) -> list[Part]:
    ways = [("plain", 0), ("plain", 64), ("remat", 0), ("remat", 64)]
    # Not three quarters of the memory, as by default.
    nearly_all = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.95"}
    parts = []
    for way, size in ways[:: 3 if options.dry_run else 1]:
        asked = [f"--microbatch={size}", "--remat" if way == "remat" else "--noremat"]
        name = f"memory_{way}_{size or 'whole'}"
        command = _own(options, "memory", *asked)
        parts.append(Part(name, command, 4, environment=nearly_all))
    return parts


def _trainings(options: Options) -> list[Part]:
    stacked = ["--preset=r3gan_stacked_mnist", "--eval_every=1000", "--eval_samples=26000"]
    stacked.append("--eval_metrics=modes")
    cifar10 = _CIFAR10
    if options.dry_run:
        stacked = [*stacked, *_TINY, "--dataset=stacked_digits"]
        cifar10 = [*cifar10, *_TINY, "--dataset=digits", "--image_size=32"]
    parts = []
    for name, settings in ("train_stacked_mnist", stacked), ("train_cifar10", cifar10):
        command = [str(ROOT / "experiments" / "train.py"), *settings, *options.train_flag]
        command.append(f"--workdir={Path(options.out).resolve() / name}")
        parts.append(Part(name, command, 60, goes_on=True))
    return parts
