"""The search for the first picture's settings: its rows can be run, and the demo has the best."""

from pathlib import Path

import first_picture
import pytest
from absl import flags

from jaxgan.runs.checks import check_settings
from jaxgan.runs.flags import define_settings, from_flags

PRESET = Path(__file__).parents[1] / "experiments/presets/demo_digits.flags"


@pytest.mark.parametrize("row", first_picture.CHANGES)
def test_every_row_can_be_run_and_changes_something(row):
    config = first_picture.config_of(row)
    check_settings(config)
    assert (config == first_picture.config_of("first")) == (row == "first")


def test_the_demo_has_the_settings_of_the_best_row():
    values = flags.FlagValues()
    define_settings(values)
    values(["train", f"--flagfile={PRESET}"])
    demo, best = from_flags(values).flat(), first_picture.config_of(first_picture.BEST).flat()
    length = {"workdir", "steps", "log_every", "sample_every", "checkpoint_every"}
    assert {name for name in best if demo[name] != best[name]} == length
