"""RViz and Foxglove show topics that the running nodes publish, of types that the panels take."""

import json
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
pytest.importorskip('yaml')

import yaml
from support.ros_doubles import make

from siamla_ros.msg import TrackStatus
from siamla_ros.ros.target_pose_node import TargetPoseNode
from siamla_ros.ros.tracker_node import TrackerNode

CONFIG = Path(__file__).resolve().parents[2] / 'config'
DISPLAYS = {
    'Image': 'sensor_msgs/msg/Image',
    'Pose': 'geometry_msgs/msg/PoseStamped',
    'PoseWithCovariance': 'geometry_msgs/msg/PoseWithCovarianceStamped',
}
BEST_EFFORT = 2


@pytest.fixture(scope='module')
def published(ros):
    """Types and reliability of the publishers of both nodes in the root namespace, by topic."""
    tracker, pose = TrackerNode(make('color')), TargetPoseNode()
    tracker.trigger_configure()
    try:
        names = {
            name
            for node in (tracker, pose)
            for name, _ in node.get_publisher_names_and_types_by_node(node.get_name(), '/')
        }
        yield {name: tracker.get_publishers_info_by_topic(name)[0] for name in names}
    finally:
        for node in (tracker, pose):
            node.destroy_node()


def test_every_display_of_rviz_meets_its_publisher(published):
    content = yaml.safe_load((CONFIG / 'tracker.rviz').read_text('utf-8'))
    seen = 0
    for display in content['Visualization Manager']['Displays']:
        if 'Topic' not in display:
            continue
        seen += 1
        found = published[display['Topic']['Value']]
        assert DISPLAYS[display['Class'].rpartition('/')[2]] == found.topic_type
        reliable = display['Topic']['Reliability Policy'] == 'Reliable'
        assert not (reliable and found.qos_profile.reliability == BEST_EFFORT), 'never matched'
    assert seen == len(DISPLAYS)


def test_every_panel_of_foxglove_meets_its_publisher(published):
    panels = json.loads((CONFIG / 'foxglove_layout.json').read_text('utf-8'))['configById']
    kinds = {name.partition('!')[0]: panel for name, panel in panels.items()}
    image = published[kinds['Image']['imageMode']['imageTopic']]
    assert image.topic_type == 'sensor_msgs/msg/Image'
    request = published[kinds['RawMessages']['topicPath']]
    assert request.topic_type == 'siamla_ros/msg/ReinitRequest'
    summary = published[kinds['DiagnosticSummary']['topicToRender']]
    assert summary.topic_type == 'diagnostic_msgs/msg/DiagnosticArray'
    paths = [
        path['value'] for name in ('Plot', 'StateTransitions') for path in kinds[name]['paths']
    ]
    assert len(paths) > 2
    for path in paths:
        topic, _, field = path.partition('.')
        assert published[topic].topic_type == 'siamla_ros/msg/TrackStatus', path
        assert field in TrackStatus.get_fields_and_field_types(), path
