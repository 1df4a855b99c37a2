"""Nav2 follows the target: target_pose publishes on `goal_update`, Nav2 plans and drives.

ros2 launch siamla_ros nav2_follow.launch.py target_frame:=map

It starts tracker and target_pose beside a Nav2 that runs already; follow_target is not started.
Start Nav2 with config/nav2_follow.yaml among its parameters, give the tracker a box, and send one
goal: the behavior tree then goes on updating it.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

from siamla_ros.ros.launch_files import declared, values_of

SHARE = Path(get_package_share_directory('siamla_ros'))
PASSED = declared(
    'namespace',
    'camera',
    'camera_name',
    'image',
    'camera_info',
    'depth',
    'method',
    'candidates',
    'device',
    'use_sim_time',
)
ARGUMENTS = (
    DeclareLaunchArgument(
        'target_frame', default_value='map', description='frame of the goals, by TF'
    ),
    DeclareLaunchArgument(
        'goal_update',
        default_value='goal_update',
        description="topic of bt_navigator's GoalUpdater",
    ),
    *PASSED,
)


def _start(context: LaunchContext) -> list:
    value = values_of(context, ARGUMENTS)
    follow = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch/follow.launch.py')),
        launch_arguments={
            'drive': 'false',
            # after params_file, whose own target_frame would win over a SetParameter
            'target_frame': value['target_frame'],
            'target_pose': value['goal_update'],
            **{argument.name: value[argument.name] for argument in PASSED},
        }.items(),
    )
    return [follow]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
