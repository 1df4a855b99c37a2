"""Starts tracker, target_pose and follow_target; the robot moves after ~/enable, not before.

ros2 launch siamla_ros follow.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
ros2 launch siamla_ros follow.launch.py camera:=realsense method:=depth namespace:=robot1
ros2 launch siamla_ros follow.launch.py camera:=oak candidates:=/yolo/detections
ros2 launch siamla_ros follow.launch.py --show-args
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from siamla_ros.ros.launch_files import camera_topics, check_params_file, declared, values_of

PACKAGE = 'siamla_ros'
SHARE = Path(get_package_share_directory(PACKAGE))
ARGUMENTS = (
    *declared('namespace', 'camera', 'camera_name', 'image', 'camera_info', 'depth', 'method'),
    DeclareLaunchArgument(
        'target_frame',
        default_value='',
        description='frame of the poses, by TF; empty: params_file',
    ),
    DeclareLaunchArgument(
        'target_pose', default_value='target_pose', description='topic of the poses'
    ),
    DeclareLaunchArgument('cmd_vel', default_value='cmd_vel', description='topic of velocities'),
    DeclareLaunchArgument(
        'scan', default_value='scan', description='topic of the laser scan, for obstacles: scan'
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(SHARE / 'config/follow.yaml'),
        description='YAML file with parameters of target_pose, follow_target and detector_bridge',
    ),
    DeclareLaunchArgument(
        'tracker_params_file',
        default_value=str(SHARE / 'config/tracker.yaml'),
        description='YAML file with parameters of the tracker',
    ),
    DeclareLaunchArgument(
        'drive',
        default_value='true',
        choices=['true', 'false'],
        description='start follow_target; false: poses alone, for Nav2',
    ),
    *declared('candidates', 'device', 'use_sim_time'),
)


def _node(value: dict, executable: str, remappings: list, **parameters: object) -> Node:
    return Node(
        package=PACKAGE,
        executable=executable,
        name=executable,
        namespace=value['namespace'],
        output='screen',
        emulate_tty=True,
        respawn=True,
        respawn_delay=1.0,
        parameters=[
            value['params_file'],
            {'use_sim_time': value['use_sim_time'] == 'true', **parameters},
        ],
        remappings=remappings,
    )


def _tracker(value: dict, image: str) -> IncludeLaunchDescription:
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch/tracker.launch.py')),
        launch_arguments={
            'namespace': value['namespace'],
            'image': image,
            'device': value['device'],
            'params_file': value['tracker_params_file'],
            'use_sim_time': value['use_sim_time'],
        }.items(),
    )


def _pose(value: dict, topics: dict) -> Node:
    return _node(
        value,
        'target_pose',
        [
            ('camera_info', topics['camera_info']),
            ('depth', topics['depth']),
            ('target_pose', value['target_pose']),
        ],
        method=value['method'],
        **({'target_frame': value['target_frame']} if value['target_frame'] else {}),
    )


def _start(context: LaunchContext) -> list:
    """Everything that depends on the values of the arguments."""
    value = values_of(context, ARGUMENTS)
    check_params_file('params_file', value['params_file'])
    topics = camera_topics(value)
    actions = [_tracker(value, topics['image']), _pose(value, topics)]
    if value['drive'] == 'true':
        names = [(name, value[name]) for name in ('cmd_vel', 'target_pose', 'scan')]
        actions.append(_node(value, 'follow_target', names))
    if value['candidates']:
        names = [('candidates', value['candidates'])]
        actions.append(_node(value, 'detector_bridge', names))
    return actions


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
