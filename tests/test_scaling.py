"""The scaling model says what its formulas say, of what the programs compute and send."""

import subprocess
import sys
from pathlib import Path

import collectives
import interconnect
import jax
import pytest
import scaling
from interconnect import Link, System
from networks import compilation
from scaling import Assumptions, Step, Update

from jaxgan.runs.config import make
from jaxgan.runs.networks import Facts

ROOT = Path(__file__).parents[1]
SLOW = Link(bytes_per_second=1e6, seconds=0.5)
SLOWER = Link(bytes_per_second=1e5, seconds=2.0)
# Its devices compute 1 FLOP in a second; 8 of them are one group with two hosts.
SYSTEM = System(1.0, 1e9, SLOW, 8, SLOWER, 4)
STEP = Step(Update(1.0, 4e6), Update(2.0, 2e6), d_steps=2, batch=64)
PLAIN = Assumptions(achieved=0.5)


@pytest.mark.parametrize(
    ("devices", "algorithm", "seconds"),
    [
        (1, "ring", 0.0),
        (2, "ring", 1.0 * 4 + 2 * 0.5),  # half of 4 MB there and half of it back: 4 s
        (8, "ring", 2 * 7 / 8 * 4 + 14 * 0.5),
        (8, "tree", 2 * 7 / 8 * 4 + 6 * 0.5),
        # Within each of 4 groups, then an eighth of it between them, ten times as slowly.
        (32, "ring", 2 * 7 / 8 * 4 + 14 * 0.5 + 2 * 3 / 4 * 5 + 6 * 2.0),
        (32, "tree", 2 * 7 / 8 * 4 + 6 * 0.5 + 2 * 3 / 4 * 5 + 4 * 2.0),
    ],
)
def test_an_all_reduce_takes_its_bytes_and_its_messages(devices, algorithm, seconds):
    assert interconnect.all_reduce(4e6, devices, SYSTEM, algorithm) == pytest.approx(seconds)


def test_a_step_pays_for_every_update_and_every_all_reduce():
    row = scaling.predict(STEP._replace(small_all_reduces=3), 2, SYSTEM, PLAIN)
    compute, sending = 64 * (2 * 1 + 2) / 0.5, 2 * (4 + 1) + (2 + 1) + 3 * 1
    assert (row.compute, row.sending) == pytest.approx((compute, sending))
    assert row.step == pytest.approx(compute + sending)
    assert row.efficiency == pytest.approx(compute / row.step)
    assert row.rate == pytest.approx(2 * 64 * 2 / row.step)
    assert row.host_rate == row.rate, "one host has both"


def test_a_batch_that_is_divided_leaves_less_to_compute_and_as_much_to_send():
    weak, strong = (
        scaling.predict(STEP, 8, SYSTEM, PLAIN._replace(strong=strong)) for strong in (False, True)
    )
    assert (strong.batch, strong.compute) == pytest.approx((8, weak.compute / 8))
    assert strong.sending == weak.sending
    divided = scaling.rows(STEP, SYSTEM, PLAIN._replace(strong=True))
    assert [row.batch for row in divided] == [64, 32, 16, 8, 4, 2, 1]


def test_overlap_hides_what_is_sent_during_the_backward_pass_but_not_the_last_bucket():
    step = STEP._replace(d=Update(10.0, 400e6), g=Update(0.0, 0.0), d_steps=1)
    whole = interconnect.all_reduce(400e6, 8, SYSTEM, "tree")
    last = interconnect.all_reduce(scaling.BUCKET, 8, SYSTEM, "tree")
    assumed = Assumptions(algorithm="tree", overlap=True)
    nothing = interconnect.all_reduce(0.0, 8, SYSTEM, "tree")
    for achieved, left in ((1.0, whole - 2 / 3 * 640), (0.1, last)):
        row = scaling.predict(step, 8, SYSTEM, assumed._replace(achieved=achieved))
        assert row.sending == pytest.approx(left + nothing)
    assert whole - 2 / 3 * 640 > last


def test_hosts_that_deliver_too_little_limit_the_step():
    row = scaling.predict(STEP, 8, SYSTEM, PLAIN._replace(host_rate=0.25))
    assert row.limit == "data"
    assert row.step == pytest.approx(8 * 64 * 2 / (2 * 0.25))
    assert row.host_rate == pytest.approx(0.25)
    enough = scaling.predict(STEP, 8, SYSTEM, PLAIN._replace(host_rate=1e6))
    assert enough == scaling.predict(STEP, 8, SYSTEM, PLAIN)


def test_a_measured_step_replaces_the_arithmetic():
    row = scaling.predict(STEP, 1, SYSTEM, Assumptions(step_seconds=7.0))
    assert row.step == pytest.approx(7.0)


def test_flops_and_bytes_are_those_of_the_networks():
    config = make(model="mlp", width=8, latent_dim=4, batch_size=32, penalty="none")
    step = scaling.count(config, Facts((2,), ()))
    g = [(4, 8), (8, 16), (16, 2)]
    d = [(2, 16), (16, 8), (8, 1)]
    weights = {name: sum(a * b for a, b in layers) for name, layers in (("g", g), ("d", d))}
    floats = {
        name: weights[name] + sum(b for _, b in layers) for name, layers in (("g", g), ("d", d))
    }
    for name, update in (("g", step.g), ("d", step.d)):
        assert 0 < update.bytes / 4 - floats[name] <= 8, "and a few metrics"
    # Products alone, 2 FLOPs for each weight and example. D sees real and fake, forwards and twice
    # backwards but for the first layer's inputs; the fakes are made once.
    products = 2 * weights["g"] + 2 * (2 * 3 * weights["d"] - 2 * 2 * 16)
    assert products < step.d.flops < 2 * products
    assert step.batch == 32


@pytest.fixture
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.usefixtures("_compile_quickly")
@pytest.mark.parametrize("devices", [2, 4])
def test_the_compiled_programs_send_what_the_model_counts(devices):
    players = ("d", "g")[devices // 4 :][:1]  # D on 2 devices, G on 4; all of it below
    for way, _, ours, theirs in collectives.comparison(jax.devices()[:devices], players=players):
        assert collectives.agree(ours, theirs), f"{way}: {theirs} instead of {ours}"
        assert ours or way == "jit"


@pytest.mark.slow  # a minute
def test_they_do_so_on_eight_devices():
    command = [sys.executable, "benchmarks/collectives.py", "--devices=2,4,8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()[2:]
    assert len(lines) == 3 * len(collectives.WAYS) * 2
    assert all(line.endswith("| yes |") for line in lines), done.stdout
