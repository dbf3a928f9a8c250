import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SMALL = [
    "--model=mlp",
    "--width=8",
    "--shape=4,4,1",
    "--repeats=2",
    "--seconds=0",
    "--parallel=jit",
]


def bench(tmp_path, *flags):
    return subprocess.run(
        [sys.executable, str(ROOT / "experiments/bench.py"), *SMALL, *flags],
        env={"HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_a_benchmark_is_a_table_a_file_and_a_comparison(tmp_path):
    path = tmp_path / "numbers.json"
    first = bench(tmp_path, f"--json={path}", f"--profile={tmp_path / 'trace'}")
    assert first.returncode == 0, first.stderr
    numbers = json.loads(path.read_text())
    assert set(numbers["timings"]) == {"d_step", "g_step", "train_step", "loop, same batch", "loop"}
    # D: 16 pixels -> 16 -> 8 -> 1 and G: 100 -> 8 -> 16 -> 16, forwards at least, on 64 examples.
    assert numbers["flops_per_step"] > 64 * 2 * (16 * 16 + 16 * 8 + 100 * 8 + 8 * 16 + 16 * 16)
    assert list((tmp_path / "trace").rglob("perfetto_trace.json.gz"))
    second = bench(tmp_path, "--batch_size=32", f"--compare={path}")
    assert "note that settings differs" in second.stdout
    assert "train_step" in second.stdout.partition("speedup over --compare")[2]


def test_mistakes_are_answered_in_one_line(tmp_path):
    for flags, words in (
        (["--shape=4,4"], "--shape=4,4: expected H,W,C"),
        (["--compare=nothing"], "--compare=nothing: expected a file that --json"),
        (["--microbatch=7"], "--microbatch=7: expected a divisor of the 64"),
    ):
        answer = bench(tmp_path, *flags)
        assert answer.returncode == 2
        assert answer.stderr.strip().splitlines()[-1].startswith(f"error: {words}")
