"""Most of these tests are about files and flags: what they compile need not run fast."""

import pytest
from networks import compilation


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    with compilation(optimized=False):
        yield


@pytest.fixture
def as_users_run_it():
    with compilation(optimized=True):
        yield
