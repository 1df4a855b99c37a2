"""What is imported before the first box."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
from siamla_ros import load_tracker

tracker = load_tracker(device="cpu", threads=1)
image = np.zeros((120, 160, 3), np.uint8)
state = tracker.init(image, (40, 40, 30, 30))
tracker.update(image, [state])
print(tracker.description["runtime"], "torch" in sys.modules)
"""


def test_onnx_runtime_starts_without_torch():
    """Importing torch takes longer than all else before the first box."""
    pytest.importorskip('onnxruntime')
    result = subprocess.run([sys.executable, '-c', SCRIPT], capture_output=True, text=True)
    name, torch_imported = result.stdout.split()
    assert name.startswith('onnxruntime') and torch_imported == 'False', result.stderr


@pytest.mark.parametrize(('given', 'expected'), [(None, 'passive'), ('active', 'active')])
def test_threads_of_torch_do_not_spin_unless_asked_to(given, expected):
    """OpenMP reads it when torch is imported: it must be there by then, and be the user's."""
    environment = {k: v for k, v in os.environ.items() if k != 'OMP_WAIT_POLICY'}
    if given:
        environment['OMP_WAIT_POLICY'] = given
    script = (
        'import os, sys, siamla_ros; print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules)'
    )
    result = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, env=environment
    )
    assert result.stdout.split() == [expected, 'False'], result.stderr
