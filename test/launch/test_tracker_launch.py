"""tracker.launch.py: what it starts, on doubles of the launch system; and once on the real one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.launch_doubles import described

FILE = Path(__file__).resolve().parents[2] / 'launch/tracker.launch.py'
NAMES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


@pytest.fixture
def start(monkeypatch):
    """The nodes that the launch file starts with these arguments, by name."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def make(**values):
        nodes = described(monkeypatch, 'tracker', **values)
        return {node.name: node for node in nodes}

    return make


def test_by_default_the_tracker_alone_is_started_and_started_again(start):
    nodes = start()
    tracker = nodes['tracker']
    assert list(nodes) == ['tracker']
    assert tracker.respawn and tracker.respawn_delay == 2.0
    assert tracker.parameters[1] == {'use_sim_time': False, 'autostart': True}
    assert not start(respawn='false')['tracker'].respawn


@pytest.mark.parametrize('loop, again', [('true', True), ('false', False)])
def test_a_camera_is_started_again_unless_its_video_is_over(start, loop, again):
    nodes = start(video='clip.mp4', loop=loop, use_sim_time='true', image='cam/image')
    assert list(nodes) == ['tracker', 'camera']
    assert nodes['camera'].respawn is again
    for node in nodes.values():
        assert node.parameters[-1]['use_sim_time'] is True, 'it reaches both'
        assert ('image', 'cam/image') in node.remappings


@pytest.mark.parametrize(
    'distribution, names',
    [('jazzy', NAMES[1:]), ('kilted', NAMES[:1]), ('', NAMES)],
)
def test_the_profile_is_set_for_its_nodes_and_for_no_other(start, monkeypatch, distribution, names):
    """A launch file that includes this one, and its other nodes, keep their environment."""
    monkeypatch.setenv('ROS_DISTRO', distribution)
    before = dict(os.environ)
    nodes = start(video='clip.mp4')
    for node in nodes.values():
        assert set(node.additional_env) == set(names)
        assert all(Path(path).is_file() for path in node.additional_env.values())
    assert dict(os.environ) == before
    assert start(dds_profile='')['tracker'].additional_env == {}


def test_a_profile_of_the_user_is_kept(start, monkeypatch, tmp_path):
    own = tmp_path / 'own.xml'
    own.write_text('<dds/>')
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    monkeypatch.setenv(NAMES[0], str(own))
    nodes = described(monkeypatch, 'tracker')
    assert nodes[0].additional_env == {NAMES[0]: str(own)}


@pytest.mark.parametrize('content', [None, '\xff', 'a: [', 'tracker: {max_targets: 3}', ''])
@pytest.mark.parametrize('name', ['tracker', 'follow'])
def test_a_file_that_holds_no_parameters_is_named(monkeypatch, tmp_path, name, content):
    file = tmp_path / 'p.yaml'
    if content is not None:
        file.write_bytes(content.encode('latin-1'))
    with pytest.raises(RuntimeError, match='params_file is .*p.yaml.*, must'):
        described(monkeypatch, name, params_file=str(file))


def test_a_profile_that_is_missing_is_named(start):
    with pytest.raises(RuntimeError, match="dds_profile is '/nowhere.xml', must be"):
        start(dds_profile='/nowhere.xml')


def test_with_the_real_launch_system_it_becomes_active_and_ends_cleanly():
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
    code = f"""
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
values = {{'namespace': 'launched', 'device': 'cpu', 'image': 'camera/image'}}
included = IncludeLaunchDescription(
    PythonLaunchDescriptionSource({str(FILE)!r}), launch_arguments=values.items()
)
service = LaunchService()
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""
    launched = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = []
    try:
        for line in launched.stdout:
            said.append(line)
            if 'waiting for images on /launched/camera/image' in line:
                launched.send_signal(signal.SIGINT)
        launched.wait(30.0)
    finally:
        launched.kill()
    assert 'process has finished cleanly' in ''.join(said), ''.join(said)
