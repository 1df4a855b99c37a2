"""What tests of training share."""

from __future__ import annotations

import pytest


@pytest.fixture
def one_thread():
    """Sums in the same order every time."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
