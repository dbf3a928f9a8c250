"""Two processes on this machine train one model, started as a user starts them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from absl import flags

from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import hosts
from jaxgan.runs.commands import entry, train
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.training import loop

ROOT = Path(__file__).parents[2]
LIMIT = 240  # seconds, after which a process is killed
RUN = {
    "dataset": "ring",
    "model": "mlp",
    "width": 8,
    "latent_dim": 4,
    "batch_size": 16,
    "steps_per_call": 5,
    "log_every": 5,
    "checkpoint_every": 10,
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def process(*arguments):
    """One process with one device. It compiles as the tests do: quickly, and each program once."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": "1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    }
    return subprocess.Popen(
        [sys.executable, "experiments/train.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(processes):
    """Return codes and lines, of stdout and stderr, of processes that are about to end."""
    try:
        outputs = [process.communicate(timeout=LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], [
        (said(output), said(errors)) for output, errors in outputs
    ]


def start_two(of_process_1=(), **settings):
    together = ["--num_processes=2", f"--coordinator=127.0.0.1:{free_port()}"]
    together += [f"--{name}={value}" for name, value in (RUN | settings).items()]
    own = ["--process_id=0"], ["--process_id=1", *of_process_1]
    return [process(*together, *flags) for flags in own]


def one(workdir, steps, parallel="auto"):
    """The same run in this process, on two of its devices."""
    settings = RUN | {"parallel": parallel, "num_devices": 2}
    loop.run(make(**settings, steps=steps, workdir=str(workdir)))


def losses(workdir, steps):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["step"] <= steps]
    assert [line["step"] for line in kept] == list(range(5, steps + 1, 5))
    return [[line["d_loss"], line["g_loss"]] for line in kept]


def wait_for_line(workdir, step, processes):
    """Wait until the run has recorded the metrics of this step."""
    metrics, deadline = workdir / "metrics.jsonl", time.monotonic() + LIMIT
    while not (metrics.exists() and f'"step": {step},' in metrics.read_text()):
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline, f"the run did not come to step {step}"
        time.sleep(0.1)


def names(workdir):
    """What is in a workdir, tensorboard's events aside: their names hold the time."""
    return {
        str(path.relative_to(workdir))
        for pattern in ("*", "samples/*", "checkpoints/*")
        for path in workdir.glob(pattern)
    }


def said(text):
    """The lines that a process printed, less gloo's greeting."""
    return [line for line in text.splitlines() if not line.startswith("[Gloo]")]


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "half_way"
    one(workdir, 10)
    return workdir


@pytest.fixture(scope="module")
def straight(half_way):
    workdir = half_way.with_name("straight")
    shutil.copytree(half_way, workdir)
    one(workdir, 20)
    return workdir


@pytest.mark.parametrize("parallel", ["auto", pytest.param("shard_map", marks=pytest.mark.slow)])
def test_two_processes_train_what_one_does_on_two_devices(tmp_path, straight, parallel):
    workdir = tmp_path / "run"
    measured = {"eval_every": 10, "eval_samples": 100}
    codes, outputs = end(start_two(steps=10, workdir=workdir, parallel=parallel, **measured))
    assert codes == [0, 0], outputs
    np.testing.assert_allclose(losses(workdir, 10), losses(straight, 10), rtol=1e-5)

    # Process 0 wrote what a run writes, once, and the other one wrote and said nothing.
    assert outputs[0][0][0].startswith("samples after 10 steps")
    assert outputs[1] == ([], [])
    assert len(list((workdir / "tensorboard").iterdir())) == 1
    assert "coordinator" not in (workdir / "flags.txt").read_text()
    assert (workdir / "evaluations.jsonl").read_text().count("points/coverage") == 1
    with Checkpoints(workdir / "best") as best:
        assert best.steps() == [10]

    # One process goes on with the checkpoint that two have written.
    one(workdir, 20, parallel)
    np.testing.assert_allclose(losses(workdir, 20), losses(straight, 20), rtol=1e-5)
    assert names(workdir) == names(straight) | {"best", "evaluations.jsonl"}


@pytest.mark.slow  # half a minute
def test_two_processes_split_the_state_of_the_optimizers(tmp_path):
    """What each of them holds a part of is saved whole, sampled from and measured."""
    settings = {"parallel": "shard_optimizer", "width": 128, "ema_decay": 0.9}
    workdir, alone = tmp_path / "run", tmp_path / "alone"
    measured = {"eval_every": 10, "eval_samples": 100}
    codes, outputs = end(start_two(steps=10, workdir=workdir, **settings, **measured))
    assert codes == [0, 0], outputs
    for steps in (10, 20):  # 20: one process goes on with what two have written
        loop.run(make(**RUN | settings, num_devices=2, steps=steps, workdir=str(alone)))
        if steps == 20:
            loop.run(make(**RUN | settings, num_devices=2, steps=steps, workdir=str(workdir)))
        np.testing.assert_allclose(losses(workdir, steps), losses(alone, steps), rtol=1e-5)
    assert (workdir / "evaluations.jsonl").read_text().count("points/coverage") == 1

    # And two with what one has.
    codes, outputs = end(start_two(steps=25, workdir=alone, **settings))
    assert codes == [0, 0], outputs
    assert len(losses(alone, 25)) == 5


@pytest.mark.slow  # half a minute; the test above has two processes
def test_two_processes_go_on_where_one_was_and_stop_together(tmp_path, half_way, straight):
    workdir = shutil.copytree(half_way, tmp_path / "run")
    both = start_two(steps=1_000_000, workdir=workdir)
    try:
        wait_for_line(workdir, 20, both)
        both[1].send_signal(signal.SIGTERM)  # to the one that does not write
    finally:
        codes, outputs = end(both)
    assert codes == [128 + signal.SIGTERM] * 2, outputs
    np.testing.assert_allclose(losses(workdir, 20), losses(straight, 20), rtol=1e-5)
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        step = checkpoints.steps()[-1]
    assert outputs[0][0][0].startswith(f"stopped and saved at step {step};")
    assert outputs[1] == ([], [hosts._STOPPING])  # it is the one that heard the signal


def test_a_process_that_is_killed_ends_the_other_with_a_line_and_both_go_on(tmp_path, straight):
    workdir = tmp_path / "run"
    both = start_two(steps=1_000_000, workdir=workdir, peer_timeout=20)
    try:
        wait_for_line(workdir, 10, both)
    finally:
        both[1].kill()
        killed = time.monotonic()
        codes, outputs = end(both)
    assert time.monotonic() - killed < 20
    assert codes == [1, -signal.SIGKILL], outputs
    errors = [line for line in outputs[0][1] if line.startswith("error:")]
    assert len(errors) == 1, outputs
    assert errors[0].startswith("error: another process was lost, or is not heard of any more (")
    # Where both ended does not matter: one process goes on from their checkpoint as ever.
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        assert checkpoints.steps()[-1] >= 10
    np.testing.assert_allclose(losses(workdir, 10), losses(straight, 10), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "of_process_1", "message"),
    [
        ({"batch_size": 5}, [], "--batch_size=5: expected a multiple of the 2 devices"),
        pytest.param(
            {}, ["--seed=1"], "the processes have different flags", marks=pytest.mark.slow
        ),
    ],
)
def test_what_is_wrong_ends_both_processes_with_a_line_each(
    tmp_path, settings, of_process_1, message
):
    workdir = tmp_path / "run"
    both = start_two(of_process_1, steps=10, workdir=workdir, **settings)
    codes, outputs = end(both)
    assert codes == [2, 2]
    for _, errors in outputs:
        (line,) = errors
        assert line.startswith(f"error: {message}")
    assert not workdir.exists()


def test_a_coordinator_that_does_not_answer_is_given_up_in_one_line_and_in_time(tmp_path):
    address, workdir = f"127.0.0.1:{free_port()}", tmp_path / "run"
    meet = [f"--coordinator={address}", "--num_processes=2", "--process_id=1", "--init_timeout=2"]
    (code,), ((_, errors),) = end([process(*meet, f"--workdir={workdir}")])
    assert code == 1
    assert errors == [
        f"error: --coordinator={address}: not all processes met within 2 s (--init_timeout)"
    ]
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num_processes=2"], "expected --coordinator"),
        (["--process_id=0"], "expected --coordinator"),
        (["--coordinator=somewhere"], "expected HOST:PORT"),
        (["--coordinator=127.0.0.1:70000"], "expected HOST:PORT"),
        (["--coordinator=127.0.0.1:9000"], "expected --num_processes and --process_id"),
        (["--coordinator=127.0.0.1:9000", "--num_processes=2"], "and --process_id"),
        (
            ["--coordinator=127.0.0.1:9000", "--num_processes=2", "--process_id=2"],
            "--process_id=2: expected 0 to 1",
        ),
    ],
)
def test_flags_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        hosts.start(parsed(arguments))
    assert "\n" not in str(caught.value)


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        arguments = [f"--coordinator={address}", "--num_processes=2", "--process_id=0"]
        with pytest.raises(ConfigError, match=f"{address}: .*in use"):
            hosts.start(parsed(arguments))


def parsed(arguments):
    values = flags.FlagValues()
    train.define_hosts(values)
    values(["train.py", *arguments])
    return hosts.Others(**entry.given(hosts.Others._fields, values))
