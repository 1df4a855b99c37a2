"""A target that leaves and returns elsewhere, unattended: tracker, detector and answering node."""

import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from support.graph import Graph, wait_until
from support.ros_doubles import ColorTracker
from support.scenes import SIDE
from vision_msgs.msg import Detection2DArray

from siamla_ros.ros import qos
from siamla_ros.ros.detector_bridge import AnswerNode
from siamla_ros.ros.messages import box_of, detection_message
from siamla_ros.ros.running import spin_once


@pytest.fixture(params=[0.0, 0.6], ids=['by place', 'by appearance'])
def loop(ros, request):
    graph = Graph('color', {'recovery__mode': 'off', 'reinit_request_period_s': 0.3})
    values = {'min_similarity': request.param, 'reach': 0.0, 'class_aliases': 'square=7'}
    node = AnswerNode(
        lambda model, device: ColorTracker(),
        namespace=graph.namespace,
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()],
    )
    graph.detector = graph.node.create_publisher(Detection2DArray, 'candidates', qos.image_out())
    executor, closing = SingleThreadedExecutor(), threading.Event()
    executor.add_node(node)

    def spin():
        while not closing.is_set():
            spin_once(executor)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    wait_until(graph.detector.get_subscription_count, 'candidates not matched')
    wait_until(lambda: graph.node.count_publishers('init') >= 2, 'init not matched')
    yield graph
    closing.set()
    thread.join()
    node.destroy_node()
    graph.close()


def detect(graph, boxes):
    """What a detector says of the picture shown last."""
    header = graph.header()
    graph.detector.publish(
        Detection2DArray(
            header=header,
            detections=[detection_message(header, box, 0.8, '', label) for box, label in boxes],
        )
    )


def test_a_target_that_leaves_comes_back_unattended(loop):
    loop.start(60)
    for x in range(63, 100, 3):
        loop.see(x)
        detect(loop, [((x, 100, SIDE, SIDE), '7')])
        time.sleep(0.01)
    for _ in range(25):
        assert loop.see(None)[0].detections == []
        detect(loop, [((10, 10, SIDE, SIDE), '3')])  # of another class
    wait_until(lambda: loop.mail['reinit_request'], 'not asked')
    assert loop.see(None)[0].detections == [], 'another class is no answer'

    def back():
        detections, _ = loop.see(220)
        detect(loop, [((220, 100, SIDE, SIDE), '7'), ((30, 30, SIDE, SIDE), '3')])
        time.sleep(0.03)
        return detections.detections

    (detection,) = wait_until(back, 'not back')
    assert detection.id == 'red' and box_of(detection.bbox) == (220, 100, SIDE, SIDE)
    assert detection.results[0].hypothesis.class_id == 'square'
