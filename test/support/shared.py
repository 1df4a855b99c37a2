"""The folder of data beside the repository, which tests may use where it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / 'shared'


def shared_path(name: str) -> Path:
    """A file or folder of ../shared; the calling test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f'needs ../shared/{name}')
    return path
