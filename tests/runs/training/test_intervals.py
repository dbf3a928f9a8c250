"""Everything happens at the steps that its flag says, however many steps a call has."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgan._feed import blocks
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.runs.config import make
from jaxgan.runs.training import loop

RING = {"dataset": "ring", "model": "mlp", "width": 8, "latent_dim": 4, "parallel": "jit"}


@pytest.mark.parametrize("device_data_gb", [4.0, 0.0], ids=["on the device", "from the host"])
def test_lines_pictures_and_checkpoints_come_when_they_are_due(tmp_path, device_data_gb):
    config = make(
        **RING,
        device_data_gb=device_data_gb,
        steps=23,
        log_every=5,
        sample_every=7,
        checkpoint_every=4,
        eval_every=6,
        eval_samples=100,
        keep=10,
        workdir=str(tmp_path / "often"),
    )
    often = loop.run(config)

    def steps_of(name):
        lines = (tmp_path / "often" / f"{name}.jsonl").read_text().splitlines()
        return [json.loads(line)["step"] for line in lines]

    # A checkpoint and an evaluation need the metrics up to them, so that they have a line as well.
    due = {step for every in (5, 4, 6) for step in range(every, 23, every)} | {23}
    assert steps_of("metrics") == sorted(due)
    assert steps_of("evaluations") == [6, 12, 18, 23]
    pictures = sorted((tmp_path / "often" / "samples").glob("step_*.png"))
    assert [int(path.stem[5:]) for path in pictures] == [0, 7, 14, 21, 23]
    with Checkpoints(tmp_path / "often" / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [0, 4, 8, 12, 16, 20, 23]
    # How the steps are cut into calls changes nothing.
    seldom = loop.run(make(**RING, steps=23, workdir=str(tmp_path / "seldom")))
    assert digest(often.state) == digest(seldom.state)


@given(
    st.integers(0, 300),
    st.integers(0, 300),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(1, 50),
)
def test_calls_cover_every_step_once_and_end_where_something_is_due(first, last, every, longest):
    calls = blocks(first, last, every, longest=longest)
    assert [step for call in calls for step in call] == list(range(first, last))
    assert all(1 <= len(call) <= longest for call in calls)
    ends = {call.stop for call in calls}
    for period in filter(None, every):
        assert {step for step in range(first + 1, last + 1) if step % period == 0} <= ends
