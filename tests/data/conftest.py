"""Fixtures of all tests of the data: no network, and a separate cache."""

import pytest

from jaxgan.data import network


@pytest.fixture(autouse=True)
def no_network(monkeypatch, request):
    """Make the check for a network fail, as if the cable were unplugged."""
    if "test_data_network" not in request.node.nodeid:
        monkeypatch.setattr(network, "answers", lambda *_: False)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """Keep the user's own cache out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg_cache"))
    return tmp_path / "xdg_cache" / "jaxgan" / "data"
