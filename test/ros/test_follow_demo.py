"""`python tools/demo follow`, cut short: it leaves a video and figures, and says what failed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')

DEMO = Path(__file__).resolve().parents[2] / 'tools/demo'


# What `make demo-follow` does not install cannot be found, in the processes that it starts neither.
ABSENT = """
from importlib.machinery import PathFinder
found = PathFinder.find_spec
def find_spec(name, path=None, target=None):
    absent = name.split('.')[0] in ('torch', 'scipy', 'pytest')
    return None if absent else found(name, path, target)
PathFinder.find_spec = find_spec
"""


def test_an_episode_without_a_return_fails_and_leaves_its_video(tmp_path):
    command = [sys.executable, str(DEMO), 'follow', '--seconds', '2', '--output', str(tmp_path)]
    absent = tmp_path / 'absent'
    absent.mkdir()
    (absent / 'sitecustomize.py').write_text(ABSENT)
    path = os.pathsep.join([str(absent), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240.0,
        env={**os.environ, 'PYTHONPATH': path},
    )
    text = done.stdout + done.stderr
    log = (tmp_path / 'log/tracker.log').read_text()
    assert 'ONNX Runtime' in log, text
    # A demo beside it sent images of its own clock to a tracker of the same name.
    assert re.search(r'siamla_demo_\d+\.tracker', log), log
    assert done.returncode == 1 and 'Traceback' not in text, text
    failures = [line for line in text.splitlines() if line.startswith('failed: ')]
    assert 'failed: the target was not followed again after its return' in failures, text
    assert not any('before it was enabled' in line for line in failures), text
    figures = json.loads((tmp_path / 'summary.json').read_text())
    assert figures['return_to_following_s'] is None and figures['collisions'] == 0
    video = cv2.VideoCapture(str(tmp_path / 'follow.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 28  # 15 a second, answers two steps late
    assert {path.stem for path in (tmp_path / 'log').iterdir()} == {
        'tracker',
        'target_pose',
        'follow_target',
    }
