"""Which pictures are made from which, in words."""

import pytest
from untrained import RUNS

from jaxgan.runs.config import make
from jaxgan.runs.direction import direction
from jaxgan.runs.variants import VARIANTS


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("unpaired:folder:my/horses,folder:my/airplanes/", "from airplanes to horses"),
        ("unpaired:folder:a/x,folder:b/x", "from folder:b/x to folder:a/x"),
        ("unpaired:mnist,fashion_mnist", "from fashion_mnist to mnist"),
        ("unpaired:outlines:digits", "from outlines of digits to digits"),
        ("outlines:folder:/data/my cats", "from outlines of my cats to my cats"),
        ("swapped:outlines:digits", "from digits to outlines of digits"),
        ("rotated:digits", "from digits to rotated digits"),
        ("colored:digits", "from digits to colored digits"),
        ("gray:emoji", "from gray emoji to emoji"),
        ("sides:folder:maps", "from the left half of maps to the right half"),
    ],
)
def test_the_direction_is_said_by_the_names_of_the_domains(dataset, words):
    config = make(recipe="cyclegan", dataset=dataset)
    assert direction(config) == words
    there, back = (VARIANTS["cyclegan"].options(back=value) for value in (False, True))
    assert direction(config, there) == words
    source, target = words.removeprefix("from ").split(" to ")
    assert direction(config, back) == f"from {target} to {source}"


@pytest.mark.parametrize("recipe", ["gan", "cogan", "context_encoder", "aae", "infogan"])
def test_what_does_not_translate_has_no_direction(recipe):
    assert direction(make(recipe=recipe, **RUNS.get(recipe, {}))) == ""
