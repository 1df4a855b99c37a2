"""Doubles of `launch` and `launch_ros`, which are not on PyPI: a launch file as a list of nodes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]


class _Argument(SimpleNamespace):
    def __init__(self, name, **values):
        super().__init__(name=name, **values)


class _Configuration:
    def __init__(self, name):
        self.name = name

    def perform(self, context):
        return context[self.name]


class _Action(SimpleNamespace):
    def __init__(self, *values, **named):
        super().__init__(values=values, **named)


class Node(_Action):
    """The arguments of launch_ros.actions.Node, as attributes."""


MODULES = {
    'launch': {'LaunchContext': dict, 'LaunchDescription': list},
    'launch.actions': {
        'DeclareLaunchArgument': _Argument,
        'OpaqueFunction': _Action,
        'IncludeLaunchDescription': _Action,
    },
    'launch.substitutions': {'LaunchConfiguration': _Configuration},
    'launch.launch_description_sources': {'PythonLaunchDescriptionSource': _Action},
    'launch_ros': {},
    'launch_ros.actions': {'Node': Node},
    'ament_index_python': {},
    'ament_index_python.packages': {'get_package_share_directory': lambda package: str(ROOT)},
}


def described(monkeypatch, name, **values):
    """The nodes of launch/NAME.launch.py with these launch arguments, in order."""
    for module, content in MODULES.items():
        double = ModuleType(module)
        vars(double).update(content)
        monkeypatch.setitem(sys.modules, module, double)
    spec = importlib.util.spec_from_file_location(name, ROOT / f'launch/{name}.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    unknown = set(values) - {argument.name for argument in module.ARGUMENTS}
    assert not unknown, f'no such launch arguments: {unknown}'
    context = {argument.name: argument.default_value for argument in module.ARGUMENTS} | values
    return [action for action in module._start(context) if isinstance(action, Node)]
