"""Nothing is written under HOME, and no host is looked up, by import, loading and tracking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')
PROGRAM = """
import sys
calls = []
sys.addaudithook(lambda name, args: name.startswith('socket.') and calls.append((name, args)))
import numpy as np
import siamla_ros
tracker = siamla_ros.load_tracker(device='cpu', runtime='onnxruntime')
image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
state = tracker.init(image, (50, 50, 40, 40))
tracker.update(image, [state])
assert not calls, calls
"""


def test_import_and_tracking_leave_no_trace(tmp_path: Path):
    environment = {k: v for k, v in os.environ.items() if k != 'ORT_DISABLE_TELEMETRY'}
    environment |= {'HOME': str(tmp_path), 'XDG_CACHE_HOME': str(tmp_path / 'cache')}
    environment['PYTHONPATH'] = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, '-c', PROGRAM], env=environment, check=True, cwd=tmp_path)
    assert [str(path) for path in tmp_path.rglob('*')] == []
