"""What is imported before the first box."""

from __future__ import annotations

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
    assert result.stdout.split() == ['onnxruntime', 'False'], result.stderr
