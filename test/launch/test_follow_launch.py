"""follow.launch.py and nav2_follow.launch.py describe their nodes: names, remaps, arguments."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip('launch_ros', reason='launch_ros is not installed')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from launch import LaunchContext

FOLDER = Path(__file__).resolve().parents[2] / 'launch'


def described(name, **values):
    """The module of a launch file, and the actions that it makes of these arguments."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f'{name}.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    for argument in module.ARGUMENTS:
        argument.execute(context)
        if argument.name in values:
            context.launch_configurations[argument.name] = values[argument.name]
    return module, module._start(context)


@pytest.mark.parametrize('name', ['follow', 'nav2_follow'])
def test_every_argument_is_described(name):
    module, _ = described(name)
    assert all(argument.description for argument in module.ARGUMENTS)


@pytest.mark.parametrize(('drive', 'nodes'), [('true', 2), ('false', 1)])
def test_the_robot_is_driven_by_one(drive, nodes):
    module, actions = described('follow', drive=drive, camera='realsense')
    assert len([action for action in actions if isinstance(action, module.Node)]) == nodes


def test_the_frame_and_topic_of_nav2_reach_target_pose():
    """A parameter set for all nodes lost against the empty target_frame of follow.yaml."""
    _, (included,) = described('nav2_follow', target_frame='map', goal_update='goal_update')
    passed = dict(included.launch_arguments)
    assert passed['target_frame'] == 'map' and passed['target_pose'] == 'goal_update'
    _, actions = described('follow', **passed)
    (node,) = [action for action in actions if action.__class__.__name__ == 'Node']
    names = [part.text for key in node._Node__parameters[-1] for part in key]
    assert 'target_frame' in names
