"""Most of these tests are about files and flags: what they compile need not run fast."""

import pytest
from networks import compilation


@pytest.fixture(autouse=True, scope="package")
def quick_compilation():
    with compilation(optimised=False):
        yield


@pytest.fixture
def as_users_run_it():
    with compilation(optimised=True):
        yield
