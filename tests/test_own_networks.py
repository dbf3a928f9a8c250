"""The code of the guide to one's own networks, and of the notebook, runs as it is printed."""

import json
import re
from pathlib import Path

import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from networks import compilation

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/own_networks.md").read_text()
NOTEBOOK = json.loads((ROOT / "examples/fit.ipynb").read_text())
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def _quickly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}), compilation(optimized=False):
        yield
    plt.close("all")


def run(pieces):
    """Execute the pieces in order, with few steps, and return what they define."""
    text = "\n".join(pieces)
    assert text.count("STEPS = 1000") == 1
    names = {"__name__": "__main__"}
    exec(compile(text.replace("STEPS = 1000", "STEPS = 6"), "pieces", "exec"), names)
    return names


def test_the_guide_runs(capsys):
    names = run(BLOCKS)
    assert int(names["state"].g.step) == 6
    assert names["samples"].shape == (16, 28, 28, 1)
    assert Path("run/6").is_dir()
    assert "d_loss" in capsys.readouterr().out
    x = jnp.asarray(names["digits"].x[:2], jnp.float32)
    for network in names["others"]:
        params, state = network.init(names["jax"].random.key(0), x)
        assert network.apply(params, state, names["jax"].random.key(0), x, train=True)[0].shape == (
            2,
        )
    assert float(names["rate"](0)) == pytest.approx(2e-6)


def test_the_notebook_runs_and_draws_its_picture(capsys):
    names = run(CELLS)
    assert int(names["state"].g.step) == 6
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        str(step) for step in range(1, 7)
    ]
    pictures = [axis.images[0].get_array() for axis in plt.gcf().axes]
    assert len(pictures) == 40
    assert np.ptp(pictures[0]) > 0


def test_the_notebook_is_saved_with_what_it_showed():
    outputs = [output for cell in NOTEBOOK["cells"] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)
