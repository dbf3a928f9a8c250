"""Break everything at length, and write the figures into docs/reliability.md: make faults."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by tests/faults/figures.py -->", "<!-- end of figures -->"
COMMANDS = {
    "kills.py --kills=50 --seed=0": lambda found: (
        f"{found['kills']} kills with SIGKILL of {found['runs']} runs, {found['in_operations']} of "
        f"them right before an operation on a file; {len(found['different'])} runs ended otherwise "
        f"than one that was left alone"
    ),
    "injuries.py --injuries=200 --seed=0": lambda found: (
        f"{found['noticed']} of {found['injuries']} damaged checkpoints were noticed and the one "
        f"before was taken"
    ),
    "lack.py --runs=3 --seed=0": lambda found: (
        f"{found['runs']} runs lost room, descriptors or their workdir; "
        f"{found['ended_in_one_line']} for good, which ended in one line and status 1 and went on "
        f"later; "
        f"{found['ended_well']} ended as one that was left alone"
    ),
    "memory.py --steps=80000": lambda found: (
        f"{found['steps']:,} steps with {found['lines']:,} lines, pictures, evaluations and "
        f"checkpoints: {found['grew']} MB more in the last quarter than in the second"
    ),
    "flags_matrix.py --cases=1000 --seed=0": lambda found: (
        f"{found['clean']:,} of {found['cases']:,} wrong command lines ended in status 2 and one "
        f"line, and left nothing; the slowest took {found['slowest'][0]} s of processor time"
    ),
    "fuzz_readers.py --seconds=240 --seed=0": lambda found: (
        f"{sum(one['tried'] for one in found.values()):,} damaged files for {len(found)} readers: "
        f"{sum(one['read'] for one in found.values()):,} read, "
        f"{sum(one['refused'] for one in found.values()):,} refused in one line, "
        f"{sum(len(one['crashes']) for one in found.values())} crashes; the slowest took "
        f"{max(one['worst_seconds'] for one in found.values())} s"
    ),
}


def run(command: str) -> tuple[str, bool]:
    """Run a script; return its figures in words, and whether all was well."""
    name, *arguments = command.split()
    line = [sys.executable, str(HERE / name), *arguments]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines:
        return f"exit status {done.returncode}", False
    found = json.loads(lines[-1])
    print(json.dumps(found), flush=True)
    clean = done.returncode == 0 and not found.get("not_clean")
    return COMMANDS[command](found), clean


def write(new: dict[str, str]) -> None:
    """Put new figures on the page; those of scripts that were not run stay."""
    page = PAGE.read_text()
    cells = re.findall(r"^\| `(\S+\.py[^`]*)` \| (.*) \|$", page, re.MULTILINE)
    rows = {command: text for command, text in cells if command in COMMANDS} | new
    lines = [
        BEGIN,
        "",
        "| `python tests/faults/...` | what became of it |",
        "|---|---|",
        *(f"| `{command}` | {rows[command]} |" for command in COMMANDS if command in rows),
        "",
        END,
    ]
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: "\n".join(lines), page))


def main() -> int:
    """Run all scripts, or the chosen ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[name.split()[0] for name in COMMANDS], action="append")
    given = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, jax {version('jax')}"
    well = True
    for command in COMMANDS:
        if given.only is None or command.split()[0] in given.only:
            text, is_clean = run(command)
            print(f"{command}: {text}", flush=True)
            write({command: f"{text} ({date.today()}, {machine})"})
            well &= is_clean
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
