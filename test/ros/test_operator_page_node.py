"""What the page asks of the tracker node: its thresholds, and to forget one target."""

import json

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from support.graph import spun, wait_until
from support.pages import fetch
from support.scenes import picture

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.operator_page_node import OperatorPageNode
from siamla_ros.ros.outputs import image_message
from siamla_ros.srv import ClearTarget

THRESHOLDS = {'supervisor.low_threshold': 0.3, 'supervisor.high_threshold': 0.8}


class Tracker(Node):
    """Parameters and services of the tracker node, as far as the page asks for them."""

    def __init__(self):
        super().__init__('tracker', namespace='/page')
        for name, value in THRESHOLDS.items():
            self.declare_parameter(name, value)
        self.cleared = []
        self.create_service(ClearTarget, '~/clear_target', self._clear)
        self.create_service(Trigger, '~/clear', self._clear)
        self.images = self.create_publisher(Image, 'image', qos.image_out())
        self.status = self.create_publisher(TrackStatus, 'status', qos.result())

    def _clear(self, request, response):
        self.cleared.append(getattr(request, 'id', None))
        response.success, response.message = True, 'cleared'
        return response


@pytest.fixture
def page_and_tracker(ros):
    values = [Parameter('port', value=0)]
    with (
        spun(OperatorPageNode(namespace='/page', parameter_overrides=values)) as page,
        spun(Tracker()) as tracker,
    ):
        yield f'http://127.0.0.1:{page.port}', page, tracker
        page.close()


def test_thresholds_and_reasons_are_shown_and_one_target_is_forgotten(page_and_tracker):
    url, page, tracker = page_and_tracker
    wait_until(page._clear_one.service_is_ready, 'no service')
    assert fetch(f'{url}/clear', {'id': 'red'})[::2] == (200, b'cleared')
    assert fetch(f'{url}/clear', {})[::2] == (200, b'cleared')
    assert tracker.cleared == ['red', None]

    def shown():
        tracker.status.publish(TrackStatus(id='red', state=3, reason=7, confidence=0.25))
        tracker.status.publish(TrackStatus(id='new', state=1, reason=200, confidence=0.5))
        tracker.images.publish(image_message(TrackStatus().header, picture(100)))
        code, headers, _ = fetch(f'{url}/frame.jpg')
        told = code == 200 and json.loads(headers['X-Thresholds'])
        return headers if told and len(json.loads(headers['X-Targets'])) == 2 else None

    headers = wait_until(shown, 'no thresholds')
    assert json.loads(headers['X-Thresholds']) == [0.3, 0.8]
    # In the order in which they came: the first status may be lost before the page has joined.
    found = {target['id']: target for target in json.loads(headers['X-Targets'])}
    red, new = found['red'], found['new']
    assert (red['state'], red['reason'], red['confidence']) == (
        'LOST',
        'the box left the image',
        0.25,
    )
    assert new['reason'] == 'reason 200', 'a node of another version'
