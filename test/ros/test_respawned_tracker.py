"""What outlives a tracker that ended: its boxes on the page, its requests at the bridge."""

import dataclasses

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.parameter import Parameter
from std_msgs.msg import Header
from support.scenes import frame, picture

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.ros.detector_bridge import DetectorBridge
from siamla_ros.ros.messages import box_message, time_message
from siamla_ros.ros.operator_page_node import SILENCE_S, OperatorPageNode

SECOND = 1_000_000_000


def status(target_id, state, stamp_ns):
    """A status with a box."""
    header = Header(stamp=time_message(stamp_ns))
    box = box_message((100.0, 100.0, 24.0, 24.0))
    return TrackStatus(
        header=header, id=target_id, state=state, bbox=box, confirmed=bool(target_id)
    )


def test_the_page_shows_no_box_of_a_tracker_that_has_ended(ros):
    """It went on drawing the last one, confirmed, on every new image."""
    node = OperatorPageNode(parameter_overrides=[Parameter('port', value=0)])
    try:
        node._on_status(status('red', TrackStatus.TRACKING, 5 * SECOND))
        heard_s = node._told_s
        for late_s, shown in ((0.1, ['red']), (SILENCE_S - 0.1, ['red']), (SILENCE_S + 0.1, [])):
            image = frame(picture(100), 5 * SECOND, 1)
            node._frames.append(dataclasses.replace(image, received_s=heard_s + late_s))
            assert [entry['id'] for entry in node._picture().targets] == shown, late_s
            node._frames.clear()
    finally:
        node.close()
        node.destroy_node()


def test_the_bridge_answers_no_request_of_a_tracker_that_has_ended(ros):
    """A new process has no target; the old one could not withdraw its request."""
    node = DetectorBridge()
    try:
        request = ReinitRequest(
            header=Header(stamp=time_message(5 * SECOND)),
            id='red',
            last_bbox=box_message((100.0, 100.0, 24.0, 24.0)),
        )
        node._on_request(request)
        node._on_status(status('', TrackStatus.IDLE, 4 * SECOND))
        assert list(node._open) == ['red'], 'an image from before the loss'
        node._on_status(status('', TrackStatus.IDLE, 6 * SECOND))
        assert node._open == {}
    finally:
        node.destroy_node()
