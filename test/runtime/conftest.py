"""Small networks on one thread: beside other work two wait for each other longer than they work."""

import sys

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """Where torch is loaded; it stays out of tests that need none."""
    torch = sys.modules.get('torch')
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
