"""Separate processes: the demo's graph, signals, bad starts, and large images with the profile."""

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
from support.processes import LIMIT_S, Process, parameters
from support.scenes import SIDE, picture

from siamla_ros.online.dds_profile import profile_variables

DOUBLES = str(Path(__file__).resolve().parents[1] / 'support/ros_doubles.py')


TRACKERS = {'double': (DOUBLES, 'color'), 'real': ('-m', 'siamla_ros.ros.tracker_node')}
RATES_HZ = {'double': 10.0, 'real': 5.0}
# The service answers when it begins to catch up, which the network may do for long.
BOX_BY = {'double': [], 'real': ['--service', 'tracker/init_target']}
BEGUN = {'double': "target 'red' has begun", 'real': 'accepted'}


class Demo:
    """The graph of the demo as processes in a namespace of their own: tracker, recorder, box."""

    def __init__(self, kind, folder):
        self.folder, self.place = folder, ['-r', f'__ns:=/{kind}']
        self.running, self.rate, self.box_by = {}, RATES_HZ[kind], BOX_BY[kind]
        self.start('tracker', *TRACKERS[kind], *parameters(device='cpu'))
        self['tracker'].says('active: waiting for images')

    def start(self, name, *command):
        self.running[name] = Process(self.folder, name, *command, *self.place)

    def __getitem__(self, name):
        return self.running[name]

    def watch(self):
        files = {'output': self.folder / 'out.mp4', 'summary': self.folder / 'sum.json'}
        values = parameters(stop_after_silence=3.0, **files)
        self.start('recorder', '-m', 'siamla_ros.ros.recorder_node', *values)
        given = [f'40,100,{SIDE},{SIDE}', '--id', 'red', '--next-image', *self.box_by]
        given += ['--timeout', str(LIMIT_S), '--ros-args']
        self.start('box', '-m', 'siamla_ros.ros.init_box', *given)
        self['box'].says('waiting for the next image')

    def film(self, clip):
        # DDS may tell the viewers of the camera seconds after it told the camera of them.
        values = {'source': clip, 'rate': self.rate, 'wait_for_subscribers': 2, 'start_delay': 4.0}
        self.start('camera', '-m', 'siamla_ros.ros.camera_node', *parameters(**values))

    def end(self):
        for process in (self['camera'], self['box'], self['recorder']):
            process.child.wait(LIMIT_S)
        self['tracker'].end()
        self.figures = json.loads((self.folder / 'sum.json').read_text())


@pytest.fixture(scope='module')
def demos(tmp_path_factory):
    """The graph of the demo with two trackers, at once: most of their time is waiting."""
    clip = tmp_path_factory.mktemp('clip')  # it stands for some images, which a busy tracker misses
    for index in range(50):
        cv2.imwrite(str(clip / f'{index:03d}.png'), picture(40 + 3 * max(index - 10, 0)))
    made = {}
    try:
        for kind in TRACKERS if importlib.util.find_spec('torch') else ['double']:
            made[kind] = Demo(kind, tmp_path_factory.mktemp(kind))
        for step in (Demo.watch, lambda demo: demo.film(clip), Demo.end):
            for demo in made.values():
                step(demo)
        yield made
    finally:
        for process in [child for demo in made.values() for child in demo.running.values()]:
            process.child.kill()
            process.child.wait()


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_cleanly(spawn, how):
    tracker = spawn('tracker', DOUBLES, 'identity')
    tracker.says('active: waiting for images')
    assert tracker.end(how) == 0
    assert 'Traceback' not in tracker.text and 'rror' not in tracker.text, tracker.text


@pytest.mark.parametrize('kind', TRACKERS)
def test_the_graph_of_the_demo(demos, kind):
    if kind == 'real':
        pytest.importorskip('torch', reason='torch is not installed')
    demo = demos[kind]
    codes = {name: process.child.returncode for name, process in demo.running.items()}
    assert codes == dict.fromkeys(codes, 0), [process.text for process in demo.running.values()]
    assert len(codes) == 4 and 'published 50 images' in demo['camera'].text
    assert BEGUN[kind] in demo['box'].text, demo['box'].text
    counts = ('images_with_detection', 'images_processed', 'images_received')
    confirmed, processed, received = (demo.figures[name] for name in counts)
    assert 0 < confirmed <= processed <= 50, (demo.figures, demo['tracker'].text)
    assert 0 < received <= 50, demo.figures
    assert demo.figures['video_frames'] == received and demo.figures['latency_p50_ms'] > 0.0
    video = cv2.VideoCapture(str(demo.folder / 'out.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == demo.figures['video_frames']
    last = [line for line in demo['recorder'].text.splitlines() if ' red  x ' in line][-1]
    assert 'score' in last and float(last.split(' x ')[1].split()[0]) > 130.0, last
    for process in demo.running.values():
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


@pytest.mark.parametrize('node', [['camera_node'], ['init_box', '1,2,30,40']])
@pytest.mark.parametrize(
    ('given', 'words'),
    [
        (['--params-file', '/nowhere.yaml'], 'Error opening YAML file'),
        (['-p', 'source'], "override rule: '-p source'"),
        (['--parameter', 'source:=0'], '--parameter'),
    ],
)
def test_ros_arguments_that_cannot_be_read_are_one_line(spawn, node, given, words):
    wrong = spawn('wrong', *node, '--ros-args', *given)
    assert wrong.child.wait(LIMIT_S) == 1
    message = wrong.text.splitlines()[-1]
    assert message.startswith('error: --ros-args cannot be used: ') and words in message
    assert 'Traceback' not in wrong.text and '.c:' not in message, wrong.text


def test_init_box_ends_when_nobody_listens_and_refuses_what_is_no_box(spawn):
    alone = spawn('alone', 'init_box', '1,2,3,4', '--timeout', '0.5')
    wrong = spawn('wrong', 'init_box', '1,2,3')
    assert alone.child.wait(LIMIT_S) == 1 and 'nobody subscribed to /init' in alone.text
    assert 'does the tracker run, with this namespace and ROS_DOMAIN_ID?' in alone.text
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
        assert '`ros2 lifecycle set /tracker configure`, `activate`' in node.text
        time.sleep(0.3)
        assert node.child.poll() is None, 'it lives on'
        assert node.end() == 0 and 'Traceback' not in node.text, node.text
