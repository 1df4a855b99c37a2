"""Starts tracker, target_pose and follow_target; the robot moves after ~/enable, not before.

ros2 launch siamla_ros follow.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
ros2 launch siamla_ros follow.launch.py camera:=realsense method:=depth namespace:=robot1
ros2 launch siamla_ros follow.launch.py --show-args
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from siamla_ros.ros.launch_files import check_params_file

PACKAGE = 'siamla_ros'
SHARE = Path(get_package_share_directory(PACKAGE))
# Image, camera_info and aligned depth as the drivers of these cameras name them.
CAMERAS = {
    'none': ('image', 'camera_info', 'depth'),
    'usb_cam': ('/image_raw', '/camera_info', 'depth'),
    'realsense': (
        '/camera/camera/color/image_raw',
        '/camera/camera/color/camera_info',
        '/camera/camera/aligned_depth_to_color/image_raw',
    ),
    'oak': ('/oak/rgb/image_raw', '/oak/rgb/camera_info', '/oak/stereo/image_raw'),
}
ARGUMENTS = (
    DeclareLaunchArgument('namespace', default_value='', description='namespace of all nodes'),
    DeclareLaunchArgument(
        'camera',
        default_value='none',
        choices=list(CAMERAS),
        description='driver whose topic names are the defaults: usb_cam, realsense '
        '(align_depth.enable:=true), oak (depth aligned to rgb)',
    ),
    DeclareLaunchArgument('image', default_value='', description='topic; empty: that of camera'),
    DeclareLaunchArgument(
        'camera_info', default_value='', description='topic; empty: that of camera'
    ),
    DeclareLaunchArgument(
        'depth', default_value='', description='topic of aligned depth; empty: that of camera'
    ),
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
        'method',
        default_value='height',
        choices=['depth', 'height', 'width', 'ground'],
        description='how the range is found',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(SHARE / 'config/follow.yaml'),
        description='YAML file with parameters of target_pose and follow_target',
    ),
    DeclareLaunchArgument(
        'tracker_params_file',
        default_value=str(SHARE / 'config/tracker.yaml'),
        description='YAML file with parameters of the tracker',
    ),
    DeclareLaunchArgument(
        'device', default_value='', description='of the tracker: auto, cpu, cuda'
    ),
    DeclareLaunchArgument(
        'drive',
        default_value='true',
        choices=['true', 'false'],
        description='start follow_target; false: poses alone, for Nav2',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='false',
        choices=['true', 'false'],
        description='take the time from /clock (bags, simulation)',
    ),
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


def _follower(value: dict) -> Node:
    topics = [('cmd_vel', value['cmd_vel']), ('target_pose', value['target_pose'])]
    return _node(value, 'follow_target', topics)


def _start(context: LaunchContext) -> list:
    """Everything that depends on the values of the arguments."""
    value = {
        argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS
    }
    check_params_file('params_file', value['params_file'])
    names = ('image', 'camera_info', 'depth')
    topics = {
        name: value[name] or default for name, default in zip(names, CAMERAS[value['camera']])
    }
    tracker = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch/tracker.launch.py')),
        launch_arguments={
            'namespace': value['namespace'],
            'image': topics['image'],
            'device': value['device'],
            'params_file': value['tracker_params_file'],
            'use_sim_time': value['use_sim_time'],
        }.items(),
    )
    pose = _node(
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
    if value['drive'] == 'false':
        return [tracker, pose]
    return [tracker, pose, _follower(value)]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
