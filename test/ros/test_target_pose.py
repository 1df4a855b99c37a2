"""target_pose over DDS: which detections become poses, their headers, and what is refused."""

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from support.graph import wait_until
from support.robot_graph import RobotGraph
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import messages, qos
from siamla_ros.ros.camera_node import camera_info
from siamla_ros.ros.target_pose_node import TargetPoseNode
from siamla_ros.ros.transforms import TransformError

OUTPUTS = {
    'target_pose': (PoseStamped, qos.result()),
    'target_pose_with_covariance': (PoseWithCovarianceStamped, qos.result()),
}
INPUTS = {
    'detection': (Detection2D, qos.result()),
    'status': (TrackStatus, qos.result()),
    'camera_info': (CameraInfo, qos.image_out()),
}
BOX = (295.0, 140.0, 50.0, 200.0)  # right of the center by 0: 320 px


@pytest.fixture
def graphs(ros):
    made = []

    def make(transformer=None, depth=False, **parameters):
        inputs = {**INPUTS, **({'depth': (Image, qos.image_out())} if depth else {})}

        def node(**options):
            return TargetPoseNode(transformer, **options)

        made.append(RobotGraph(node, parameters, OUTPUTS, inputs))
        return made[-1]

    yield make
    for graph in made:
        graph.close()


def show(graph, box=BOX, target_id='red', score=0.9, info=True):
    """One processed image: status, detection, and camera_info."""
    graph.stamp_ns += 33_333_333
    graph.status(target_id=target_id)
    if info:
        graph.send('camera_info', camera_info(graph.header(), 640, 480))
    graph.send(
        'detection', messages.detection_message(graph.header(), box, score, target_id, 'square')
    )
    return graph.stamp_ns


def stamps(graph, topic='target_pose'):
    return [messages.stamp_ns_of(item.header.stamp) for item in list(graph.mail[topic])]


def until_pose(graph, **options):
    """Discovery is two-sided: show until a pose comes; its stamp."""

    def shown():
        stamp_ns = show(graph, **options)
        time.sleep(0.05)
        return stamp_ns in stamps(graph) and stamp_ns

    return wait_until(shown, 'no pose')


def test_a_pose_has_the_header_of_its_detection_and_the_known_range(graphs):
    graph = graphs(method='height', target_height_m=1.0)
    stamp_ns = until_pose(graph)
    pose = next(
        p for p in graph.mail['target_pose'] if messages.stamp_ns_of(p.header.stamp) == stamp_ns
    )
    assert pose.header.frame_id == 'camera_optical'
    # focal length 640 px, 200 px high: 3.2 m; the center of the box is half a pixel off the axis
    assert pose.pose.position.z == pytest.approx(3.2)
    assert pose.pose.position.x == pytest.approx(-0.5 / 640 * 3.2)
    assert pose.pose.orientation.w == 1.0
    full = wait_until(
        lambda: [
            item
            for item in graph.mail['target_pose_with_covariance']
            if messages.stamp_ns_of(item.header.stamp) == stamp_ns
        ],
        'no covariance',
    )[0]
    covariance = np.array(full.pose.covariance).reshape(6, 6)
    assert 0.0 < covariance[0, 0] < covariance[2, 2] < 0.5
    assert covariance[5, 5] == pytest.approx(math.pi**2 / 3)


def test_nothing_is_published_of_a_target_that_is_not_confirmed(graphs):
    graph = graphs()
    until_pose(graph)
    before = len(graph.mail['target_pose'])
    for state in (TrackStatus.UNCERTAIN, TrackStatus.LOST):
        graph.stamp_ns += 33_333_333
        graph.status(state)
        graph.send('camera_info', camera_info(graph.header(), 640, 480))
    wait_until(
        lambda: any('is not confirmed: LOST' in item.message for item in graph.mail['diagnostics']),
        'not said',
    )
    assert len(graph.mail['target_pose']) == before


def test_another_target_is_not_taken_for_the_first(graphs):
    graph = graphs()
    until_pose(graph, target_id='red')
    other = [show(graph, target_id='blue', box=(20.0, 140.0, 50.0, 200.0)) for _ in range(5)]
    last = until_pose(graph, target_id='red')
    assert last in stamps(graph) and not set(other) & set(stamps(graph))


def test_bad_input_is_said_and_survived(graphs):
    graph = graphs()
    until_pose(graph)
    graph.mail['diagnostics'].clear()
    bad = [show(graph, box=(math.nan, 0.0, 10.0, 10.0)) for _ in range(3)]
    wait_until(
        lambda: any('must be finite' in item.message for item in graph.mail['diagnostics']),
        'not said',
    )
    until_pose(graph)
    assert not set(bad) & set(stamps(graph))


def depth_message(header, distance_m):
    data = np.full((480, 640), distance_m * 1000, np.uint16).tobytes()
    return Image(
        header=header, width=640, height=480, encoding='16UC1', step=1280, data=bytearray(data)
    )


def test_depth_is_that_of_the_same_stamp(graphs):
    """Depth comes after the detection, and each distance belongs to one stamp."""
    graph = graphs(depth=True, method='depth')
    wanted = {}

    def shown():
        stamp_ns = show(graph)
        wanted[stamp_ns] = 2.0 + 0.25 * (len(wanted) % 8)
        graph.send('depth', depth_message(graph.header(), wanted[stamp_ns]))
        time.sleep(0.05)
        return len(graph.mail['target_pose']) >= 5

    wait_until(shown, 'no 5 poses')
    found = {
        messages.stamp_ns_of(item.header.stamp): item.pose.position.z
        for item in list(graph.mail['target_pose'])
    }
    assert list(found) == sorted(found)
    assert found == pytest.approx({stamp: wanted[stamp] for stamp in found})


def test_a_detection_without_its_depth_is_dropped_with_the_reason(graphs):
    graph = graphs(depth=True, method='depth')

    def shown():
        stamp_ns = show(graph)
        late = Header(stamp=messages.time_message(stamp_ns + 10_000_000_000), frame_id='camera')
        graph.send('depth', depth_message(late, 3.0))
        time.sleep(0.1)
        return any('no depth image within' in item.message for item in graph.mail['diagnostics'])

    wait_until(shown, 'not said')
    assert not graph.mail['target_pose']


def test_a_detection_of_before_the_stamps_ran_back_does_not_hold_up_the_others(graphs):
    """A bag loops while a detection waits for its depth."""
    graph = graphs(depth=True, method='depth')
    begun_ns = graph.stamp_ns

    def waits():
        graph.stamp_ns = begun_ns + 60_000_000_000
        show(graph)
        return len(graph.node._waiting) == 1

    wait_until(waits, 'nothing waits')
    graph.stamp_ns, asked = begun_ns, []

    def shown():
        asked.append(show(graph))
        graph.send('depth', depth_message(graph.header(), 2.0))
        time.sleep(0.05)
        return graph.mail['target_pose']

    wait_until(shown, 'no pose')
    assert len(asked) < 5 and set(stamps(graph)) <= set(asked)


class Turned:
    """A TF double: the camera stands 1 m up and looks along x; unknown before the first call."""

    def __init__(self):
        self.calls = 0

    def lookup(self, frame, header):
        assert frame == 'map' and header.frame_id == 'camera_optical'
        self.calls += 1
        if self.calls <= 2:
            raise TransformError("no transform to target_frame 'map': too early")
        rotation = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
        return rotation, np.array([10.0, 0.0, 1.0])


def test_a_target_frame_moves_position_and_heading(graphs):
    graph = graphs(Turned(), target_frame='map', method='height', target_height_m=1.0)
    until_pose(graph)
    pose = graph.mail['target_pose'][-1]
    assert pose.header.frame_id == 'map'
    assert pose.pose.position.x == pytest.approx(13.2)
    assert pose.pose.position.z == pytest.approx(1.0, abs=0.01)
    assert pose.pose.orientation.w == pytest.approx(1.0, abs=0.001)


def test_without_tf2_ros_a_target_frame_is_refused(ros, monkeypatch):
    import sys

    from rclpy.parameter import Parameter

    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(ValueError, match='target_frame is set, which needs tf2_ros'):
        TargetPoseNode(parameter_overrides=[Parameter('target_frame', value='map')])


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('target_height_m', -1.0, 'is -1.0, must be at least'),
        ('info_tolerance_s', 1e300, 'must be at most 3600'),
        ('depth_tolerance_s', math.inf, 'must be at most 3600'),
    ],
)
def test_a_bad_parameter_is_refused(ros, name, value, words):
    from rclpy.parameter import Parameter

    with pytest.raises(ValueError, match=f'{name} .*{words}'):
        TargetPoseNode(parameter_overrides=[Parameter(name, value=value)])


def test_a_parameter_of_another_method_is_named_at_the_start(ros, monkeypatch):
    from rclpy.parameter import Parameter

    said = []
    monkeypatch.setattr(
        TargetPoseNode, 'get_logger', lambda _: SimpleNamespace(warning=said.append)
    )
    given = {'method': 'ground', 'target_height_m': 1.2, 'camera_height_m': 0.8}
    node = TargetPoseNode(parameter_overrides=[Parameter(k, value=v) for k, v in given.items()])
    node.destroy_node()
    assert said == ['target_height_m = 1.2 has no effect with method = ground, only with height']
