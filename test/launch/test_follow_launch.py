"""follow.launch.py and nav2_follow.launch.py: nodes, topics and parameters, on doubles of the
launch system, and once on the real one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.launch_doubles import launched, loaded

FOLDER = Path(__file__).resolve().parents[2] / 'launch'
IMAGE = 'camera/camera/color/image_raw'


@pytest.mark.parametrize('name', ['tracker', 'follow', 'nav2_follow'])
def test_every_argument_is_described_once(monkeypatch, name):
    arguments = loaded(monkeypatch, name).ARGUMENTS
    assert all(argument.description for argument in arguments)
    assert len({argument.name for argument in arguments}) == len(arguments)


@pytest.mark.parametrize(
    ('values', 'names'),
    [
        ({}, ['tracker', 'target_pose', 'follow_target']),
        ({'drive': 'false'}, ['tracker', 'target_pose']),
        (
            {'candidates': '/yolo/detections'},
            ['tracker', 'target_pose', 'follow_target', 'detector_bridge'],
        ),
    ],
)
def test_what_is_started(monkeypatch, values, names):
    nodes = launched(monkeypatch, 'follow', namespace='robot1', use_sim_time='true', **values)
    assert list(nodes) == names
    for node in nodes.values():
        assert node.namespace == 'robot1' and node.respawn
        assert node.parameters[-1]['use_sim_time'] is True
    if 'candidates' in values:
        bridge = nodes['detector_bridge']
        assert bridge.remappings == [('candidates', '/yolo/detections')]
        shipped = yaml.safe_load(Path(bridge.parameters[0]).read_text('utf-8'))
        assert shipped['/**/detector_bridge']['ros__parameters']['min_probability'] == 0.5


@pytest.mark.parametrize(
    ('values', 'image', 'info', 'depth'),
    [
        ({}, 'image', 'camera_info', 'depth'),
        ({'camera': 'usb_cam'}, 'image_raw', 'camera_info', 'depth'),
        ({'camera': 'oak'}, 'oak/rgb/image_raw', 'oak/rgb/camera_info', 'oak/stereo/image_raw'),
        (
            {'camera': 'realsense', 'camera_name': 'left', 'depth': '/other'},
            'left/color/image_raw',
            'left/color/camera_info',
            '/other',
        ),
        (
            {'camera': 'usb_cam', 'camera_name': '/door/'},
            '/door/image_raw',
            '/door/camera_info',
            '/door/depth',
        ),
    ],
)
def test_the_topics_of_a_camera(monkeypatch, values, image, info, depth):
    nodes = launched(monkeypatch, 'follow', **values)
    assert ('image', image) in nodes['tracker'].remappings
    assert nodes['target_pose'].remappings[:2] == [('camera_info', info), ('depth', depth)]


@pytest.mark.parametrize('camera', ['none', 'usb_cam', 'realsense', 'oak'])
@pytest.mark.parametrize('name', ['follow', 'nav2_follow'])
def test_robots_in_two_namespaces_share_no_topic(monkeypatch, name, camera):
    """With camera:=realsense both robots heard the camera of one: its topics began with /."""
    nodes = launched(monkeypatch, name, camera=camera, namespace='robot1', candidates='people')
    for node in nodes.values():
        for topic, renamed in node.remappings:
            assert not renamed.startswith('/'), (node.name, topic, renamed)


def test_rcl_resolves_a_relative_topic_in_the_namespace_of_the_node():
    rclpy = pytest.importorskip('rclpy', reason='needs ROS 2')
    context = rclpy.Context()
    rclpy.init(context=context)
    arguments = ['--ros-args', '-r', f'image:={IMAGE}']
    for name in ('robot1', 'robot2'):
        node = rclpy.create_node('n', namespace=name, cli_args=arguments, context=context)
        assert node.resolve_topic_name('image') == f'/{name}/{IMAGE}'
        node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_the_frame_and_topic_of_nav2_reach_target_pose(monkeypatch):
    """A parameter set for all nodes lost against the empty target_frame of follow.yaml."""
    nodes = launched(monkeypatch, 'nav2_follow', target_frame='odom', goal_update='goals')
    assert list(nodes) == ['tracker', 'target_pose']
    pose = nodes['target_pose']
    assert pose.parameters[-1]['target_frame'] == 'odom'
    assert ('target_pose', 'goals') in pose.remappings
    alone = launched(monkeypatch, 'follow')['target_pose']
    assert 'target_frame' not in alone.parameters[-1], 'that of params_file counts'


@pytest.mark.parametrize('name', ['follow', 'nav2_follow'])
def test_the_real_launch_system_describes_the_same_nodes(name):
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
    code = f"""
from launch import LaunchContext
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node
context = LaunchContext()
context.launch_configurations.update(camera='realsense', namespace='robot1', candidates='people')
def visit(entities):
    for entity in entities:
        if isinstance(entity, Node):
            print('NODE', entity._Node__node_executable)
        else:
            visit(entity.visit(context) or [])
source = PythonLaunchDescriptionSource({str(FOLDER / name)!r} + '.launch.py')
visit([IncludeLaunchDescription(source)])
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    found = [line.split()[1] for line in done.stdout.splitlines() if line.startswith('NODE')]
    drive = ['follow_target'] if name == 'follow' else []
    assert found == ['tracker_node', 'target_pose', *drive, 'detector_bridge'], done.stderr
