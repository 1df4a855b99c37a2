"""The operator's page among hostile nodes: what they publish costs neither picture nor page."""

import contextlib
import json
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from support.graph import spun, wait_until
from support.scenes import picture

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_message, time_message
from siamla_ros.ros.operator_page_node import OperatorPageNode
from siamla_ros.ros.outputs import image_message

NAN = float('nan')


class Site:
    """A page, and a stranger who publishes what it subscribes."""

    def __init__(self, page, stranger):
        self.page, self._stranger = page, stranger
        self._image = stranger.create_publisher(Image, 'image', qos.image_out())
        self._status = stranger.create_publisher(TrackStatus, 'status', qos.result())
        for publisher in (self._image, self._status):
            wait_until(publisher.get_subscription_count, 'not matched')
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(self, path, **headers):
        """Code, headers and content."""
        url = f'http://127.0.0.1:{self.page.port}/{path}'
        request = urllib.request.Request(url, headers=headers)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def show(self, message=None):
        """Publish a picture of now."""
        message = message or image_message(TrackStatus().header, picture(100))
        message.header.stamp = time_message(time.time_ns())
        self._image.publish(message)

    def tell(self, **fields):
        """Publish a status."""
        values = {'id': 'red', 'state': 1, 'confidence': 0.5, 'bbox': box_message((9, 9, 9, 9))}
        self._status.publish(TrackStatus(**{**values, **fields}))

    def targets(self):
        """What the picture says of targets, once there is a picture; shown again until then."""

        def answer():
            self.show()
            code, headers, content = self.fetch('frame.jpg')
            assert code in (200, 503), content
            return headers if code == 200 else None

        return json.loads(wait_until(answer, 'no picture')['X-Targets'], parse_constant=pytest.fail)


@pytest.fixture
def site(ros):
    options = {'port': 0, 'allowed_hosts': 'robot.example, other.example'}
    values = [Parameter(name, value=value) for name, value in options.items()]
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(
            spun(OperatorPageNode(namespace='/site', parameter_overrides=values))
        )
        stack.callback(page.close)
        yield Site(page, stack.enter_context(spun(Node('stranger', namespace='/site'))))


HOSTILE = [
    {'state': 99},
    {'state': 255, 'id': 'x'},
    {'confidence': NAN},
    {'confidence': float('inf')},
    {'bbox': box_message((NAN, 0, 9, 9))},
    {'bbox': box_message((0, 0, float('inf'), 9))},
    {'has_predicted': True, 'predicted_bbox': box_message((0, NAN, 9, 9))},
    {'id': 'x' * 100_000},
    {'id': 'line\nbreak\x1b[2J'},
    {'label': 'x' * 100_000},
]


@pytest.mark.parametrize('fields', HOSTILE)
def test_a_status_that_cannot_be_is_left_out(site, fields):
    site.tell(id='before')
    site.tell(**fields)
    site.tell(id='after', bbox=box_message((-1e300, 1e300, 1e308, 1e308)))
    wait_until(lambda: 'after' in [target['id'] for target in site.targets()], 'not told')
    assert [target['id'] for target in site.targets()] == ['before', 'after']
    assert site.page.thread.is_alive()


def test_a_flood_of_ids_stays_bounded(site):
    for index in range(500):
        site.tell(id=f'id{index}')
        time.sleep(0.001)
    wait_until(lambda: 'id499' in [target['id'] for target in site.targets()], 'not told')
    assert len(site.targets()) <= 64


def test_an_image_that_cannot_be_drawn_is_said_and_the_next_one_shown(site):
    bad = image_message(TrackStatus().header, picture(100))
    bad.width = 10_000

    def answer():
        site.show(bad)
        code, _, content = site.fetch('frame.jpg')
        return code == 503 and b'cannot be shown' in content

    wait_until(answer, 'not said')
    assert site.targets() == []


def test_names_of_the_machine_can_be_allowed(site):
    for host, code in {'robot.example:80': 200, 'other.example': 200, 'evil.example': 403}.items():
        assert site.fetch('', Host=host)[0] == code


def test_many_viewers_cost_one_picture(site):
    """As many encodings as periods, not as many as viewers."""
    made, draw = [], site.page._shared._make
    site.targets()
    site.page._shared._period_s = 3600.0
    site.page._shared._make = lambda: made.append(1) or draw()
    assert [site.fetch('frame.jpg')[0] for _ in range(40)] == [200] * 40
    assert len(made) <= 1
