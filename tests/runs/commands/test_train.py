"""The command that trains: its mistakes in one line, and how it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ring import RING

from jaxgan.checkpoint import Checkpoints

ROOT = Path(__file__).parents[3]


def command(*arguments: str, platform: str = "cpu", **options) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": platform}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_mistakes_on_the_command_line_are_answered_in_one_line(tmp_path):
    script, workdir = "experiments/train.py", tmp_path / "run"
    mistakes = {
        "--flagfile=experiments/presets/no_such_preset.flags": "dcgan_digits",
        "--batch_size=0": "batch_size",
        "--dataset=folder:/no/such/folder": "/no/such/folder",
        "--mask_share=0.3": "it goes with --recipe=context_encoder or --recipe=ccgan",
    }
    processes = {m: command(script, f"--workdir={workdir}", m) for m in mistakes}
    mistakes["an unknown platform"] = "JAX_PLATFORMS=no_such"
    processes["an unknown platform"] = command(script, f"--workdir={workdir}", platform="no_such")
    mistakes["as a module"] = "--loss"
    module = ("-m", "jaxgan.runs.commands.train")
    processes["as a module"] = command(*module, f"--workdir={workdir}", "--loss=cross")
    for mistake, process in processes.items():
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2, mistake
        last = errors.strip().splitlines()
        assert len(last) == 1, errors
        assert last[0].startswith("error: "), errors
        assert mistakes[mistake] in last[0]
    assert not workdir.exists()


def test_sigterm_saves_before_the_program_leaves(tmp_path):
    workdir = tmp_path / "run"
    flags = [f"--{name}={value}" for name, value in RING.items()]
    process = command(
        "experiments/train.py", *flags, "--steps=1000000", "--log_every=10", f"--workdir={workdir}"
    )
    metrics = workdir / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the run did not begin"
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped and saved at step" in output
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        begun, step = checkpoints.steps()
    assert begun == 0
    assert f"step {step}" in output
    assert json.loads(metrics.read_text().splitlines()[-1])["step"] == step
