"""Command lines that are wrong, drawn from the flags that the commands have."""

import string
from typing import Any, NamedTuple

from hypothesis import strategies as st

from jaxgan.runs.config import catalog
from jaxgan.runs.variants import MODELS, VARIANTS


class Case(NamedTuple):
    """A command line.

    Attributes:
        command: name of the command.
        kind: what is wrong with it.
        arguments: its arguments.
        names: flags of which the message has to name one; empty if nobody can say.
        refused: whether it has to be refused; or else it may also be carried out.
    """

    command: str
    kind: str
    arguments: tuple[str, ...]
    names: tuple[str, ...] = ()
    refused: bool = True


Flag = dict[str, Any]
"""A flag as `Warm.describe` tells it."""

RUNS: dict[str, dict[str, Any]] = {
    "ring": {"dataset": "ring", "model": "mlp", "width": 4, "latent_dim": 2, "batch_size": 4},
    "labels": {"model": "mlp", "width": 4, "latent_dim": 2, "batch_size": 4, "conditional": True},
    "codes": {"recipe": "infogan", "model": "mlp", "width": 4, "latent_dim": 2, "batch_size": 4},
    "pairs": {
        "recipe": "pix2pix",
        "model": "unet",
        "stages": 1,
        "patch_layers": 1,
        "width": 4,
        "batch_size": 4,
        "dataset": "outlines:digits",
    },
}
"""Runs that the working directory holds, beside `text.txt`, `bytes.bin` and the empty `empty/`."""

TINY = ("--dataset=ring", "--model=mlp", "--width=4", "--latent_dim=2", "--batch_size=4")
BASE: dict[str, tuple[str, ...]] = {
    "train": (*TINY, "--steps=1", "--steps_per_call=1", "--workdir=new"),
    "sample": ("--workdir=ring", "--out=new.png", "--n=4"),
    "evaluate": ("--workdir=ring", "--samples=100"),
    "report": ("ring", "--out=new.html"),
    "bench": (*TINY[1:], "--shape=2", "--repeats=1", "--seconds=0", "--steps_per_call=1"),
    "study": ("--out=new", "--seeds=1", "--steps=1", "--objective=hinge", "--dataset=digits"),
    "train_classifier": ("--out=new.npz", "--epochs=1"),
}
"""What is right about each command line, and little to do if nothing else were wrong."""

_WORDS = {
    "whole": ("", "x", "1.5", "1e3", "1,5", "0x", "--", "None", "½", "1 2", "True", "[1]"),
    "finite": ("", "x", "1,5", "0..1", "--", "None", "½", "1e", "True", "[1]"),
    "boolean": ("maybe", "2", "-1", "ü", "None"),
    "enum": ("", "nonsense", "ü", "1", " ", "none,none"),
}
_CONTROL = ("a\nb", "a\rb", "a\tb", "\x1b[31m", "a\x7f", "a\x85b", "a\u2028b", "\udcff", "\x01")
_HUGE = tuple(str(sign * n) for n in (2**32, 2**63, 2**64, 10**30) for sign in (1, -1))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
# Each with what makes it impossible beside `BASE`, whose networks are dense.
_SIZES = {
    "latent_dim": 10**9,
    "width": 300_000,
    "d_steps": 10**9,
    "batch_size": 10**9,
    "seeds": 10_001,
    "steps_per_call": 100_001,
}
_BAD_DIRECTORIES = (
    *("/dev/null", "/dev/null/x", "/proc/x", "text.txt", "text.txt/x", "no/../x"),
    *("x" * 300, "x/" * 3000, "ring/flags.txt/x"),
)
_BAD_FILES = (
    *("no/x.png", "text.txt/x.png", "/proc/x.png", "x" * 300 + ".png", "empty", "/"),
    *("", "no/../x.png", "/dev/null/x.png"),
)

PAIRS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("train", ("--penalty_weight=5",), ("penalty_weight",)),
    ("train", ("--penalty_every=5",), ("penalty_every",)),
    ("train", ("--penalty_share=0.5",), ("penalty_share",)),
    ("train", ("--augment_policy=color",), ("augment_policy",)),
    ("train", ("--ada_target=0.5",), ("ada_target",)),
    ("train", ("--beta1=0.3", "--optimizer=sgd"), ("beta1",)),
    ("train", ("--beta2=0.3", "--optimizer=rmsprop"), ("beta2",)),
    ("train", ("--ema_half_life=100", "--ema_decay=0.9"), ("ema_decay",)),
    ("train", ("--ema_half_life=100", "--ema_sigma=0.1"), ("ema_sigma",)),
    ("train", ("--ema_sigma=0.1", "--ema_decay=0.9"), ("ema_decay",)),
    ("train", ("--burn_in=100",), ("burn_in",)),
    ("train", ("--lr_end=0.5",), ("lr_end",)),
    ("train", ("--stop_when=fid<5",), ("stop_when",)),
    ("train", ("--eval_every=1", "--features=mnist"), ("features",)),
    ("train", ("--eval_every=1", "--inception_weights=no.pth"), ("inception_weights",)),
    ("train", ("--eval_every=1", "--inception_weights=text.txt"), ("inception_weights",)),
    (
        "train",
        ("--eval_every=1", "--eval_samples=2", "--eval_metrics=density_coverage"),
        ("eval_samples",),
    ),
    ("train", ("--eval_every=1", "--eval_metrics=precision_recall"), ("eval_metrics",)),
    ("train", ("--eval_every=1", "--seeds=2"), ("eval_every",)),
    ("train", ("--label_smoothing=0.1", "--loss=hinge"), ("label_smoothing",)),
    ("train", ("--label_smoothing=1",), ("label_smoothing",)),
    ("train", ("--ema_decay=1",), ("ema_decay",)),
    ("train", ("--augment=ada", "--loss=wasserstein"), ("augment",)),
    ("train", ("--augment=diffaugment",), ("augment",)),
    ("train", ("--augment=scheduled",), ("augment_end",)),
    ("train", ("--augment_pairs",), ("augment_pairs",)),
    ("train", ("--packing=3",), ("packing",)),
    ("train", ("--packing=2", "--conditional"), ("packing",)),
    ("train", ("--flip",), ("flip",)),
    ("train", ("--consistency=1",), ("consistency",)),
    ("train", ("--conditional", "--dataset=outlines:digits"), ("conditional",)),
    ("train", ("--verbosity=x",), ("verbosity",)),
    ("train", ("--stderrthreshold=x",), ("stderrthreshold",)),
    ("train", ("--image_size=32",), ("image_size",)),
    ("train", ("--microbatch=3",), ("microbatch",)),
    ("train", ("--model=dcgan",), ("model",)),
    ("train", ("--model=unet",), ("model",)),
    ("train", ("--recipe=pix2pix", "--model="), ("model",)),
    ("train", ("--split=test",), ("split",)),
    ("train", ("--num_devices=99",), ("num_devices",)),
    ("train", ("--parallel=pmap", "--seeds=2"), ("parallel",)),
    ("train", ("--shard_data", "--seeds=2"), ("shard_data",)),
    ("train", ("--sweep=beta1=0.1", "--optimizer=sgd"), ("sweep",)),
    ("train", ("--sweep=d_lr=1e-4", "--sweep=d_lr=1e-4"), ("sweep",)),
    ("train", ("--process_id=0",), ("process_id",)),
    ("train", ("--coordinator=x:1", "--num_processes=1", "--process_id=1"), ("process_id",)),
    ("train", ("--data_dir=no",), ("data_dir",)),
    ("train", ("--manual_dir=no",), ("manual_dir",)),
    ("train", ("--workdir=ring", "--g_lr=0.1"), ("workdir",)),
    ("train", ("--workdir=empty/..",), ("workdir",)),
    ("train", ("--workdir=/",), ("workdir",)),
    ("train", ("--dataset=digits", "--model=dcgan", "--image_size=100000"), ("image_size",)),
    ("train", ("--dataset=digits", "--image_size=5000"), ("image_size",)),
    ("train", ("--dataset=digits", "--model=dcgan", "--image_size=30"), ("image_size",)),
    ("train", ("--dataset=outlines:ring",), ("dataset",)),
    # What is typed first, the dense networks, is not undone by what comes after it.
    ("train", ("--preset=dcgan_digits",), ("preset",)),
    ("train", ("--flagfile=text.txt",), ("flagfile", "text", "flag")),
    ("train", ("--flagfile=bytes.bin",), ("flagfile",)),
    ("train", ("--flagfile=empty",), ("flagfile",)),
    ("train", ("--flagfile=",), ("flagfile",)),
    ("train", ("--preset=",), ("preset",)),
    ("train", ("--preset",), ("preset",)),
    ("train", ("--steps=1", "--steps=x"), ("steps",)),
    ("train", ("--steps=x", "--steps=1"), ("steps",)),
    ("train", ("--recipe=r3gan", "--model=r3gan", "--widths=4,,4"), ("widths",)),
    ("train", ("--recipe=r3gan", "--model=r3gan", "--dataset=digits"), ("model", "width")),
    ("train", ("--recipe=infogan", "--code_categories=1000000000"), ("code_categories",)),
    ("train", ("--recipe=infogan", "--code_continuous=1000000000"), ("code_continuous",)),
    ("sample", ("--input=text.txt",), ("input",)),
    ("sample", ("--input=no.png",), ("input",)),
    ("sample", ("--input=",), ("input",)),
    ("sample", ("--input=text.txt", "--from_data"), ("input", "from_data")),
    ("sample", ("--from_data",), ("from_data",)),
    ("sample", ("--workdir=pairs",), ("input",)),
    ("sample", ("--workdir=pairs", "--from_data", "--label=1"), ("label",)),
    ("sample", ("--workdir=pairs", "--from_data", "--seed=1"), ("seed",)),
    ("sample", ("--workdir=pairs", "--from_data", "--truncation=1"), ("truncation",)),
    ("sample", ("--workdir=pairs", "--input=text.txt", "--interpolate=2"), ("interpolate",)),
    ("sample", ("--workdir=pairs", "--input=text.txt", "--n=2"), ("n",)),
    ("sample", ("--workdir=pairs", "--from_data", "--out=new.gif"), ("out",)),
    ("sample", ("--label=1",), ("label",)),
    ("sample", ("--workdir=labels", "--label=10"), ("label",)),
    ("sample", ("--label=horse",), ("label",)),
    ("sample", ("--workdir=labels", "--label=horse"), ("label",)),
    ("sample", ("--workdir=labels", "--classes=1,1"), ("classes",)),
    ("sample", ("--seeds=3-1",), ("seeds", "n")),
    ("sample", ("--truncation=1,x",), ("truncation",)),
    ("sample", ("--evolution",), ("evolution", "out", "n")),
    ("sample", ("--interpolate=3",), ("interpolate",)),
    ("sample", ("--interpolate=1",), ("interpolate",)),
    ("sample", ("--out=new.wav",), ("out",)),
    ("sample", ("--out=new.txt",), ("out",)),
    ("sample", ("--out=new",), ("out",)),
    ("sample", ("--n=2000000000",), ("n",)),
    ("sample", ("--n=999999999999",), ("n",)),
    ("sample", ("--interpolate=2000000000", "--out=new.gif"), ("interpolate",)),
    ("sample", ("--back",), ("back",)),
    ("sample", ("--sweep=1",), ("sweep",)),
    ("sample", ("--workdir=codes", "--sweep=9"), ("sweep",)),
    ("sample", ("--workdir=codes", "--sweep=0", "--interpolate=2"), ("interpolate",)),
    ("sample", ("--mask=text.txt",), ("mask",)),
    ("sample", ("--member=0",), ("member",)),
    ("sample", ("--step=7",), ("step",)),
    ("sample", ("--best",), ("workdir", "best")),
    ("sample", ("--workdir=empty",), ("workdir",)),
    ("sample", ("--workdir=no",), ("workdir",)),
    ("sample", ("--ema_sigma=0.1",), ("ema_sigma",)),
    ("sample", ("--ema_sigma=0.4",), ("ema_sigma",)),
    ("evaluate", ("--workdir=no",), ("workdir",)),
    ("evaluate", ("--workdir=empty",), ("workdir",)),
    ("evaluate", ("--features=mnist",), ("features",)),
    ("evaluate", ("--inception_weights=no.pth",), ("inception_weights",)),
    ("evaluate", ("--inception_weights=text.txt",), ("inception_weights",)),
    ("evaluate", ("--workdir=labels", "--features=inception"), ("inception_weights",)),
    (
        "evaluate",
        ("--workdir=labels", "--features=pixels", "--inception_weights=text.txt"),
        ("inception_weights",),
    ),
    ("evaluate", ("--workdir=labels", "--samples=1"), ("samples",)),
    ("evaluate", ("--workdir=labels", "--real=no"), ("workdir", "real")),
    ("evaluate", ("--workdir=pairs", "--features=pixels"), ("features",)),
    ("evaluate", ("--step=7",), ("step",)),
    ("evaluate", ("--member=1",), ("member",)),
    ("evaluate", ("--best",), ("workdir", "best")),
    ("report", ("no",), ("no",)),
    ("report", ("ring",), ("ring",)),
    ("report", ("empty",), ("empty",)),
    ("report", ("text.txt",), ("text.txt",)),
    ("report", ("x" * 5000,), ("x",)),
    ("bench", ("--shape=",), ("shape",)),
    ("bench", ("--shape=0",), ("shape",)),
    ("bench", ("--shape=4,4",), ("shape",)),
    ("bench", ("--shape=100000,100000,3",), ("shape",)),
    ("bench", ("--shape=2", "--data=real", "--dataset=ring"), ("shape",)),
    ("bench", ("--compare=no",), ("compare",)),
    ("bench", ("--compare=text.txt",), ("compare",)),
    ("bench", ("--compare=bytes.bin",), ("compare",)),
    ("bench", ("--compare=empty",), ("compare",)),
    ("bench", ("--device_data_gb=0",), ("device_data_gb",)),
    ("bench", ("--width=1000000",), ("width",)),
    ("bench", ("--latent_dim=1000000000",), ("latent_dim",)),
    ("bench", ("--batch_size=1000000000",), ("batch_size",)),
    ("study", ("--data_dir=no",), ("data_dir",)),
    ("study", ("--manual_dir=no",), ("manual_dir",)),
    ("study", ("--dataset=emoji",), ("dataset",)),
    ("study", ("--objective=best",), ("objective",)),
    ("train_classifier", ("--out=new.txt",), ("out",)),
    ("train_classifier", ("--dataset=emoji",), ("dataset",)),
    ("train_classifier", ("--dataset=mnist", "--manual_dir=no"), ("manual_dir",)),
    ("train_classifier", ("--dataset=mnist", "--manual_dir=empty"), ("manual_dir",)),
)
"""What contradicts itself, the data or the files: a command, what is added to `BASE`, and names."""


def explicit() -> list[Case]:
    """Return the cases that are tried every time."""
    return [
        Case(command, "contradiction", (*_without(command, *_names(more)), *more), names)
        for command, more, names in PAIRS
    ]


def cases(flags: dict[str, list[Flag]], *, may_be_valid: bool = False) -> st.SearchStrategy[Case]:
    """Draw command lines.

    Args:
        flags: the flags of each command.
        may_be_valid: draw those that may be right instead of those that are certainly wrong.
    """
    if may_be_valid:
        return _perhaps()

    def of(command: str) -> st.SearchStrategy[Case]:
        drawn = [_wrong_value(command, flags[command])] * 4
        drawn += [_wrong_path(command), _wrong_text(command, flags[command])]
        drawn += [_unknown(command, flags)]
        if command == "train":
            drawn += [_too_large(command), _wrong_data(), _of_others(flags)]
            drawn += [_combination(flags["train"])] * 3
        return st.sampled_from(drawn).flatmap(lambda one: one)

    # The settings of a run are the flags of `train`, and nearly all of those of `bench`.
    often = {"train": 8, "bench": 3, "sample": 3}
    commands = [command for command in sorted(flags) for _ in range(often.get(command, 1))]
    return st.sampled_from(commands).flatmap(of)


def _with(command: str, kind: str, name: str, value: str, *more: str) -> Case:
    return Case(command, kind, (*_without(command, name), *more, f"--{name}={value}"), (name,))


def _names(arguments: tuple[str, ...]) -> list[str]:
    return [one.partition("=")[0].lstrip("-") for one in arguments if one.startswith("-")]


def _without(command: str, *names: str) -> list[str]:
    """What is right about a command line, but for these flags: none is given twice."""
    return [one for one in BASE[command] if one.partition("=")[0].lstrip("-") not in names]


def _wrong_value(command: str, flags: list[Flag]) -> st.SearchStrategy[Case]:
    """A value of another type, out of range, not finite or beyond all machines."""

    def values(flag: Flag) -> st.SearchStrategy[Case]:
        kind, low, high = flag["kind"], flag["low"], flag["high"]
        found = {"type": _WORDS[kind]}
        if kind in ("whole", "finite"):
            found["not finite"] = ("nan", "inf", "-inf", "1e400", "NaN", "+Infinity")
            found["huge"] = (*_HUGE, "9" * 5000) if kind == "whole" else ("1e39", "-1e300", "1e300")
            outside = [low - 1, low - 10**6] if low is not None else []
            outside += [high + 1, 10**6 * high] if high is not None else []
            if outside:
                found["range"] = tuple(map(str, outside))
        return st.sampled_from(sorted(found)).flatmap(
            lambda kind: st.sampled_from(found[kind]).map(
                lambda value: _with(command, kind, flag["name"], value)
            )
        )

    mine = [flag for flag in flags if flag["ours"] and flag["kind"] in _WORDS]
    return st.sampled_from(mine).flatmap(values) if mine else _wrong_path(command)


def _wrong_text(command: str, flags: list[Flag]) -> st.SearchStrategy[Case]:
    names = [flag["name"] for flag in flags if flag["ours"] and flag["kind"] == "text"]
    names.remove("preset") if "preset" in names else None
    pieces = st.tuples(_TEXT, st.sampled_from(_CONTROL), _TEXT).map("".join)
    return st.builds(
        lambda name, value: _with(command, "control characters", name, value),
        st.sampled_from(names),
        st.sampled_from(_CONTROL) | pieces,
    )


def _wrong_path(command: str) -> st.SearchStrategy[Case]:
    directories = {"train": "workdir", "study": "out", "bench": "profile"}
    files = {"sample": "out", "report": "out", "train_classifier": "out", "bench": "json"}
    drawn = []
    if command in directories:
        drawn.append(st.sampled_from([(directories[command], v) for v in _BAD_DIRECTORIES]))
    if command in files:
        bad = [value for value in _BAD_FILES if value or command != "bench"]
        drawn.append(st.sampled_from([(files[command], value) for value in bad]))
    if command in ("sample", "evaluate"):
        drawn.append(st.sampled_from([("workdir", v) for v in (*_BAD_DIRECTORIES, "empty", "")]))
    return st.one_of(drawn).map(lambda pair: _with(command, "path", *pair))


def _unknown(command: str, flags: dict[str, list[Flag]]) -> st.SearchStrategy[Case]:
    """A flag that is misspelled, of another command, or no flag at all."""
    mine = {flag["name"] for flag in flags[command]}
    booleans = {flag["name"] for flag in flags[command] if flag["kind"] == "boolean"}
    known = mine | {f"no{name}" for name in booleans}
    others = sorted({flag["name"] for one in flags.values() for flag in one} - known)
    names = st.text(string.ascii_lowercase + "_", min_size=3, max_size=9).filter(
        lambda name: name not in known and not name.startswith(("help", "preset", "undef", "flag"))
    )
    numbers = [flag["name"] for flag in flags[command] if flag["kind"] in ("whole", "finite")]
    wrong = names | st.sampled_from(others)
    if numbers:
        wrong |= (
            st.sampled_from(numbers)
            .map(lambda name: f"no{name}")
            .filter(lambda name: name not in known)
        )
    found = [wrong.map(lambda name: _with(command, "unknown flag", name, "1"))]
    if command != "report":
        words = _TEXT.filter(lambda word: not word.startswith("-"))
        found.append(
            words.map(lambda word: Case(command, "no flag", (*BASE[command], word), ("flag",)))
        )
    return st.one_of(found)


def _of_others(flags: dict[str, list[Flag]]) -> st.SearchStrategy[Case]:
    """A flag that only another GAN or other networks have."""
    kinds = {flag["name"]: flag for flag in flags["train"]}
    names = [
        name
        for name, owners in catalog().items()
        if all(owner and owner != "--model=mlp" for owner, _ in owners)
        and kinds[name]["kind"] in ("whole", "finite")
        and 3 not in [field.default for _, field in owners]
        and not kinds[name]["high"]
    ]
    return st.sampled_from(names).map(lambda name: _with("train", "flag of another GAN", name, "3"))


def _too_large(command: str) -> st.SearchStrategy[Case]:
    """A size that is in range, and whose arrays do not fit in any machine."""

    def large(name: str) -> st.SearchStrategy[Case]:
        values = st.integers(_SIZES[name], 2**31 - 1)
        return values.map(lambda value: _with(command, "too large", name, str(value)))

    return st.sampled_from(sorted(_SIZES)).flatmap(large)


def _combination(flags: list[Flag]) -> st.SearchStrategy[Case]:
    """Any GAN on any data with any networks and settings, which are too wide for all machines.

    So it is refused at last, when everything else has been checked, and nothing is compiled.
    """
    kinds = {flag["name"]: flag for flag in flags}
    own = {"width", "widths", "workdir", "seeds", "dataset", "model"} | {
        "compilation_cache",
        "cache_dir",
    }
    names = sorted(set(catalog()) - own)

    def given(name: str) -> st.SearchStrategy[str]:
        flag = kinds[name]
        low, high = flag["low"] or 0, flag["high"]
        match flag["kind"]:
            case "whole":
                few = st.integers(low, high or 9)
                values = few | st.integers(low, min(high or 10**6, 10**6))
            case "finite":
                values = st.floats(low, high or 10.0) | st.floats(low, high or 1e12)
            case "boolean":
                return st.sampled_from((f"--{name}", f"--no{name}"))
            case "enum":
                values = st.sampled_from(flag["choices"])
            case _:
                values = st.sampled_from(("1", "color", "modes", "a,b", "train", "x=1"))
        return values.map(lambda value: f"--{name}={value}")

    return st.builds(
        lambda recipe, model, data, more: Case(
            "train",
            "combination",
            (
                f"--recipe={recipe}",
                *((f"--model={model}",) if model else ()),
                *((f"--dataset={data}",) if data else ()),
                "--steps=1",
                "--workdir=new",
                *more,
                "--width=1000000",
            ),
        ),
        st.sampled_from(sorted(VARIANTS)),
        st.sampled_from(("", "", *sorted(MODELS))),
        st.sampled_from(
            (
                *("", "digits", "ring", "notes", "scenes", "solids", "photos", "stacked_digits"),
                *("outlines:digits", "unpaired:rotated:digits", "halved:digits", "colored:digits"),
            )
        ),
        # Each once: of a flag that is given twice, another line says which one counts.
        st.lists(st.sampled_from(names), max_size=3, unique=True).flatmap(
            lambda some: st.tuples(*map(given, some))
        ),
    )


def _wrong_data() -> st.SearchStrategy[Case]:
    """Data sets, splits, sweeps and rules that do not exist."""
    names = st.one_of(
        _TEXT.map(lambda text: f"{text}?"),
        st.sampled_from(("", "ü", "ringg", "a/b/c", "x:1", "..", "folder:", "folder:no", "none")),
        st.sampled_from(("outlines:", "unpaired:ring,ring,ring", "unpaired:,", "sides:digits")),
        st.sampled_from(("folder:text.txt", "folder:empty", "huggingface:x", "outlines:" * 50)),
    )
    splits = st.one_of(
        _TEXT.map(lambda text: f"{text}?"),
        st.sampled_from(
            ("", "train[", "train[:0]", "train[5:5]", "train[:200%]", "train[:-99999]")
        ),
        st.sampled_from((f"train[:{'9' * 5000}]", "train[a:b]", "test", "Train", "train+train")),
    )
    sweeps = st.sampled_from(
        ("x", "d_lr", "d_lr=", "d_lr=x", "d_lr=nan", "d_lr=1e999", "steps=1,2", "=1", "d_lr=1,1")
    )
    rules = st.sampled_from(("x", "fid<", "patience=0", "patience=x", "fid<1e999", "fid<nan"))
    metrics = _TEXT.map(lambda text: f"{text}?")
    return st.one_of(
        names.map(lambda value: _with("train", "data", "dataset", value)),
        splits.map(lambda value: _with("train", "data", "split", value)),
        sweeps.map(lambda value: _with("train", "data", "sweep", value)),
        rules.map(lambda value: _with("train", "data", "stop_when", value, "--eval_every=1")),
        metrics.map(lambda value: _with("train", "data", "eval_metrics", value)),
    ).map(lambda case: case._replace(names=(*case.names, "data", "split")))


def _perhaps() -> st.SearchStrategy[Case]:
    """Command lines that may be right, with little to do if they are."""
    drawn = {
        "train": {
            "workdir": _TEXT,
            "compilation_cache": _TEXT | st.sampled_from(("/dev/null", "none", "text.txt")),
            "inception_weights": _TEXT,
            "sweep": st.sampled_from(("d_lr=1e-4,2e-4", "d_lr=1e-4 ,2e-4", ",", "clip_weights=0")),
            "seed": st.integers(0, 2**32 - 1),
            "g_lr": st.floats(0, 1e12),
            "penalty": st.sampled_from(("r1", "gradient_penalty", "dragan", "approximate_r1_r2")),
            "loss": st.sampled_from(("hinge", "minimax", "least_squares")),
            "keep": st.integers(1, 10**6),
            "log_every": st.integers(1, 2**31 - 1),
            "split": st.sampled_from(("train[:5]", "train[:1%]", "train[-5:]")),
        },
        "sample": {
            "n": st.integers(1, 9),
            "seed": st.integers(0, 2**32 - 1),
            "out": _TEXT.map(lambda text: f"{text}.npz"),
            "interpolate": st.sampled_from((2, 4)),
            "truncation": st.floats(1e-3, 100.0),
        },
        "report": {"out": _TEXT},
    }

    def of(command: str) -> st.SearchStrategy[Case]:
        return st.sampled_from(sorted(drawn[command])).flatmap(
            lambda name: drawn[command][name].map(
                lambda value: _with(command, "may be valid", name, str(value))._replace(
                    refused=False
                )
            )
        )

    return st.sampled_from(sorted(drawn)).flatmap(of)
