"""Images between the middleware and the callback: none vanishes uncounted, and a backlog costs no
time.
"""

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.graph import wait_until
from support.scenes import picture

from siamla_ros.ros import image_source, qos
from siamla_ros.ros.image_source import ImageSource, SequenceGapCounter
from siamla_ros.ros.messages import time_message
from siamla_ros.ros.outputs import image_message


@pytest.mark.parametrize(
    'numbers, missed',
    [
        ([1, 2, 3], 0),
        ([5, 6], 0),
        ([1, 4], 2),
        ([1, 3, 4, 7], 3),
        ([9, 1, 2], 0),
        ([1, 50_000], 0),
        ([], 0),
        ([3, 3], 0),
    ],
)
def test_gaps_in_the_numbers_of_one_publisher_are_counted(numbers, missed):
    gaps = SequenceGapCounter()
    for number in numbers:
        gaps.update(number, alone=True)
    assert gaps.missed == missed


def test_numbers_of_several_publishers_say_nothing():
    gaps = SequenceGapCounter()
    for number in (1, 900, 2, 901):
        gaps.update(number, alone=False)
    gaps.update(902, alone=True)
    assert gaps.missed == 0


class Bench:
    """A source that nobody spins, and a publisher."""

    def __init__(self, depth):
        self.node = Node('bench', namespace=f'/bench{depth}')
        self.frames = []
        profile = QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.source = ImageSource(
            self.node, 'raw', self.frames.append, self.node.get_logger().error, profile
        )
        self.publisher = self.node.create_publisher(Image, 'image', qos.image_out())
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        wait_until(self.publisher.get_subscription_count, 'not matched')
        self.number = 0
        self.send(1)
        wait_until(lambda: self.executor.spin_once(timeout_sec=0.05) or self.frames, 'no image')

    def send(self, count):
        for _ in range(count):
            self.number += 1
            header = Header(stamp=time_message(self.number))
            self.publisher.publish(image_message(header, picture(10)))
            time.sleep(0.01)
        time.sleep(0.2)

    def callback(self):
        """Spin until the source has been called once."""
        before = len(self.frames)
        wait_until(
            lambda: self.executor.spin_once(timeout_sec=0.05) or len(self.frames) > before,
            'no callback',
        )

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def bench(ros):
    made = []

    def make(depth):
        made.append(Bench(depth))
        return made[-1]

    yield make
    for item in made:
        item.close()


def test_a_backlog_is_handed_over_at_once_and_in_order(bench):
    busy = bench(depth=8)
    busy.send(6)
    busy.callback()
    assert [frame.stamp_ns for frame in busy.frames] == [1, 2, 3, 4, 5, 6, 7]
    assert [frame.seq for frame in busy.frames] == [1, 2, 3, 4, 5, 6, 7]
    assert busy.source.missed == 0
    busy.send(1)
    busy.callback()
    assert busy.frames[-1].stamp_ns == 8 and len(busy.frames) == 8


def test_what_is_replaced_before_it_is_taken_is_counted(bench):
    shallow = bench(depth=1)
    shallow.send(6)
    shallow.callback()
    assert [frame.stamp_ns for frame in shallow.frames] == [1, 7]
    assert shallow.source.missed == 5 and shallow.source.lost_in_transport == 0
    shallow.source._lost = 114  # as the middleware counts them, before the subscription, too
    assert shallow.source.lost_in_transport == 5  # never more than were missed


@pytest.mark.parametrize('depth', [0, 1, 3])  # 0: of the middleware's choice
def test_a_camera_that_is_faster_than_copies_does_not_keep_images_waiting(
    bench, monkeypatch, depth
):
    """On a busy machine the next image came while one was copied, and none was handed over."""
    fast = bench(depth)
    message = serialize_message(image_message(Header(), picture(10)))

    def one_more_each_time(subscription):
        for _ in range(50):
            yield message, {}
        raise AssertionError('no end')

    monkeypatch.setattr(image_source, 'take_waiting', one_more_each_time)
    before = len(fast.frames)
    fast.send(1)
    fast.callback()
    assert len(fast.frames) - before == max(depth, 1)
