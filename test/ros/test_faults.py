"""Faults of peers and transport over real DDS: named in diagnostics, and let go of afterwards."""

import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.graph import spun, wait_until
from support.scenes import SIDE, picture
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import detection_message, stamp_ns_of
from siamla_ros.ros.outputs import image_message

DOUBLES = str(Path(__file__).resolve().parents[1] / 'support/ros_doubles.py')
OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'
LIMIT_S = 60.0


def told(graph, part, level, words):
    """Wait until the newest diagnostics of a part (source or tracker) say so; the status."""
    index = ('source', 'tracker').index(part)

    def newest():
        letters = list(graph.mail['diagnostics'])
        status = letters[-1].status[index] if letters else None
        right = status is not None and status.level == level and words in status.message
        return status if right else None

    return wait_until(newest, f'diagnostics of the {part} do not say {words!r}', 30.0)


def value(status, key):
    """One value of a diagnostic status."""
    return next(pair.value for pair in status.values if pair.key == key)


@pytest.fixture
def viewer(graph):
    """Makes subscriptions of the tester, destroyed at the end of the test."""
    made = []

    def make(kind, topic, profile):
        group = MutuallyExclusiveCallbackGroup()
        made.append(
            graph.node.create_subscription(
                kind, topic, lambda _: None, profile, callback_group=group
            )
        )
        return made[-1]

    yield make
    for subscription in made:
        graph.node.destroy_subscription(subscription)


def test_a_qos_problem_ends_with_the_peer_that_has_it(graph, viewer):
    """A RELIABLE viewer of the debug image was reported for ever, as a fault of the camera."""
    subscription = viewer(Image, 'tracker/debug_image', qos.result())
    told(graph, 'tracker', WARN, 'debug_image cannot talk to this node')
    time.sleep(2.5)  # past the time in which the graph may lag behind the event
    graph.see(100)
    told(graph, 'tracker', WARN, 'debug_image cannot talk to this node')
    graph.see(100)
    told(graph, 'source', OK, 'images a second')
    graph.node.destroy_subscription(subscription)
    told(graph, 'tracker', OK, 'no target')
    viewer(Image, 'tracker/debug_image', qos.result())
    told(graph, 'tracker', WARN, 'debug_image cannot talk to this node')


def test_an_image_that_cannot_be_deserialized_is_counted_and_named(graph):
    graph.start(100)
    before = graph.tracker.stats.snapshot().counts.get('bad_image', 0)
    graph.mail['diagnostics'].clear()
    whole = serialize_message(image_message(graph.header(), picture(100)))
    for _ in range(20):
        graph.image_out.publish(whole[:60])
        time.sleep(0.05)
    status = told(graph, 'source', ERROR, 'cannot be deserialized')
    assert 'images came, all bad' in status.message or 'could not be used' in status.message
    counts = graph.tracker.stats.snapshot().counts
    assert counts['bad_image'] > before and int(value(status, 'bad images')) > before
    assert graph.see(100)[0].detections, 'the next good image is processed'


def test_a_low_rate_that_was_asked_for_is_not_taken_for_silence(graph):
    graph.set('source_timeout_s', 0.25)
    graph.set('max_rate_hz', 1.0)
    graph.start(100)
    graph.mail['diagnostics'].clear()
    graph.mail['status'].clear()
    answered = len(graph.mail['detections'])
    end_s = time.monotonic() + 10.0
    while len(graph.mail['detections']) < answered + 3 and time.monotonic() < end_s:
        graph.show(100)
        time.sleep(0.05)
    messages = {s.message for a in list(graph.mail['diagnostics']) for s in a.status}
    assert messages and not any('no image' in text or 'without' in text for text in messages)
    reasons = {status.reason for status in list(graph.mail['status'])}
    assert TrackStatus.REASON_STALE not in reasons, reasons
    graph.set('max_rate_hz', 0.0)
    graph.set('source_timeout_s', 2.0)


def test_a_dead_camera_shows_on_the_part_of_the_tracker_and_on_status(graph):
    graph.set('source_timeout_s', 0.5)
    graph.start(100)
    last_ns = graph.stamp_ns
    graph.mail['status'].clear()
    graph.mail['diagnostics'].clear()
    told(graph, 'tracker', WARN, 'targets held without images for')
    told(graph, 'source', WARN, 'no image on')
    status = wait_until(lambda: list(graph.mail['status']), 'nothing on status')[-1]
    assert (status.id, status.state) == ('red', TrackStatus.UNCERTAIN)
    assert stamp_ns_of(status.header.stamp) <= last_ns, 'the header of the last image'
    graph.set('source_timeout_s', 2.0)
    wait_until(lambda: graph.see(100)[0].detections, 'not confirmed again')
    told(graph, 'tracker', OK, '1 TRACKING')


def test_two_publishers_on_one_topic_are_named_until_one_leaves(graph):
    other = Node('second_camera', namespace=graph.namespace)
    other.create_publisher(Image, 'image', qos.image_out())

    def warned():
        graph.see(100)
        letters = list(graph.mail['diagnostics'])
        return [a for a in letters if '/second_camera' in a.status[0].message]

    with spun(other):
        status = wait_until(warned, 'not named')[-1].status[0]
        assert status.level == WARN and status.message.startswith('2 publishers on ')
        assert f'{graph.namespace}/tester' in status.message

    def settled():
        graph.see(100)
        return graph.mail['diagnostics'][-1].status[0].level == OK

    wait_until(settled, 'still named')


class Child:
    """A tracker node in a process of its own, and the tester that talks to it."""

    def __init__(self, kind, log, *arguments):
        self.log, namespace = log, f'/{log.stem}'
        with log.open('w') as out:
            self.process = subprocess.Popen(
                [sys.executable, DOUBLES, kind, '--ros-args', '-r', f'__ns:={namespace}']
                + list(arguments),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.node = Node('tester', namespace=namespace)

    def says(self, words):
        wait_until(lambda: words in self.log.read_text(), f'does not say {words!r}', LIMIT_S)


@pytest.fixture
def child(ros, tmp_path):
    """Makes children, spun; none survives the test."""
    with ExitStack() as stack:
        made = []

        def make(kind, *arguments):
            made.append(Child(kind, tmp_path / f'child{len(made)}.log', *arguments))
            stack.enter_context(spun(made[-1].node))
            stack.callback(made[-1].process.wait)
            stack.callback(made[-1].process.kill)
            made[-1].says('active: waiting for images')
            return made[-1]

        yield make


def follow_until_it_hangs(tracker):
    """Two updates are answered, and then no image any more."""
    images = tracker.node.create_publisher(Image, 'image', qos.image_out())
    init = tracker.node.create_publisher(Detection2D, 'init', qos.command())
    statuses = []
    tracker.node.create_subscription(TrackStatus, 'status', statuses.append, qos.result())
    wait_until(lambda: init.get_subscription_count(), 'init not matched')
    init.publish(detection_message(Header(), (100, 100, SIDE, SIDE), 1.0, 'red', ''))
    number = 0

    def hangs():
        nonlocal number
        number += 1
        header = Header()
        header.stamp.sec, header.stamp.nanosec = divmod(10**9 * 1000 + number * 33_000_000, 10**9)
        images.publish(image_message(header, picture(100)))
        time.sleep(0.05)
        return len([status for status in statuses if status.id]) >= 3

    wait_until(hangs, 'never followed')
    for _ in range(5):
        hangs()


def test_signals_during_a_forward_pass_that_hangs_end_the_process(child):
    """SIGINT and SIGTERM, at once: the node waits some seconds for the pass."""
    trackers = {how: child('hanging') for how in (signal.SIGINT, signal.SIGTERM)}
    for how, tracker in trackers.items():
        follow_until_it_hangs(tracker)
        tracker.process.send_signal(how)
    for how, tracker in trackers.items():
        text = tracker.log.read_text
        assert tracker.process.wait(30.0) == 0, (how, text())
        assert 'the tracker did not return within' in text() and 'Traceback' not in text(), text()


def test_a_shutdown_by_a_stranger_ends_the_process_so_that_it_can_be_started_again(child):
    """The process lived on, finalized: no transition leads out of that."""
    tracker = child('identity')
    client = tracker.node.create_client(ChangeState, 'tracker/change_state')
    assert client.wait_for_service(timeout_sec=LIMIT_S)
    request = ChangeState.Request()
    request.transition.id = Transition.TRANSITION_ACTIVE_SHUTDOWN

    def ended():
        """Asked again: a request that comes before the activation has ended is refused."""
        client.call_async(request)
        time.sleep(0.5)
        return tracker.process.poll() is not None

    wait_until(ended, 'lives on')
    assert tracker.process.wait() == 1
    text = tracker.log.read_text()
    assert 'shut down by a lifecycle transition' in text and 'Traceback' not in text, text


def test_misspelt_parameters_are_named(child, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text(
        '/**:\n'
        '  ros__parameters:\n'
        '    supervisor: {hig_threshold: 0.8}\n'
        '    exposure_us: 5000\n'
        '    use_sim_time: false\n'
        '    qos_overrides: {/child/image: {subscription: {depth: 3}}}\n'
        '    max_targets: 3\n'
    )
    tracker = child('identity', '--params-file', str(file), '-p', 'redetection.mod:=off')
    lines = [line for line in tracker.log.read_text().splitlines() if 'unknown parameter' in line]
    assert len(lines) == 3, lines
    assert "'supervisor.hig_threshold' ignored: is 'supervisor.high_threshold' meant?" in ''.join(
        line for line in lines if 'WARN' in line
    )
    assert any("'redetection.mod' ignored: is 'redetection.mode'" in line for line in lines)
    assert any('INFO' in line and "'exposure_us' ignored" in line for line in lines), lines
    assert tracker.process.poll() is None
