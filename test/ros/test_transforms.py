"""The seam to TF, on a double of tf2_ros with the calls of geometry2's Python package: which
transform is asked for, and that Nav2 gets its goals in the frame and on the topic that it named.
"""

import math
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from geometry_msgs.msg import PoseStamped, Quaternion, Vector3
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from support.graph import wait_until
from support.robot_graph import RobotGraph
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import messages, qos
from siamla_ros.ros.camera_node import camera_info
from siamla_ros.ros.target_pose_node import TargetPoseNode
from siamla_ros.ros.transforms import FrameTransformer, TransformError

OPTICAL_TO_MAP = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)  # the camera looks along x, level
GOAL_UPDATER = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


@pytest.fixture
def tf2(monkeypatch):
    """A tf2_ros whose camera is at x = 10, y = 2, 1 m up; `asked` holds what was looked up."""
    module = ModuleType('tf2_ros')
    module.asked, module.listeners = [], []

    class TransformException(Exception):
        pass

    class Buffer:
        def lookup_transform(self, target_frame, source_frame, time, timeout=None):
            module.asked.append((target_frame, source_frame, time.nanoseconds))
            if target_frame != 'map':
                raise TransformException(f'"{target_frame}" does not exist')
            translation = Vector3(x=10.0, y=2.0, z=1.0)
            transform = SimpleNamespace(rotation=OPTICAL_TO_MAP, translation=translation)
            return SimpleNamespace(transform=transform)

    def listen(buffer, node):
        module.listeners.append((buffer, node))
        return object()

    module.TransformException, module.Buffer = TransformException, Buffer
    module.TransformListener = listen
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    return module


def test_the_transform_is_that_from_the_camera_at_the_time_of_the_image(ros, tf2):
    transformer = FrameTransformer('the node')
    (buffer, node) = tf2.listeners[0]
    assert isinstance(buffer, tf2.Buffer) and node == 'the node'
    header = Header(stamp=messages.time_message(12_000_000_345), frame_id='camera_optical')
    rotation, translation = transformer.lookup('map', header)
    assert tf2.asked == [('map', 'camera_optical', 12_000_000_345)]
    ahead, left = rotation @ (0.0, 0.0, 1.0), rotation @ (-1.0, 0.0, 0.0)
    assert ahead == pytest.approx([1.0, 0.0, 0.0]) and left == pytest.approx([0.0, 1.0, 0.0])
    assert translation == pytest.approx([10.0, 2.0, 1.0])


def test_an_unknown_frame_is_named(ros, tf2):
    with pytest.raises(TransformError, match="no transform to target_frame 'mars': .*not exist"):
        FrameTransformer('the node').lookup('mars', Header(frame_id='camera_optical'))


def test_nav2_gets_goals_in_its_frame_on_its_topic(ros, tf2):
    """As nav2_follow.launch.py starts target_pose, and as GoalUpdater subscribes."""

    def node(**options):
        arguments = ['--ros-args', '-r', 'target_pose:=goal_update']
        return TargetPoseNode(cli_args=arguments, **options)

    graph = RobotGraph(
        node,
        {'target_frame': 'map', 'target_height_m': 1.0},
        {'goal_update': (PoseStamped, GOAL_UPDATER)},
        {
            'detection': (Detection2D, qos.result()),
            'status': (TrackStatus, qos.result()),
            'camera_info': (CameraInfo, qos.image_out()),
        },
    )

    def shown():
        graph.stamp_ns += 33_333_333
        graph.status()
        graph.send('camera_info', camera_info(graph.header(), 640, 480))
        box = (219.5, 140.0, 201.0, 200.0)  # its middle is at the middle of the image
        graph.send('detection', messages.detection_message(graph.header(), box, 0.9, 'red', 'p'))
        time.sleep(0.05)
        return graph.mail['goal_update']

    try:
        wait_until(shown, 'no goal')
        goal = graph.mail['goal_update'][-1]
        assert goal.header.frame_id == 'map'
        # 640 px of focal length, 200 px high: 3.2 m ahead of the camera
        position, orientation = goal.pose.position, goal.pose.orientation
        assert (position.x, position.y) == pytest.approx((13.2, 2.0), abs=0.02)
        heading = 2.0 * math.atan2(orientation.z, orientation.w)
        assert heading == pytest.approx(0.0, abs=0.01)
        assert (orientation.x, orientation.y) == (0.0, 0.0)
        stamp_ns = messages.stamp_ns_of(goal.header.stamp)
        assert ('map', 'camera_optical', stamp_ns) in tf2.asked
    finally:
        graph.close()
