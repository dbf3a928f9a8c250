"""Try wrong command lines: python tests/faults/flags_matrix.py --cases=2000 --seed=1.

Each has to end in exit status 2 and one line on stderr that names the flag, within 10 seconds of
processor time, and to leave the disk as it was. It prints one line of JSON with what was tried.
"""

import argparse
import collections
import json
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
from flags_cases import RUNS, Case, Flag, cases
from flags_cases import explicit as explicit_cases
from warm import COMMANDS, CPU_SECONDS, Outcome, Warm

QUIET = hypothesis.settings(
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@contextmanager
def warm_room(runs: Iterable[str] = RUNS) -> Iterator[Warm]:
    """Start the warm process, with runs and other files in the working directory."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        (here / "empty").mkdir()
        (here / "text.txt").write_text("nonsense\n--no_such_flag=1\n")
        (here / "bytes.bin").write_bytes(bytes(range(256)))
        with Warm(here) as warm:
            for name in runs:
                warm.make(here / name, **RUNS[name])
            yield warm


def complaint(case: Case, outcome: Outcome) -> str:
    """Return what is wrong with the end of a command; empty if it is clean."""
    status, _, errors, changed, cpu = outcome
    if not case.refused and status in (0, 1) and "Traceback" not in errors:
        return ""
    wrong = {
        f"{cpu:.1f} s of processor time": cpu > CPU_SECONDS,
        f"exit status {status}: {errors[-300:]}": status != 2,
        f"not one line: {errors[:600]!r}": not re.fullmatch(r"error: [^\n]{1,2000}\n", errors),
        f"control characters: {errors!r}": not all(map(str.isprintable, errors[:-1])),
        f"names none of {', '.join(case.names)}: {errors!r}": bool(case.names)
        and not any(name in errors for name in case.names),
        f"left behind: {', '.join(changed[:5])}": bool(changed),
    }
    return "; ".join(what for what, is_so in wrong.items() if is_so)


def drawn(
    flags: dict[str, list[Flag]], count: int, seed: int, *, may_be_valid: bool = False
) -> list[Case]:
    """Draw different command lines."""
    found: dict[Case, None] = {}

    @hypothesis.seed(seed)
    @hypothesis.settings(QUIET, max_examples=count)
    @hypothesis.given(cases(flags, may_be_valid=may_be_valid))
    def draw(case: Case) -> None:
        found[case] = None

    draw()
    return list(found)


def main() -> None:
    """Try what the flags ask for, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="command lines that are wrong")
    parser.add_argument("--perhaps", type=int, default=0, help="command lines that may be right")
    parser.add_argument("--seed", type=int, default=0, help="seed of the cases")
    asked = parser.parse_args()
    started = time.monotonic()
    by_command, by_kind = collections.Counter(), collections.Counter()
    dirty, slowest = [], (0.0, "")
    with warm_room() as warm:
        flags = {command: warm.describe(command) for command in COMMANDS}
        todo = explicit_cases() + drawn(flags, asked.cases, asked.seed)
        if asked.perhaps:
            todo += drawn(flags, asked.perhaps, asked.seed, may_be_valid=True)
        for case in todo:
            outcome = warm.run(case.command, *case.arguments)
            by_command[case.command] += 1
            by_kind[case.kind] += 1
            line = " ".join((case.command, *case.arguments))[:400]
            slowest = max(slowest, (round(outcome.cpu, 2), line))
            if wrong := complaint(case, outcome):
                dirty.append({"command": line, "kind": case.kind, "why": wrong})
    print(
        json.dumps(
            {
                "cases": len(todo),
                "clean": len(todo) - len(dirty),
                "by_command": by_command,
                "by_kind": by_kind,
                "seconds": round(time.monotonic() - started, 1),
                "slowest": slowest,
                "not_clean": dirty,
            }
        )
    )


if __name__ == "__main__":
    main()
