"""The benchmark of half an hour with a GPU goes on where it was, and says what could not run."""

import json
import os
import signal
import subprocess
import sys
import time

import gpu
import pytest

WRITES = ["-c", "import sys; open(sys.argv[1], 'w').write('{\"x\": 1}')", "{numbers}"]
FAILS = ["-c", "raise SystemExit('error: there is no such thing')"]
SLEEPS = ["-c", "import time; time.sleep(600)"]
# Counts its calls in the record of a training, and then waits to be told to end.
TRAINS = """
import pathlib, signal, sys, time
path = pathlib.Path(sys.argv[1]) / "metrics.jsonl"
path.parent.mkdir(exist_ok=True)
step = len(path.read_text().splitlines()) + 1 if path.exists() else 1
with path.open("a") as lines:
    lines.write('{"step": %d}\\n' % step)
if step < 3:
    time.sleep(600)
"""


@pytest.fixture
def day(tmp_path, monkeypatch):
    """Runs these parts, and returns the status and the parts' files."""

    def call(parts, **options):
        monkeypatch.setattr(gpu, "plan", lambda options: parts)
        status = gpu.day(gpu.Options(str(tmp_path), dry_run=True, **options))
        files = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
        return status, files

    return call


def test_what_is_done_is_not_done_again_unless_it_is_named(day):
    parts = [gpu.Part("good", WRITES, 1), gpu.Part("bad", FAILS, 1)]
    status, first = day(parts)
    assert status == 1
    assert (first["good"]["status"], first["good"]["numbers"]) == ("done", {"x": 1})
    assert first["bad"]["status"] == "failed"
    assert first["bad"]["reason"] == "error: there is no such thing"
    assert day(parts) == (1, first)
    _, again = day(parts, again=["bad"])
    assert again["good"] == first["good"]
    status, other = day([parts[0], gpu.Part("bad", WRITES, 1)], again=["all"])
    assert status == 0
    assert other["bad"]["status"] == "done"


def test_only_some_parts_run(day):
    status, files = day([gpu.Part("good", WRITES, 1), gpu.Part("bad", FAILS, 1)], only=["go"])
    assert (status, set(files)) == (0, {"good"})


def test_a_part_that_takes_too_long_ends_and_the_next_one_begins(day):
    status, files = day([gpu.Part("slow", SLEEPS, 0.01), gpu.Part("good", WRITES, 1)])
    assert status == 1
    assert files["slow"]["status"] == "failed"
    assert "not done after" in files["slow"]["reason"]
    assert files["good"]["status"] == "done"


def test_trainings_go_on_until_they_are_done(day, tmp_path):
    parts = [gpu.Part("train_x", ["-c", TRAINS, str(tmp_path / "train_x")], 0.03, goes_on=True)]
    seen = []
    for _ in range(4):
        status, files = day(parts)
        seen.append((status, files["train_x"]["status"], files["train_x"]["numbers"]["step"]))
    assert seen == [(3, "unfinished", 1), (3, "unfinished", 2), (0, "done", 3), (0, "done", 3)]


def test_what_the_end_cuts_short_is_begun_again(day, monkeypatch):
    monkeypatch.setattr(gpu, "_LEAST", 0.1)
    status, files = day([gpu.Part("slow", SLEEPS, 1)], minutes=0.01)
    assert (status, files["slow"]["status"]) == (gpu.UNFINISHED, "unfinished")
    status, files = day([gpu.Part("slow", WRITES, 1)])
    assert (status, files["slow"]["status"]) == (0, "done")


def test_without_time_nothing_is_begun_and_that_is_told(day, capsys):
    assert day([gpu.Part("good", WRITES, 1)], minutes=0.0) == (gpu.UNFINISHED, {})
    assert "no time was left" in capsys.readouterr().out


def test_marks_are_printed_beside_what_was_reached():
    def peers(**modes):
        return {"numbers": {"cases": [{"torch": modes}]}}

    lines = gpu.marks(
        {
            "peers_dcgan_32_64_float32": peers(
                eager={"ratio": 4.0}, **{"reduce-overhead": {"ratio": 1.2}}
            ),
            "peers_dcgan_32_1024_bfloat16": peers(
                eager={"ratio": 1.5}, **{"reduce-overhead": {"error": "no second derivatives"}}
            ),
            "loop_dcgan_32_64_float32": {"numbers": {"loop": 0.98, "share": 0.4}},
            "memory_plain_whole": {"numbers": None},
        }
    )
    assert [line.partition(": ")[2] for line in lines] == [
        "times as fast as eager PyTorch: 4.00; the mark is 3.0",
        "times as fast as compiled PyTorch: 1.20; the mark is 1.3, missed",
        "times as fast as the best of PyTorch: 1.50; the mark is 1.2",
        "the loop's speed as a share of the bare step's: 0.98; the mark is 0.97",
        "40% of the FLOP/s of a large matrix product",
    ]


def test_ending_the_whole_ends_its_part_and_leaves_nothing_half_written(tmp_path):
    script = (
        "import gpu\n"
        f"gpu.plan = lambda options: [gpu.Part('slow', {SLEEPS!r}, 1)]\n"
        "gpu.start(gpu.main, gpu.define_flags)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", script, f"--out={tmp_path}", "--dry_run"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith("slow, at most")
    while not (tmp_path / "slow.log").exists():
        time.sleep(0.01)
    time.sleep(0.5)
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert {path.name for path in tmp_path.iterdir()} == {"slow.log"}
    process.stdout.close()


def test_the_plan_names_every_part_once_and_has_those_of_the_page(tmp_path):
    parts = gpu.plan(gpu.Options(str(tmp_path)))
    names = [part.name for part in parts]
    assert len(set(names)) == len(names)
    kinds = {name.partition("_")[0] for name in names}
    assert kinds == {"same", "tests", "peers", "loop", "memory", "train"}


@pytest.mark.slow
def test_a_dry_run_tries_every_part(tmp_path):
    process = subprocess.run(
        [sys.executable, "benchmarks/gpu.py", f"--out={tmp_path}", "--dry_run", "--minutes=15"],
        check=False,
        capture_output=True,
        text=True,
    )
    found = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert {name.partition("_")[0] for name in found} == {
        *("same", "tests", "peers", "loop", "memory", "train")
    }
    # Without PyTorch its part says so, and the others run nevertheless.
    failed = {name: one["reason"] for name, one in found.items() if one["status"] != "done"}
    assert set(failed) <= {"peers_dense_64_float32"}, failed
    assert all("torch" in reason for reason in failed.values())
    assert process.returncode == (1 if failed else 0), process.stderr
    assert found["memory_plain_whole"]["numbers"]["largest"] == 64
    assert found["train_stacked_mnist"]["numbers"]["step"] == 2
