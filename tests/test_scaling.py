"""The scaling model says what its formula says, about the networks that a run would have."""

import pytest
import scaling
from scaling import Link

from jaxgan.runs.config import make

SLOW = Link(bytes_per_second=1e6, seconds=0.5)


@pytest.mark.parametrize(
    ("devices", "algorithm", "seconds"),
    [
        (1, "ring", 0.0),
        (2, "ring", 1.0 * 4 + 2 * 0.5),  # half of 4 MB there and half of it back: 4 s
        (8, "ring", 2 * 7 / 8 * 4 + 14 * 0.5),
        (8, "tree", 2 * 7 / 8 * 4 + 6 * 0.5),
    ],
)
def test_an_all_reduce_takes_its_bytes_and_its_messages(devices, algorithm, seconds):
    assert scaling.all_reduce(4e6, devices, SLOW, algorithm) == pytest.approx(seconds)


def test_the_parameters_are_those_of_the_networks():
    counts = scaling.parameters(make(model="mlp", width=8, latent_dim=4), (2,), classes=1)
    generator = (4 * 8 + 8) + (8 * 16 + 16) + (16 * 2 + 2)
    discriminator = (2 * 16 + 16) + (16 * 8 + 8) + (8 * 1 + 1)
    assert counts == {"g": generator, "d": discriminator}


def test_a_step_pays_for_every_all_reduce():
    lines = scaling.table(10.0, [4e6, 4e6], 64, SLOW, "tree", extra=1)
    eight = next(line for line in lines if line.startswith("| 8 |"))
    seconds = 2 * (7 + 3) + 3
    assert f"| {1e3 * seconds:.2f} | {1e3 * (10 + seconds):.2f} " in eight
    assert eight.endswith(f"| {10 / (10 + seconds):.1%} |")
