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
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory('siamla_ros'))
PASSED = {
    'namespace': ('', 'namespace of all nodes'),
    'camera': ('none', 'none, usb_cam, realsense or oak: see follow.launch.py'),
    'image': ('', 'topic; empty: that of camera'),
    'camera_info': ('', 'topic; empty: that of camera'),
    'depth': ('', 'topic of aligned depth; empty: that of camera'),
    'method': ('height', 'depth, height, width or ground'),
    'device': ('', 'of the tracker: auto, cpu, cuda'),
    'use_sim_time': ('false', 'take the time from /clock'),
}
ARGUMENTS = (
    DeclareLaunchArgument(
        'target_frame', default_value='map', description='frame of the goals, by TF'
    ),
    DeclareLaunchArgument(
        'goal_update',
        default_value='goal_update',
        description="topic of bt_navigator's GoalUpdater",
    ),
    *(
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in PASSED.items()
    ),
)


def _start(context: LaunchContext) -> list:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    follow = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch/follow.launch.py')),
        launch_arguments={
            'drive': 'false',
            # after params_file, whose own target_frame would win over a SetParameter
            'target_frame': value('target_frame'),
            'target_pose': value('goal_update'),
            **{name: value(name) for name in PASSED},
        }.items(),
    )
    return [follow]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_start)])
