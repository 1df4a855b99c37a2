"""The rooms of the package, and that imports only go down (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'siamla_ros'
# From top to bottom; rooms of one floor may not import each other in a circle.
FLOORS = (
    ('ros', 'cli'),
    ('calibration',),
    ('training',),
    ('evaluation',),
    ('online', 'navigation'),
    ('redetection',),
    ('identity',),
    ('supervision',),
    ('tracker',),
    ('runtime',),
    ('model',),
    ('datasets',),
    ('geometry',),
    ('configuration',),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
GENERATED = ('msg', 'srv')  # made by rosidl, for ros alone
ROS_MODULES = (
    'rclpy',
    'rcl_interfaces',
    'rosidl_runtime_py',
    'geometry_msgs',
    'sensor_msgs',
    'vision_msgs',
    'tf2_ros',
)


LONGEST_FILE = 300  # lines; a longer one has more than one responsibility


def modules() -> list[Path]:
    """Every module of a room."""
    return sorted(path for path in PACKAGE.rglob('*.py') if path.parent != PACKAGE)


def imported(path: Path) -> Iterator[str]:
    """Full names of what a module imports, also late."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield node.module or ''
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    """The rooms that a module imports."""
    names = (name.split('.') for name in imported(path) if name.startswith('siamla_ros.'))
    return {parts[1] for parts in names if parts[1] in FLOOR_OF or parts[1] in GENERATED}


@pytest.mark.parametrize('path', modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    allowed = {name for name, floor in FLOOR_OF.items() if floor > FLOOR_OF[room]} | {room}
    if room == 'ros':
        allowed |= set(GENERATED)
    assert rooms_of(path) <= allowed, f'{path}: imports from {sorted(rooms_of(path) - allowed)}'


@pytest.mark.parametrize('path', modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_ros_room_needs_ros(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] == 'ros':
        return
    found = {name.split('.')[0] for name in imported(path)} & set(ROS_MODULES)
    assert not found, f'{path}: imports {found}'


def test_few_modules_lie_outside_the_rooms() -> None:
    assert {path.name for path in PACKAGE.glob('*.py')} == {'__init__.py', 'configuration.py'}
    assert {p.name for p in PACKAGE.iterdir() if p.is_dir()} - {'__pycache__'} == (
        set(FLOOR_OF) - {'configuration'} | {'data'}
    )


def test_files_are_short() -> None:
    root = PACKAGE.parent
    folders = (PACKAGE, root / 'tools', root / 'test')
    files = [path for folder in folders for path in folder.rglob('*.py')]
    lengths = {path: len(path.read_text(encoding='utf-8').splitlines()) for path in files}
    assert len(lengths) > 100
    long = {str(path.relative_to(root)): n for path, n in lengths.items() if n > LONGEST_FILE}
    assert long == {}
