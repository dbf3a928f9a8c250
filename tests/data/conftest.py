"""What every test of the data needs: no network, and a cache of its own."""

import pytest

from jaxgan.data import network


@pytest.fixture(autouse=True)
def no_network(monkeypatch, request):
    """Makes the question for the network answer no, as if the cable were out."""
    if "test_data_network" not in request.node.nodeid:
        monkeypatch.setattr(network, "answers", lambda *_: False)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """Keeps the cache of whoever runs the tests out of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg_cache"))
    return tmp_path / "xdg_cache" / "jaxgan" / "data"
