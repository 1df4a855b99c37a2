"""Starts the tracker, and with `video:=...` a camera that plays it.

ros2 launch siamla_ros tracker.launch.py image:=/camera/image_raw
ros2 launch siamla_ros tracker.launch.py video:=clip.mp4 device:=cpu namespace:=front
ros2 launch siamla_ros tracker.launch.py --show-args
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from siamla_ros.online.dds_profile import profile_variables
from siamla_ros.ros.launch_files import check_params_file, declared, values_of

PACKAGE = 'siamla_ros'
CONFIG = Path(get_package_share_directory(PACKAGE)) / 'config'
PROFILE_VARIABLES = profile_variables(os.environ.get('ROS_DISTRO', ''))
RESPAWN_DELAY_S = 2.0


def _default_profile() -> str:
    """The profile that the user has set already, or the shipped one."""
    chosen = [os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)]
    return chosen[0] if chosen else str(CONFIG / 'fastdds_profile.xml')


ARGUMENTS = (
    *declared('namespace'),
    DeclareLaunchArgument('name', default_value='tracker', description='name of the tracker node'),
    DeclareLaunchArgument(
        'params_file',
        default_value=str(CONFIG / 'tracker.yaml'),
        description='YAML file with parameters of the tracker',
    ),
    DeclareLaunchArgument(
        'model',
        default_value='',
        description='"default" or path of a checkpoint; empty: what params_file says',
    ),
    *declared('device'),
    DeclareLaunchArgument(
        'image', default_value='image', description='topic of the images to track in'
    ),
    *declared('use_sim_time'),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='of the tracker',
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value='true',
        choices=['true', 'false'],
        description='configure and activate at start',
    ),
    DeclareLaunchArgument(
        'dds_profile',
        default_value=_default_profile(),
        description='Fast DDS profile for large images; empty: none',
    ),
    DeclareLaunchArgument(
        'respawn',
        default_value='true',
        choices=['true', 'false'],
        description='start the tracker (and a camera that loops) again when it ends; a tracker '
        'that was started again has no target: publish the box on "init" once more',
    ),
    DeclareLaunchArgument(
        'video',
        default_value='',
        description='video file, folder of images or webcam number to play as a camera',
    ),
    DeclareLaunchArgument(
        'video_rate', default_value='0.0', description="images a second; 0.0: the video's own"
    ),
    DeclareLaunchArgument(
        'loop',
        default_value='true',
        choices=['true', 'false'],
        description='play it again and again',
    ),
)


def _environment(profile: str) -> dict:
    """The profile for the nodes started from here alone; other cameras must set it themselves."""
    if not profile:
        return {}
    if not Path(profile).is_file():
        raise RuntimeError(f'dds_profile is {profile!r}, must be an existing file or empty')
    return dict.fromkeys(PROFILE_VARIABLES, profile)


def _common(value: dict) -> dict:
    """What tracker and camera have in common."""
    return {
        'package': PACKAGE,
        'namespace': value['namespace'],
        'output': 'screen',
        'emulate_tty': True,
        'additional_env': _environment(value['dds_profile']),
        'respawn_delay': RESPAWN_DELAY_S,
    }


def _tracker(value: dict) -> Node:
    parameters = {
        'use_sim_time': value['use_sim_time'] == 'true',
        'autostart': value['autostart'] == 'true',
    }
    parameters.update({name: value[name] for name in ('model', 'device') if value[name]})
    image = value['image']
    return Node(
        **_common(value),
        executable='tracker_node',
        respawn=value['respawn'] == 'true',
        name=value['name'],
        parameters=[value['params_file'], parameters],
        remappings=[('image', image), ('image/compressed', f'{image}/compressed')],
        ros_arguments=['--log-level', value['log_level']],
    )


def _camera(value: dict) -> Node:
    return Node(
        **_common(value),
        executable='camera_node',
        # launch starts a process again however it ended; a video that is over is over
        respawn=value['respawn'] == 'true' and value['loop'] == 'true',
        name='camera',
        parameters=[
            {
                'use_sim_time': value['use_sim_time'] == 'true',
                'source': value['video'],
                'rate': float(value['video_rate']),
                'loop': value['loop'] == 'true',
                'wait_for_subscribers': 1,
            }
        ],
        remappings=[('image', value['image'])],
    )


def _start(context: LaunchContext) -> list:
    """Everything that depends on the values of the arguments."""
    value = values_of(context, ARGUMENTS)
    check_params_file('params_file', value['params_file'])
    return [_tracker(value)] + ([_camera(value)] if value['video'] else [])


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
