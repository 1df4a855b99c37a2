"""tools/with_env gives the names of the documentation where no command of that name exists."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'tools/with_env'


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose `python` and `camera_node` print their arguments."""
    monkeypatch.delenv('SIAMLA_ROS', raising=False)  # set by `make test ROS=jazzy`
    (tmp_path / 'tools').mkdir()
    shutil.copy(SCRIPT, tmp_path / 'tools/with_env')
    (tmp_path / 'tools/env.sh').write_text(f'PATH={tmp_path}/bin:/usr/bin:/bin\n')
    for path in ('bin/python', '.ws/install/lib/siamla_ros/camera_node'):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(f'#!/bin/bash\nprintf "%s|" {file.name} "$@"\n')
        file.chmod(0o755)
    return tmp_path


def run(checkout, *arguments):
    return subprocess.run(
        [checkout / 'tools/with_env', *arguments], capture_output=True, text=True, check=False
    )


def test_siamla_runs_without_a_console_script(checkout):
    assert run(checkout, 'siamla', 'track', 'a b').stdout == (
        'python|-m|siamla_ros.cli.main|track|a b|'
    )


def test_nodes_run_without_the_ros2_command(checkout):
    done = run(checkout, 'ros2', 'run', 'siamla_ros', 'camera_node', '--ros-args', '-p', 'x:=1 2')
    assert done.stdout == 'camera_node|--ros-args|-p|x:=1 2|'


def test_nodes_of_another_ros_come_from_its_own_workspace(checkout, monkeypatch):
    shutil.move(checkout / '.ws', checkout / '.ws-jazzy')
    assert run(checkout, 'ros2', 'run', 'siamla_ros', 'camera_node').returncode == 127
    monkeypatch.setenv('SIAMLA_ROS', 'jazzy')
    assert run(checkout, 'ros2', 'run', 'siamla_ros', 'camera_node').stdout == 'camera_node|'


@pytest.mark.parametrize('rest', [['topic', 'list'], ['run', 'siamla_ros', 'other']])
def test_what_is_missing_is_said(checkout, rest):
    done = run(checkout, 'ros2', *rest)
    assert done.returncode == 127 and 'no ros2 command' in done.stderr


@pytest.mark.parametrize('node', [[], ['other']])
def test_a_wrong_node_is_answered_with_those_there_are(checkout, node):
    done = run(checkout, 'ros2', 'run', 'siamla_ros', *node)
    assert done.returncode == 127 and done.stderr.endswith('NODE is one of: camera_node\n')


def test_other_commands_run_as_they_are(checkout):
    assert run(checkout, 'echo', 'a  b').stdout == 'a  b\n'
