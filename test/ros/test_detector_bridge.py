"""Tracker node and detector bridge in one graph: targets that return or are cleared."""

import time
from contextlib import ExitStack

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from lifecycle_msgs.msg import Transition
from rclpy.node import Node
from rclpy.parameter import Parameter
from support.graph import Graph, spun, wait_until
from support.scenes import SIDE
from vision_msgs.msg import Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online.init_requests import InitCode, InitRequest
from siamla_ros.ros import qos
from siamla_ros.ros.detector_bridge import DetectorBridge
from siamla_ros.ros.messages import box_of, detection_message


@pytest.fixture
def graph(ros):
    """A tracker without re-detection, whose bridges are started by `join`."""
    made = Graph('color', {'redetection__mode': 'off', 'reinit_request_period_s': 0.3})
    made.detector = made.node.create_publisher(Detection2DArray, 'candidates', qos.image_out())
    with ExitStack() as nodes:

        def join(**values):
            values = {'reach': 0.0, 'class_aliases': 'square=7', **values}
            node = DetectorBridge(
                namespace=made.namespace,
                parameter_overrides=[Parameter(name, value=v) for name, v in values.items()],
            )
            nodes.enter_context(spun(node))
            wait_until(made.detector.get_subscription_count, 'candidates not matched')
            wait_until(lambda: made.node.count_publishers('init') >= 2, 'init not matched')
            return node

        made.join = join
        yield made
    made.close()


def detect(graph, boxes):
    """What a detector says of the picture shown last."""
    header = graph.header()
    graph.detector.publish(
        Detection2DArray(
            header=header,
            detections=[detection_message(header, box, 0.8, '', label) for box, label in boxes],
        )
    )


def lose(graph):
    """A target that is followed, leaves, and is asked for."""
    graph.start(60)
    for x in range(63, 100, 3):
        graph.see(x)
        time.sleep(0.01)
    wait_until(lambda: graph.see(None)[1].state == TrackStatus.LOST, 'not lost')
    wait_until(lambda: graph.mail['reinit_request'], 'not asked')


def show_again(graph, images=12):
    """The target is in sight at x = 220, and the detector reports it; detections."""
    found = []
    for _ in range(images):
        detections, _ = graph.see(220)
        found += detections.detections
        detect(graph, [((220, 100, SIDE, SIDE), '7')])
        time.sleep(0.03)
    return found


@pytest.mark.parametrize('least', [0.0, 0.3], ids=['by place', 'by probability'])
def test_a_target_that_leaves_comes_back_unattended(graph, least):
    graph.join(min_probability=least)
    graph.start(60)
    for x in range(63, 100, 3):
        graph.see(x)
        detect(graph, [((x, 100, SIDE, SIDE), '7')])
        time.sleep(0.01)
    for _ in range(25):
        assert graph.see(None)[0].detections == []
        detect(graph, [((10, 10, SIDE, SIDE), '3')])  # of another class
    wait_until(lambda: graph.mail['reinit_request'], 'not asked')
    assert graph.see(None)[0].detections == [], 'another class is no answer'

    def back():
        detections, _ = graph.see(220)
        detect(graph, [((220, 100, SIDE, SIDE), '7'), ((30, 30, SIDE, SIDE), '3')])
        time.sleep(0.03)
        return detections.detections

    (detection,) = wait_until(back, 'not back')
    assert detection.id == 'red' and box_of(detection.bbox) == (220, 100, SIDE, SIDE)
    assert detection.results[0].hypothesis.class_id == 'square'
    wait_until(lambda: graph.mail['reinit_request'][-1].closed, 'the request stays open')
    assert graph.mail['reinit_request'][-1].reason == TrackStatus.REASON_REINITIALIZED


def test_the_box_of_another_target_is_no_answer_while_that_is_confirmed(graph):
    graph.join()
    lose(graph)
    status = graph.node.create_publisher(TrackStatus, 'status', qos.result())
    wait_until(lambda: status.get_subscription_count() >= 2, 'status not matched')
    twin = TrackStatus(id='twin', state=TrackStatus.TRACKING, confirmed=True)
    twin.bbox = detection_message(graph.header(), (221, 101, SIDE, SIDE), 0.8, '', '').bbox

    def shown():
        """The detections, after the detector and the status of the other one."""
        detections, _ = graph.see(220)
        twin.header = graph.header()
        status.publish(twin)
        time.sleep(0.03)
        detect(graph, [((220, 100, SIDE, SIDE), '7')])
        time.sleep(0.03)
        return detections.detections

    assert [found for _ in range(10) for found in shown()] == []
    twin.confirmed, twin.state = False, TrackStatus.LOST
    (detection,) = wait_until(shown, 'not back')
    assert detection.id == 'red'


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_cleared_target_does_not_come_back(graph, when):
    """Also by a bridge that starts after the clear, and by its latched request."""
    if when == 'before':
        graph.join()
    lose(graph)
    assert graph.clear().success
    bridge = graph.join() if when == 'after' else None
    assert show_again(graph) == []
    assert graph.tracker.engine.targets == {}
    last = wait_until(lambda: graph.mail['reinit_request'], 'no request')[-1]
    assert last.closed and last.id == 'red' and last.reason == TrackStatus.REASON_CLEARED
    if bridge is not None:
        assert bridge._open == {}


def test_a_target_that_is_cleared_while_the_node_is_inactive_does_not_come_back(graph):
    graph.join()
    lose(graph)
    assert graph.transition(Transition.TRANSITION_DEACTIVATE)
    assert graph.clear_target('red').success
    wait_until(lambda: graph.mail['reinit_request'][-1].closed, 'not withdrawn')
    assert graph.transition(Transition.TRANSITION_ACTIVATE)
    wait_until(graph._matched, 'no answer to an image')
    assert show_again(graph) == []


def answer(graph, stamp_ns):
    """What comes of a detector's box of the image of that stamp, sent now on the topic."""
    outcomes = []
    box = (100.0, 100.0, SIDE, SIDE)
    graph.tracker.submit(InitRequest('red', '', box, stamp_ns, outcomes.append, patient=True))
    return wait_until(lambda: outcomes, 'no outcome')[0]


def test_a_box_on_its_way_when_the_clear_arrives_does_not_bring_the_target_back(graph):
    """The detector saw the target before the clear; its answer comes after it."""
    lose(graph)
    graph.see(220)
    late_ns = graph.stamp_ns
    assert graph.clear().success
    late = graph.box((220, 100, SIDE, SIDE), stamp_ns=late_ns)
    for _ in range(5):
        graph.init_out.publish(late)
        assert graph.see(220)[0].detections == []
    assert graph.tracker.engine.targets == {}
    outcome = answer(graph, late_ns)
    assert (outcome.code, outcome.accepted) == (InitCode.CLEARED, False)
    graph.stamp_ns += 2_000_000_000
    graph.see(100)
    assert answer(graph, graph.stamp_ns).accepted, 'a box of a newer image is taken'
    assert not answer(graph, late_ns).accepted, 'still refused'


def test_a_detector_does_not_overrule_the_newer_box_of_an_operator(graph):
    lose(graph)
    graph.see(220)
    late_ns = graph.stamp_ns
    graph.see(60)
    assert graph.init((60, 100, SIDE, SIDE), stamp_ns=graph.stamp_ns).accepted
    graph.init_out.publish(graph.box((220, 100, SIDE, SIDE), stamp_ns=late_ns))
    assert answer(graph, late_ns).code is InitCode.SUPERSEDED
    wait_until(lambda: graph.see(60)[0].detections, 'not confirmed')
    assert box_of(graph.see(60)[0].detections[0].bbox) == (60, 100, SIDE, SIDE)


def test_a_cleanup_withdraws_the_requests(graph):
    bridge = graph.join()
    lose(graph)
    wait_until(lambda: 'red' in bridge._open, 'the bridge was not asked')
    assert graph.transition(Transition.TRANSITION_DEACTIVATE)
    assert graph.transition(Transition.TRANSITION_CLEANUP)
    wait_until(lambda: not bridge._open, 'the bridge keeps the request')


def test_a_late_subscriber_is_told_that_the_request_is_withdrawn(graph):
    lose(graph)
    graph.clear()
    letters, late = [], Node('late', namespace=graph.namespace)
    late.create_subscription(ReinitRequest, 'reinit_request', letters.append, qos.request())
    with spun(late):
        wait_until(lambda: letters and letters[-1].closed, 'not withdrawn')
    assert {letter.id for letter in letters} == {'red'}


def test_boxes_are_scored_against_the_target(graph):
    graph.start(60)
    for x in range(63, 100, 3):
        graph.see(x)
    boxes = [(x, 100, SIDE, SIDE), (10, 10, SIDE, SIDE)]
    answer = graph.score(boxes)
    assert answer.code == answer.OK and len(answer.probabilities) == 2, answer.message
    target, background = answer.probabilities
    assert target > 0.5 > background >= 0.0
    assert graph.score([], 'red').code == answer.OK
    assert graph.score(boxes, 'blue').code == answer.UNKNOWN_TARGET
    assert graph.score(boxes, stamp_ns=1).code == answer.NO_IMAGE
    assert graph.score(boxes * 40).code == answer.BAD_BOXES
    for bad in ((float('nan'), 0, 5, 5), (0, 0, 1e300, 5), (0, 0, -5, 5), (0, 0, 0, 0)):
        nonsense = graph.score([boxes[0], bad])
        assert nonsense.code == answer.BAD_BOXES and 'boxes[1]' in nonsense.message, bad
    assert graph.transition(Transition.TRANSITION_DEACTIVATE)
    assert graph.score(boxes).code == answer.NOT_ACTIVE


def test_a_target_comes_back_from_a_detector_after_a_change_of_resolution(graph):
    """Its last box counts in the pixels of the present images: all others were of a wrong size."""
    graph.join()
    lose(graph)
    large = {'width': 960, 'height': 720}

    def asked():
        graph.see(None, **large)
        return graph.mail['reinit_request'][-1].last_bbox.size_x == 3 * SIDE

    wait_until(asked, 'asked for a box of the size of before')

    def back():
        detections, _ = graph.see(660, y=300, side=3 * SIDE, **large)
        detect(graph, [((660, 300, 3 * SIDE, 3 * SIDE), '7')])
        time.sleep(0.03)
        return detections.detections

    (detection,) = wait_until(back, 'not back')
    assert detection.id == 'red' and box_of(detection.bbox) == (660, 300, 3 * SIDE, 3 * SIDE)
