"""The memory of a step of a preset: what its program says, and what it cannot do without."""

import step_memory

from jaxgan.runs.flags import presets


def test_the_memory_of_a_step_is_at_least_that_of_its_state_and_its_batch():
    small = {"batch_size": 8, "width": 8}
    found = step_memory.measure(step_memory.settings(presets()["gan_ring"], **small))
    assert found["shape"] == [2]
    assert found["batch"] == 8 * (2 + 1) * 4  # points and their labels
    assert found["peak"] >= found["state"] + found["batch"]
    larger = step_memory.measure(
        step_memory.settings(presets()["gan_ring"], **small | {"batch_size": 800})
    )
    assert larger["state"] == found["state"]
    assert larger["peak"] - found["peak"] >= larger["batch"] - found["batch"]


def test_the_largest_comes_first():
    row = {"shape": [2], "state": 1_000_000, "batch": 0, "temporary": 0}
    lines = step_memory.table({"a": row | {"peak": 1_000_000}, "b": row | {"peak": 2_550_000}})
    assert lines[2:] == [
        "| `b` | 2 | 1.0 | 0.0 | 0.0 | 2.5 |",
        "| `a` | 2 | 1.0 | 0.0 | 0.0 | 1.0 |",
    ]
