"""Recorder and camera among bad input: one line says what is wrong, and what is good is kept."""

import json
import math
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.graph import spun, wait_until
from support.scenes import Film, picture
from vision_msgs.msg import Detection2DArray

from siamla_ros.datasets.video import FrameSource
from siamla_ros.msg import TrackStatus
from siamla_ros.online.recording import StatusSample
from siamla_ros.ros import qos
from siamla_ros.ros.camera_node import CameraNode
from siamla_ros.ros.messages import box_message, detection_message, time_message
from siamla_ros.ros.outputs import image_message
from siamla_ros.ros.recorder_node import RecorderNode, plain_text
from siamla_ros.supervision.supervisor import State

LIMIT_S = 60.0
NAN = float('nan')


class Recording:
    """A recorder, and a stranger who publishes what it subscribes."""

    def __init__(self, recorder, stranger):
        self.recorder, self._stamp_ns = recorder, time.time_ns()
        self._out = {
            'image': stranger.create_publisher(Image, 'image', qos.image_out()),
            'detections': stranger.create_publisher(Detection2DArray, 'detections', qos.result()),
            'status': stranger.create_publisher(TrackStatus, 'status', qos.result()),
        }
        for publisher in self._out.values():
            wait_until(publisher.get_subscription_count, 'not matched')

    def header(self):
        return Header(stamp=time_message(self._stamp_ns), frame_id='camera')

    def show(self, image=None, detections=(), **changes):
        """An image with its detections; `changes` of the message make it a bad one."""
        self._stamp_ns += 33_000_000
        message = image_message(self.header(), picture(100) if image is None else image)
        for name, value in changes.items():
            setattr(message, name, value)
        before = self.recorder._summary.images
        self._out['image'].publish(message)
        wait_until(lambda: self.recorder._summary.images > before, 'no image')
        array = Detection2DArray(header=self.header(), detections=list(detections))
        self._out['detections'].publish(array)

    def tell(self, **fields):
        """A status of the last image."""
        values = {'id': 'red', 'state': 1, 'bbox': box_message((9, 9, 20, 20))}
        self._out['status'].publish(TrackStatus(header=self.header(), **{**values, **fields}))

    def finish(self):
        """The figures, after the end."""
        self.recorder.close()
        return json.loads(open(self.recorder._values['summary']).read())


@pytest.fixture
def recording(ros, tmp_path):
    values = {'output': tmp_path / 'out.mp4', 'summary': tmp_path / 'sum.json', 'patience': 0.2}
    options = [
        Parameter(name, value=value if name == 'patience' else str(value))
        for name, value in values.items()
    ]
    node = RecorderNode(namespace='/recording', parameter_overrides=options)
    with spun(node) as recorder, spun(Node('stranger', namespace='/recording')) as stranger:
        yield Recording(recorder, stranger)


HOSTILE = [
    {'state': 99},
    {'confidence': NAN},
    {'bbox': box_message((NAN, 0, 9, 9))},
    {'has_predicted': True, 'predicted_bbox': box_message((0, float('inf'), 9, 9))},
    {'id': 'x' * 1000},
]


def test_bad_images_and_statuses_are_counted_and_the_video_goes_on(recording, capfd):
    bad = detection_message(recording.header(), (NAN, 0, 9, 9), NAN, 'a\x1b[2J' + 'x' * 9999, '')
    for _ in range(5):
        recording.show(detections=[bad])
        recording.tell()
    recording.show(data=b'\0' * 100)
    recording.show(encoding='rgb9')
    for fields in HOSTILE:
        recording.tell(**fields)
    for _ in range(5):
        recording.show()
        recording.tell()
    wait_until(lambda: recording.recorder._summary.answers == 12, 'not answered')
    wait_until(lambda: recording.recorder._refused == {'images': 2, 'statuses': 5}, 'not refused')
    assert recording.recorder.thread.is_alive()
    figures = recording.finish()
    assert (figures['images_received'], figures['video_frames']) == (12, 10)
    assert (figures['images_refused'], figures['statuses_refused']) == (2, 5)
    assert figures['states'] == {'TRACKING': 10} and recording.recorder.exit_code == 0
    with FrameSource(recording.recorder._values['output']) as source:
        assert len(list(source)) == 10
    printed = capfd.readouterr().out
    assert '\x1b[2J' not in printed and 'a\\x1b[2J' in printed and 'x' * 200 not in printed


def test_boxes_are_not_drawn_on_images_of_another_size(recording, monkeypatch):
    """An image that was not processed shows the boxes of the one before, unless that was larger."""
    drawn = []
    monkeypatch.setattr(
        'siamla_ros.ros.recorder_node.overlay.draw',
        lambda image, marks, *_: drawn.append((image.shape[1], len(marks))) or image,
    )
    sample = StatusSample('red', State.TRACKING, 0.9, (200.0, 100.0, 40.0, 40.0), True)
    film, recorder = Film(), recording.recorder
    recorder._draw(film.shoot(100), [sample], True)
    recorder._draw(film.shoot(100), [], False)
    recorder._draw(film.shoot(20, y=20, width=160, height=120), [], False)
    recorder._draw(film.shoot(100), [], False)
    assert drawn == [(320, 1), (320, 1), (160, 0), (320, 0)]


def test_a_full_disk_ends_the_video_and_not_the_recording(recording):
    pytest.importorskip('av')
    resource = pytest.importorskip('resource')
    rng = np.random.default_rng(0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        for _ in range(60):
            recording.show(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
            recording.tell()
        wait_until(lambda: recording.recorder._video_error, 'not noticed')
        assert recording.recorder.thread.is_alive()
        figures = recording.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 'too large' in figures['video_error'] and recording.recorder.exit_code == 1
    assert figures['images_received'] == 60 and 0 < figures['video_frames'] < 60
    with FrameSource(recording.recorder._values['output']) as source:
        assert len(list(source)) > 0


@pytest.mark.parametrize('name', ['output', 'summary'])
def test_what_cannot_be_written_is_refused_at_the_start(ros, tmp_path, name):
    (tmp_path / 'file').write_text('')
    path = tmp_path / 'file' / 'out.mp4'
    with pytest.raises(ValueError, match=f"{name} is '.*out.mp4', which cannot be written"):
        RecorderNode(namespace='/bad', parameter_overrides=[Parameter(name, value=str(path))])


def test_a_look_whether_a_file_can_be_written_leaves_none(recording, tmp_path):
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'text, shown', [('red 1', 'red 1'), ('a\nb', 'a\\nb'), ('x' * 200, 'x' * 128 + '...')]
)
def test_texts_from_outside_are_made_plain(text, shown):
    assert plain_text(text) == shown


def camera(folder, *more):
    """The node as a process; exit code, and what it printed."""
    command = [sys.executable, '-m', 'siamla_ros.ros.camera_node', '--ros-args']
    values = {'source': folder, 'rate': 100.0, 'linger': 0.0}
    for name, value in values.items():
        command += ['-p', f'{name}:={value}']
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S
    )
    return result.returncode, result.stdout


def test_one_bad_file_of_a_folder_is_skipped_and_counted(tmp_path):
    for number in (0, 1, 3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), picture(100))
    (tmp_path / '2.png').write_bytes(b'')
    code, text = camera(tmp_path)
    assert code == 0 and 'published 3 images, 1 skipped' in text and '2.png' in text
    assert 'Traceback' not in text


def test_a_folder_of_an_empty_image_ends_the_camera_with_one_line(tmp_path):
    (tmp_path / '0.png').write_bytes(b'')
    code, text = camera(tmp_path)
    assert code == 1 and 'none of 1 images can be read' in text and '0.png' in text
    assert 'Traceback' not in text


def test_a_camera_that_stops_ends_the_node_with_the_reason(ros, tmp_path):
    cv2.imwrite(str(tmp_path / '0.png'), picture(100))
    values = {'source': str(tmp_path), 'loop': True, 'rate': 50.0, 'linger': 0.0}
    options = [Parameter(name, value=value) for name, value in values.items()]
    with spun(CameraNode(namespace='/stops', parameter_overrides=options)) as node:
        wait_until(lambda: node.published > 2, 'nothing published')
        (tmp_path / '0.png').write_bytes(b'')
        wait_until(lambda: node.finished, 'goes on without images')
        assert node.exit_code == 1 and node.thread.is_alive()


def test_a_recorder_that_is_killed_leaves_a_video(tmp_path):
    pytest.importorskip('av')
    folder = tmp_path / 'clip'
    folder.mkdir()
    for number in range(10):
        cv2.imwrite(str(folder / f'{number}.png'), picture(40 + 5 * number))
    output, log = tmp_path / 'out.mp4', (tmp_path / 'log').open('w')
    arguments = ['--ros-args', '-p', f'output:={output}', '-p', 'patience:=0.0']
    recorder = subprocess.Popen(
        [sys.executable, '-m', 'siamla_ros.ros.recorder_node', *arguments],
        stdout=log,
        stderr=log,
    )
    values = {'source': folder, 'rate': 60.0, 'loop': 'true', 'wait_for_subscribers': 1}
    command = [sys.executable, '-m', 'siamla_ros.ros.camera_node', '--ros-args']
    for name, value in values.items():
        command += ['-p', f'{name}:={value}']
    source = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: output.exists() and output.stat().st_size > 20_000, 'no video', LIMIT_S)
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
        with FrameSource(output) as shown:
            assert len(list(shown)) >= 5, 'whole parts of it play'
    finally:
        for child in (recorder, source):
            child.kill()
            child.wait()
        log.close()


@pytest.mark.parametrize(
    ('name', 'value'),
    [('rate', 1e-300), ('rate', math.inf), ('linger', 1e300), ('start_delay', math.inf)],
)
def test_a_time_that_no_timer_has_is_refused_at_the_start(ros, tmp_path, name, value):
    cv2.imwrite(str(tmp_path / '0.png'), picture(100))
    given = {'source': str(tmp_path), name: value}
    overrides = [Parameter(key, value=item) for key, item in given.items()]
    with pytest.raises(ValueError, match=f'{name} is .*, must be'):
        CameraNode(namespace='/bad', parameter_overrides=overrides)


@pytest.mark.parametrize(
    ('name', 'value'), [('rate', 1e300), ('rate', 1e-300), ('patience', math.inf)]
)
def test_a_recorder_refuses_a_rate_that_no_video_has(ros, tmp_path, name, value):
    given = {'output': str(tmp_path / 'out.mp4'), name: value}
    overrides = [Parameter(key, value=item) for key, item in given.items()]
    with pytest.raises(ValueError, match=f'{name} is .*, must'):
        RecorderNode(namespace='/bad', parameter_overrides=overrides)
