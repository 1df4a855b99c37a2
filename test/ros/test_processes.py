"""Separate processes: the demo's graph, signals, bad starts, and large images with the profile."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
from support.processes import LIMIT_S, parameters
from support.scenes import SIDE, picture

from siamla_ros.online.dds_profile import profile_variables

DOUBLES = str(Path(__file__).resolve().parents[1] / 'support/ros_doubles.py')


@pytest.fixture
def clip(tmp_path):
    """A folder of 60 images: a square that stands for ten of them, so that a busy tracker may miss
    the first ones, and then moves to the right.
    """
    folder = tmp_path / 'clip'
    folder.mkdir()
    for index in range(60):
        cv2.imwrite(str(folder / f'{index:03d}.png'), picture(40 + 3 * max(index - 10, 0)))
    return folder


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_cleanly(spawn, how):
    tracker = spawn('tracker', DOUBLES, 'identity')
    tracker.says('active: waiting for images')
    assert tracker.end(how) == 0
    assert 'Traceback' not in tracker.text and 'rror' not in tracker.text, tracker.text


def test_the_graph_of_the_demo(spawn, clip, tmp_path):
    tracker = spawn('tracker', DOUBLES, 'color')
    tracker.says('active: waiting for images')
    recorder = spawn(
        'recorder',
        'recorder_node',
        *parameters(
            output=tmp_path / 'out.mp4', summary=tmp_path / 'sum.json', stop_after_silence=3.0
        ),
    )
    box = spawn('box', 'init_box', f'40,100,{SIDE},{SIDE}', '--id', 'red', '--next-image')
    box.says('waiting for the next image')
    # The delay: DDS may tell the viewers of the camera seconds after it told the camera of them.
    camera = spawn(
        'camera',
        'camera_node',
        *parameters(source=clip, rate=10.0, wait_for_subscribers=2, start_delay=4.0),
    )
    assert camera.child.wait(LIMIT_S) == 0 and 'published 60 images' in camera.text
    assert box.child.wait(LIMIT_S) == 0 and "target 'red' has begun" in box.text, box.text
    assert recorder.child.wait(LIMIT_S) == 0, recorder.text
    assert tracker.end() == 0
    figures = json.loads((tmp_path / 'sum.json').read_text())
    assert figures['images_received'] >= 55 and figures['images_processed'] >= 45
    assert figures['images_with_detection'] >= 40, (figures, tracker.text)
    assert figures['video_frames'] == figures['images_received']
    assert 0.0 < figures['latency_p50_ms'] < 1000.0
    assert ' red  x ' in recorder.text and 'score' in recorder.text
    video = cv2.VideoCapture(str(tmp_path / 'out.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == figures['video_frames']
    for process in (tracker, recorder, box, camera):
        assert 'Traceback' not in process.text, process.text


def test_large_images_arrive_with_the_shipped_profile(spawn, tmp_path):
    folder = tmp_path / 'large'
    folder.mkdir()
    for index in range(5):
        cv2.imwrite(str(folder / f'{index}.png'), picture(width=1280, height=720))
    names = profile_variables(os.environ['ROS_DISTRO'])
    assert {Path(os.environ[name]).name for name in names} == {'fastdds_profile.xml'}
    recorder = spawn(
        'recorder',
        'recorder_node',
        *parameters(summary=tmp_path / 'sum.json', stop_after_silence=2.0),
    )
    camera = spawn(
        'camera',
        'camera_node',
        *parameters(source=folder, rate=10.0, loop='true', max_frames=30, wait_for_subscribers=1),
    )
    assert camera.child.wait(LIMIT_S) == 0 and recorder.child.wait(LIMIT_S) == 0
    figures = json.loads((tmp_path / 'sum.json').read_text())
    assert 'published 30 images' in camera.text
    assert figures['images_received'] >= 28


@pytest.mark.parametrize(
    'values, words',
    [
        ({'max_targets': 0}, 'max_targets'),
        ({'supervisor.low_threshold': 0.99}, 'must not exceed high_threshold'),
        ({'image_transport': 'theora'}, "'theora', must be one of raw, compressed"),
    ],
)
def test_a_bad_parameter_at_the_start_ends_the_node_with_a_reason(spawn, values, words):
    tracker = spawn('tracker', DOUBLES, 'identity', *parameters(**values))
    assert tracker.child.wait(LIMIT_S) == 1
    assert words in tracker.text and 'Traceback' not in tracker.text, tracker.text


@pytest.mark.parametrize(
    'values, words',
    [({'source': '/nowhere.mp4'}, '/nowhere.mp4 is no file'), ({'encoding': 'rgb9'}, "'rgb9'")],
)
def test_a_camera_that_cannot_start_says_why(spawn, values, words):
    camera = spawn('camera', 'camera_node', *parameters(**values))
    assert camera.child.wait(LIMIT_S) == 1
    assert words in camera.text and 'Traceback' not in camera.text, camera.text


def test_init_box_ends_when_nobody_listens_and_refuses_what_is_no_box(spawn):
    alone = spawn('alone', 'init_box', '1,2,3,4', '--timeout', '0.5')
    wrong = spawn('wrong', 'init_box', '1,2,3')
    assert alone.child.wait(LIMIT_S) == 1 and 'nobody subscribed to /init' in alone.text
    assert wrong.child.wait(LIMIT_S) == 2 and 'x,y,w,h' in wrong.text


def test_missing_weights_and_absent_cuda_leave_a_node_that_says_so(spawn, tmp_path):
    """The real tracker: nothing hangs, and the node can be asked why."""
    torch = pytest.importorskip('torch', reason='torch is not installed')
    damaged = tmp_path / 'damaged.safetensors'
    damaged.write_bytes(b'not weights')
    cases = {'damaged': ({'model': damaged}, 'damaged.safetensors')}
    if not torch.cuda.is_available():
        cases['cuda'] = ({'device': 'cuda'}, 'cuda')
    nodes = {
        name: spawn(name, 'tracker_node', *parameters(**values))
        for name, (values, _) in cases.items()
    }
    for name, node in nodes.items():
        node.says('cannot be configured')
        assert cases[name][1] in node.text
        time.sleep(0.3)
        assert node.child.poll() is None, 'it lives on'
        assert node.end() == 0 and 'Traceback' not in node.text, node.text


def test_the_real_tracker_follows_a_square(spawn, clip, tmp_path):
    pytest.importorskip('torch', reason='torch is not installed')
    tracker = spawn('tracker', 'tracker_node', *parameters(device='cpu'))
    tracker.says('active: waiting for images')
    recorder = spawn(
        'recorder',
        'recorder_node',
        *parameters(summary=tmp_path / 'sum.json', stop_after_silence=3.0),
    )
    box = spawn('box', 'init_box', f'40,100,{SIDE},{SIDE}', '--next-image')
    box.says('waiting for the next image')
    camera = spawn(
        'camera',
        'camera_node',
        *parameters(source=clip, rate=5.0, wait_for_subscribers=2, start_delay=4.0),
    )
    assert camera.child.wait(LIMIT_S) == box.child.wait(LIMIT_S) == 0
    assert recorder.child.wait(LIMIT_S) == 0 and tracker.end() == 0
    figures = json.loads((tmp_path / 'sum.json').read_text())
    assert figures['images_with_detection'] >= 30, (figures, tracker.text)
    last = [line for line in recorder.text.splitlines() if ' target ' in line][-1]
    x = float(last.split(' x ')[1].split()[0])
    assert x > 150.0, last
