"""What rclpy keeps to itself: used in one module, and there it works."""

import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from support.graph import wait_until

from siamla_ros.ros import rclpy_adapter

ROOM = Path(rclpy_adapter.__file__).parent
PRIVATE = re.compile(r'_state_machine|_managed_entities|implementation_singleton|take_message')


@pytest.fixture
def node(ros):
    node = LifecycleNode('adapter')
    yield node
    node.destroy_node()


def test_no_other_module_uses_what_is_private():
    users = [path.name for path in sorted(ROOM.glob('*.py')) if PRIVATE.search(path.read_text())]
    assert users == ['rclpy_adapter.py']


def test_the_label_follows_the_transitions(node):
    assert rclpy_adapter.lifecycle_label(node) == 'unconfigured'
    node.trigger_configure()
    assert rclpy_adapter.lifecycle_label(node) == 'inactive'


def test_a_destroyed_lifecycle_publisher_is_gone_from_the_node(node):
    publisher = node.create_lifecycle_publisher(String, 'words', 1)
    rclpy_adapter.destroy_lifecycle_publisher(node, publisher)
    assert publisher not in list(node.publishers)
    node.trigger_configure()
    node.trigger_activate()  # would touch a publisher that is still managed


def test_waiting_messages_come_oldest_first_and_end_with_the_subscription(node):
    publisher = node.create_publisher(String, 'queue', QoSProfile(depth=10))
    subscription = node.create_subscription(
        String, 'queue', lambda message: None, QoSProfile(depth=10)
    )
    wait_until(lambda: publisher.get_subscription_count(), 'not matched')
    texts = []

    def arrived():
        texts.extend(message.data for message, _ in rclpy_adapter.take_waiting(subscription))
        return len(texts) >= 3

    for number in range(3):
        publisher.publish(String(data=str(number)))
    wait_until(arrived, 'not taken')
    assert texts == ['0', '1', '2']
    node.destroy_subscription(subscription)
    assert list(rclpy_adapter.take_waiting(subscription)) == []
