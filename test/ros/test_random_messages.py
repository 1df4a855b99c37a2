"""Random but well-formed messages to every subscription of the helper nodes: none raises.

SIAMLA_RANDOM_MESSAGES=20000 sends more of them.
"""

import os
import random

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from siamla_ros.ros.detector_bridge import DetectorBridge
from siamla_ros.ros.follow_target_node import FollowTargetNode
from siamla_ros.ros.operator_page_node import OperatorPageNode
from siamla_ros.ros.target_pose_node import TargetPoseNode

MESSAGES = int(os.environ.get('SIAMLA_RANDOM_MESSAGES', '400'))  # for each node
FLOATS = (
    *(float('nan'), float('inf'), float('-inf'), 0.0, -0.0, 1e308, -1e308, 5e-324, -1.0, 1e-9),
    *(0.5, 1.0, 24.0, 100.0, 320.0, 1e6, 1e18),
)
TEXTS = (
    '',
    'red',
    'red',
    'square',
    '\x00',
    'x' * 300,
    'ä\n',
    'plumb_bob',
    '16UC1',
    '32FC1',
    'bgr8',
)
STAMPS = (0, 1, 1, 2, 2_000_000_000)
LIMITS = {'int8': 2**7, 'int16': 2**15, 'int32': 2**31, 'int64': 2**63}


def scramble(message, dice):
    """Fill every field of a message with something that its type allows."""
    for name, kind in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if name == 'sec':
            setattr(message, name, dice.choice(STAMPS))
        elif name == 'nanosec':
            setattr(message, name, dice.choice((0, 33_000_000, 2**32 - 1)))
        elif hasattr(value, 'get_fields_and_field_types'):
            scramble(value, dice)
        elif isinstance(value, bool):
            setattr(message, name, dice.random() < 0.5)
        elif isinstance(value, float):
            number = dice.choice(FLOATS)
            small = kind == 'float' and abs(number) > 3e38 and abs(number) != float('inf')
            setattr(message, name, 1.0 if small else number)
        elif isinstance(value, int):
            top = LIMITS.get(kind.removeprefix('u'), 2**8) * (2 if kind.startswith('u') else 1)
            setattr(message, name, dice.choice((0, 1, 2, 3, 4, 24, min(640, top - 1), top - 1)))
        elif isinstance(value, str):
            setattr(message, name, dice.choice(TEXTS))
        elif isinstance(value, np.ndarray):
            value[:] = [dice.choice(FLOATS) for _ in value]
        elif kind.startswith('sequence<double') or kind == 'sequence<float>':
            setattr(message, name, [dice.choice(FLOATS[:5]) for _ in range(dice.randrange(9))])
        elif kind == 'sequence<uint8>':
            setattr(message, name, bytes(dice.randrange(256) for _ in range(dice.randrange(64))))
        elif kind.startswith('sequence<'):
            fill(message, name, kind, dice)


def fill(message, name, kind, dice):
    """A sequence of messages: up to three of them, scrambled."""
    package, item = kind[len('sequence<') : -1].split('/')
    made = [getattr(__import__(f'{package}.msg', fromlist=[item]), item)() for _ in range(3)]
    items = made[: dice.randrange(4)]
    for one in items:
        scramble(one, dice)
    setattr(message, name, items)


@pytest.mark.parametrize(
    'kind, values',
    [
        (DetectorBridge, {}),
        (DetectorBridge, {'reach': 0.0, 'class_aliases': 'square=red', 'confirm': 1}),
        (OperatorPageNode, {'port': 0}),
        *((TargetPoseNode, {'method': name}) for name in ('height', 'width', 'depth', 'ground')),
        (FollowTargetNode, {}),
        (FollowTargetNode, {'pose_frame': 'body', 'stamped': False}),
    ],
)
def test_no_message_ends_a_node(ros, kind, values):
    """An exception in a callback ends the executor, and with it the node."""
    dice = random.Random(repr((kind.__name__, values)))
    node = kind(parameter_overrides=[Parameter(n, value=v) for n, v in values.items()])
    try:
        subscriptions = [s for s in node.subscriptions if s.topic_name != '/parameter_events']
        assert subscriptions
        if kind is FollowTargetNode:
            node._controller.enable(True)
        for _ in range(MESSAGES):
            subscription = dice.choice(subscriptions)
            message = subscription.msg_type()
            if not (kind is OperatorPageNode and isinstance(message, Image)):  # taken as bytes
                scramble(message, dice)
                if isinstance(message, CameraInfo) and dice.random() < 0.5:
                    message.k = [300.0, 0.0, 160.0, 0.0, 300.0, 120.0, 0.0, 0.0, 1.0]
                    message.width, message.height, message.d = 320, 240, [0.0] * 5
                subscription.callback(message)
            for timer in node.timers:
                timer.callback()
            if kind is OperatorPageNode:
                node.picture()
            elif kind is FollowTargetNode:
                speeds = (node._velocity.ahead, node._velocity.pan, node._velocity.tilt)
                assert all(abs(speed) < 10.0 for speed in speeds), 'NaN is none either'
    finally:
        if hasattr(node, 'close'):
            node.close()
        node.destroy_node()
