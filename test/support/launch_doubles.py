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
    """The nodes of launch/NAME.launch.py with these launch arguments, in order, without those of
    the files that it includes.
    """
    return [action for action in _actions(monkeypatch, name, values) if isinstance(action, Node)]


def launched(monkeypatch, name, **values):
    """The nodes of launch/NAME.launch.py and of all that it includes, by name."""
    nodes = {}
    for action in _actions(monkeypatch, name, values):
        if isinstance(action, Node):
            nodes[action.name] = action
        else:
            file = Path(action.values[0].values[0])
            passed = dict(action.launch_arguments)
            nodes.update(launched(monkeypatch, file.name.removesuffix('.launch.py'), **passed))
    return nodes


def loaded(monkeypatch, name):
    """The module of launch/NAME.launch.py."""
    for module, content in MODULES.items():
        double = ModuleType(module)
        vars(double).update(content)
        monkeypatch.setitem(sys.modules, module, double)
    spec = importlib.util.spec_from_file_location(name, ROOT / f'launch/{name}.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _actions(monkeypatch, name, values):
    module = loaded(monkeypatch, name)
    arguments = {argument.name: argument for argument in module.ARGUMENTS}
    unknown = set(values) - set(arguments)
    assert not unknown, f'no such launch arguments: {unknown}'
    for given, value in values.items():
        choices = getattr(arguments[given], 'choices', None)
        assert choices is None or value in choices, f'{given}: {value!r} is none of {choices}'
    context = {key: argument.default_value for key, argument in arguments.items()} | values
    return module._start(context)
