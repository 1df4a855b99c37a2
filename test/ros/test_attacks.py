"""What may come from outside, by mistake or malice: the node refuses with a reason and lives on."""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.parameter import Parameter
from std_msgs.msg import Header
from support.graph import Graph, spun, wait_until
from support.scenes import SIDE, picture
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online.init_requests import InitRequest
from siamla_ros.ros import qos
from siamla_ros.ros.detector_bridge import DetectorBridge
from siamla_ros.ros.messages import box_message, detection_message, time_message
from siamla_ros.ros.outputs import image_message
from siamla_ros.ros.tracker_node import MAX_PENDING
from siamla_ros.srv import InitTarget

NAN, INF = float('nan'), float('inf')
GARBAGE = [
    (NAN, 0, 9, 9),
    (0, 0, INF, 9),
    (-INF, 0, 9, 9),
    (0, 0, 0, 0),
    (0, 0, -5, 9),
    (0, 0, 1e300, 1e300),
    (1e308, 1e308, 1e308, 1e308),
    (0, 0, 1e-300, 1e-300),
    (-1e18, -1e18, 1, 1),
    (1e18, 1e18, 30, 30),
    (0, 0, 1e-200, 1e200),
]


def errors(graph):
    """Errors that the node did not expect."""
    return graph.tracker.stats.snapshot().counts.get('error', 0)


@pytest.mark.parametrize('box', [*GARBAGE, (-1e5, -1e5, 2e5, 2e5)])
def test_absurd_boxes_are_refused_or_cut_and_do_no_harm(graph, box):
    graph.start(100)
    before = errors(graph)
    future = graph.init_later(box, 'absurd')
    wait_until(lambda: graph.see(100) and future.done(), 'no answer')
    response = future.result()
    assert response.accepted or (response.code != InitTarget.Response.INTERNAL and response.message)
    detections, _ = graph.see(103)
    assert 'red' in [item.id for item in detections.detections]
    assert errors(graph) == before


def test_a_label_as_long_as_a_book_is_refused(graph):
    request = graph.box((100, 100, SIDE, SIDE), label='x' * 100_000)
    response = graph.call(graph._init, InitTarget.Request(detection=request))
    assert response.code == InitTarget.Response.BAD_ID and 'label' in response.message


def test_a_flood_of_init_boxes_without_images_stays_bounded(graph):
    """One a second for an hour, from a detector that runs while the camera does not."""
    answers = []
    for index in range(3600):
        graph.tracker.submit(
            InitRequest(
                f'id{index % 7}', '', (100.0, 100.0, SIDE, SIDE), 0, answers.append, patient=True
            )
        )
    wait_until(lambda: len(answers) >= 3600 - MAX_PENDING, 'not refused')
    assert not any(answer.accepted for answer in answers)
    assert str(MAX_PENDING) in answers[0].message
    wait_until(lambda: graph.see(100)[0].detections, 'not followed')
    wait_until(lambda: graph.see(100) and len(answers) == 3600, 'some wait for ever')
    assert (
        sum(answer.accepted for answer in answers) == MAX_PENDING
        and graph.init((100, 100, SIDE, SIDE), 'id3', stamp_ns=graph.stamp_ns).accepted
    )


def test_a_camera_that_does_not_stamp_its_images_is_tracked_all_the_same(graph):
    graph.start(100)
    graph.mail['detections'].clear()
    for x in range(100, 190, 2):
        message = image_message(Header(frame_id='unstamped'), picture(x))
        graph.image_out.publish(message)
        time.sleep(0.02)
    wait_until(
        lambda: [
            a
            for a in list(graph.mail['detections'])
            if a.header.frame_id == 'unstamped' and a.detections
        ],
        'never confirmed',
    )


@pytest.mark.parametrize('sec, nanosec', [(-5, 0), (2**31 - 1, 2**32 - 1), (0, 2**32 - 1)])
def test_absurd_stamps_of_images_cost_no_error(graph, sec, nanosec):
    graph.start(100)
    before = errors(graph)
    for hidden in (100, None, None, None, None, None, None, None, None, None, None, None, None):
        message = image_message(Header(), picture(hidden))
        message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
        graph.image_out.publish(message)
        time.sleep(0.03)
    graph.stamp_ns += 1_000_000_000
    graph.start(100)
    assert errors(graph) == before


def test_clear_while_a_target_is_catching_up(graphs):
    slow = graphs('slow', advanced__catch_up_s=20.0)
    stamps = []
    for x in range(20, 80, 2):
        stamps.append(slow.show(x))
        time.sleep(0.02)
    assert slow.init((20, 100, SIDE, SIDE), stamp_ns=stamps[1]).accepted
    answer = slow.clear()
    assert answer.success and 'red' in answer.message, answer.message
    assert slow.see(100)[0].detections == [] and not slow.tracker.engine.catching
    slow.start(100)


@pytest.fixture
def bridge(ros):
    """A graph with a detector bridge that asks the tracker about boxes."""
    graph = Graph('color', {'redetection__mode': 'off', 'reinit_request_period_s': 0.3})
    values = {'min_probability': 0.3, 'reach': 0.0}
    node = DetectorBridge(
        namespace=graph.namespace,
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()],
    )
    graph.bridge = node
    make = graph.node.create_publisher
    graph.candidates = make(Detection2DArray, 'candidates', qos.image_out())
    graph.status_out = make(TrackStatus, 'status', qos.result())
    graph.request_out = make(ReinitRequest, 'reinit_request', qos.request())
    graph.detections_out = make(Detection2DArray, 'detections', qos.result())
    for publisher in (graph.candidates, graph.request_out, graph.detections_out):
        wait_until(publisher.get_subscription_count, 'not matched')
    with spun(node):
        yield graph
    graph.close()


def test_the_answering_node_survives_garbage_and_still_answers(bridge):
    bridge.start(100)
    for x in range(103, 140, 3):
        bridge.see(x)
    for box in GARBAGE:
        bridge.request_out.publish(
            ReinitRequest(header=bridge.header(), id='ghost', last_bbox=box_message(box))
        )
        garbage = [
            detection_message(bridge.header(), item, NAN, 'ghost', 'square') for item in GARBAGE
        ]
        bridge.detections_out.publish(Detection2DArray(header=bridge.header(), detections=garbage))
        time.sleep(0.02)
    bridge.request_out.publish(ReinitRequest())
    for index in range(200):
        bridge.request_out.publish(
            ReinitRequest(
                header=bridge.header(0),
                id=f'g{index}',
                label='ghost',
                last_bbox=box_message((1, 1, 9, 9)),
            )
        )
        time.sleep(0.002)
    for stamp_ns in (0, bridge.stamp_ns):
        header = Header(stamp=time_message(stamp_ns))
        bridge.candidates.publish(
            Detection2DArray(
                header=header,
                detections=[
                    Detection2D(),
                    *(detection_message(header, item, 0.9, '', 'ghost') for item in GARBAGE),
                ],
            )
        )
        time.sleep(0.1)
    assert bridge.bridge.thread.is_alive()
    assert len(bridge.bridge._open) <= 64
    for _ in range(25):
        assert bridge.see(None)[0].detections == []

    def back():
        detections, _ = bridge.see(220)
        header = bridge.header()
        garbage = [detection_message(header, item, 0.9, '', 'square') for item in GARBAGE]
        bridge.candidates.publish(
            Detection2DArray(
                header=header,
                detections=[
                    *garbage,
                    detection_message(header, (220, 100, SIDE, SIDE), 0.9, '', 'square'),
                ],
            )
        )
        time.sleep(0.03)
        return detections.detections

    bridge.bridge._open.clear()  # of ghosts: there is room for 64
    assert wait_until(back, 'not back')[0].id == 'red'
    assert bridge.bridge.thread.is_alive()
