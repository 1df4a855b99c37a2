"""What launch files share: arguments that several have, the topics of cameras, and checks.

A node would only log what is wrong with a file of parameters, or end.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

SWITCH = ['true', 'false']


class Topics(NamedTuple):
    """Topics of a camera driver below its name: image, camera_info, aligned depth."""

    name: str
    image: str
    camera_info: str
    depth: str


CAMERAS = {
    'none': Topics('', 'image', 'camera_info', 'depth'),
    'usb_cam': Topics('', 'image_raw', 'camera_info', 'depth'),
    'realsense': Topics(
        'camera/camera',
        'color/image_raw',
        'color/camera_info',
        'aligned_depth_to_color/image_raw',
    ),
    'oak': Topics('oak', 'rgb/image_raw', 'rgb/camera_info', 'stereo/image_raw'),
}
"""As the drivers name them; none is absolute, so that a namespace holds all of a robot."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    'namespace': {
        'default_value': '',
        'description': 'namespace of all nodes and of topics that do not begin with /',
    },
    'camera': {
        'default_value': 'none',
        'choices': list(CAMERAS),
        'description': 'driver whose topic names are the defaults: usb_cam, realsense '
        '(align_depth.enable:=true), oak (depth aligned to rgb)',
    },
    'camera_name': {
        'default_value': '',
        'description': 'what its topics begin with; empty: as the driver does (camera/camera, oak)',
    },
    'image': {'default_value': '', 'description': 'topic; empty: that of camera'},
    'camera_info': {'default_value': '', 'description': 'topic; empty: that of camera'},
    'depth': {
        'default_value': '',
        'description': 'topic of aligned depth; empty: that of camera',
    },
    'method': {
        'default_value': 'height',
        'choices': ['depth', 'height', 'width', 'ground'],
        'description': 'how the range is found',
    },
    'device': {
        'default_value': '',
        'description': 'of the tracker: auto, cpu, cuda or cuda:N; empty: its parameter file',
    },
    'candidates': {
        'default_value': '',
        'description': 'Detection2DArray of any detector, for a target that was lost; starts '
        'detector_bridge; empty: none',
    },
    'use_sim_time': {
        'default_value': 'false',
        'choices': SWITCH,
        'description': 'take the time from /clock (bags, simulation)',
    },
}
"""Arguments that several launch files have, as DeclareLaunchArgument takes them."""


def declared(*names: str) -> list[Any]:
    """DeclareLaunchArgument of some of `ARGUMENTS`, in that order."""
    from launch.actions import DeclareLaunchArgument  # only where something is launched

    return [DeclareLaunchArgument(name, **ARGUMENTS[name]) for name in names]


def values_of(context: Any, arguments: Iterable[Any]) -> dict[str, str]:
    """The values of declared arguments, by name."""
    from launch.substitutions import LaunchConfiguration

    return {item.name: LaunchConfiguration(item.name).perform(context) for item in arguments}


def camera_topics(value: dict[str, str]) -> dict[str, str]:
    """Topics of `image`, `camera_info` and `depth` by the arguments of these names, `camera` and
    `camera_name`.
    """
    topics = CAMERAS[value['camera']]
    name = (value['camera_name'] or topics.name).rstrip('/')
    begin = f'{name}/' if name or value['camera_name'] else ''
    return {
        key: value[key] or begin + getattr(topics, key) for key in ('image', 'camera_info', 'depth')
    }


def check_params_file(name: str, path: str) -> None:
    """Refuse what is no file of parameters.

    Args:
        name: of the launch argument.
        path: its value.

    Raises:
        RuntimeError: Not a YAML file with parameters of some node.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuntimeError(f'{name} is {path!r}, must be a YAML file: {error}') from error
    if 'ros__parameters' not in str(content):
        raise RuntimeError(f'{name} is {path!r}, must hold <node name>: ros__parameters: ...')
