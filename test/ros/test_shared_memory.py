"""Shared memory of Fast DDS: nothing is left at exit, dead segments go, and UDP is noticed."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
from support.scenes import picture

from siamla_ros.online.dds_profile import PROFILE_VARIABLES, profile_variables
from siamla_ros.ros.shared_memory import (
    own_segments,
    profile_is_set,
    remove_dead_segments,
    segments_of,
    transport_in_use,
)

ROOT = Path(__file__).resolve().parents[2]
DOUBLES = str(ROOT / 'test/support/ros_doubles.py')
PROFILE = ROOT / 'config/fastdds_profile.xml'
LIMIT_S = 60.0
WORKSPACE = '.ws' + (f'-{os.environ["SIAMLA_ROS"]}' if os.environ.get('SIAMLA_ROS') else '')
PAGE_PORT = ['--ros-args', '-p', 'port:=0']


@pytest.fixture
def start():
    """Starts a node and waits for a word in its output. None survives the test."""
    children = []

    def begin(command, words):
        child = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        children.append(child)
        for line in child.stdout:
            if words in line:
                return child
        raise AssertionError(f'{command} ended without {words!r}')

    yield begin
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


TRACKER = ([DOUBLES, 'identity'], 'active: waiting for images')
PAGE = (['-m', 'siamla_ros.ros.operator_page_node', *PAGE_PORT], 'open http://')


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('node', [TRACKER, PAGE], ids=['tracker', 'page'])
def test_a_clean_exit_leaves_no_segment(start, node, how):
    child = start(*node)
    own = set(segments_of(child.pid))
    assert own
    child.send_signal(how)
    assert child.wait(LIMIT_S) == 0
    assert own & set(os.listdir('/dev/shm')) == set()


@pytest.mark.parametrize(
    'node, how',
    [
        ('tracker', signal.SIGINT),
        ('operator_page', signal.SIGINT),
        ('operator_page', signal.SIGTERM),
        ('camera', signal.SIGINT),
        ('recorder', signal.SIGTERM),
        ('detector_bridge', signal.SIGINT),
        ('target_pose', signal.SIGTERM),
        ('follow_target', signal.SIGINT),
    ],
)
def test_a_signal_in_the_middle_of_the_start_leaves_no_segment_and_no_traceback(
    node, how, tmp_path
):
    """The segment is there before the node is: rclpy raises out of its constructor."""
    image = tmp_path / '0.png'
    cv2.imwrite(str(image), picture())
    module = ['-m', f'siamla_ros.ros.{node}_node'.replace('bridge_node', 'bridge')]
    arguments = {
        'tracker': [DOUBLES, 'identity'],
        'operator_page': [*module, *PAGE_PORT],
        'camera': [*module, '--ros-args', '-p', f'source:={tmp_path}'],
    }
    child = subprocess.Popen(
        [sys.executable, *arguments.get(node, module)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    own, end_s = set(), time.monotonic() + LIMIT_S
    while not own and time.monotonic() < end_s:
        own = set(segments_of(child.pid))
    child.send_signal(how)
    said, _ = child.communicate(timeout=LIMIT_S)
    assert own and child.returncode == 0 and 'Traceback' not in said, said
    assert own & set(os.listdir('/dev/shm')) == set()


def test_a_context_that_ends_before_the_node_is_spun_ends_it_quietly(tmp_path):
    code = (
        'import rclpy, sys; from rclpy.node import Node; from siamla_ros.ros.running import run\n'
        'class Page(Node):\n'
        "    def __init__(self): super().__init__('late'); rclpy.shutdown()\n"
        "    def close(self): print('closed')\n"
        'sys.exit(run(Page))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'closed\n', '')


def test_the_next_start_removes_what_a_killed_process_left(start):
    dead = start(*TRACKER)
    left = set(segments_of(dead.pid))
    alive = start(*TRACKER)
    kept = set(segments_of(alive.pid))
    dead.kill()
    dead.wait(LIMIT_S)
    assert left and left <= set(os.listdir('/dev/shm')), 'kill -9 leaves its segment'
    time.sleep(2.1)  # younger ones may belong to a process that is just starting
    start(*TRACKER)
    names = set(os.listdir('/dev/shm'))
    assert left & names == set() and {f'{name}_el' for name in left} & names == set()
    assert kept <= names, 'the segment of a living process is not touched'


def test_a_lock_of_another_that_is_only_open_is_not_counted():
    """A participant that starts opens the locks of all others, to see whether they live."""
    name = Path(f'/dev/shm/fastdds_{os.getpid():016x}')
    lock = name.with_name(f'{name.name}_el')
    owner = (
        'import fcntl, sys; f = open(sys.argv[1], "w"); fcntl.flock(f, fcntl.LOCK_EX);'
        'print(flush=True); input()'
    )
    other = subprocess.Popen(
        [sys.executable, '-c', owner, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        other.stdout.readline()
        with lock.open() as file:
            assert name.name in os.readlink(f'/proc/self/fd/{file.fileno()}')
            assert name.name not in own_segments()
            assert name.name in segments_of(other.pid)
            other.communicate(b'\n', timeout=LIMIT_S)
            assert segments_of(other.pid) == []
            fcntl.flock(file, fcntl.LOCK_EX)
            assert name.name in own_segments()
        assert name.name not in own_segments()
    finally:
        other.kill()
        lock.unlink()


def test_only_segments_without_an_owner_are_removed(tmp_path):
    def segment(number, age_s=60.0, name='fastdds'):
        name = tmp_path / f'{name}_{number:016x}'
        lock = tmp_path / f'{name.name}_el'
        name.write_bytes(b'x' * 100)
        lock.write_bytes(b'')
        os.utime(lock, (time.time() - age_s,) * 2)
        return name, lock

    dead, held, young = segment(1), segment(2), segment(3, age_s=0.0)
    older = segment(4, name='fastrtps')
    others = [tmp_path / name for name in ('fastdds_port7400', 'fastdds_port7400_el', 'other_el')]
    for path in others:
        path.write_bytes(b'')
    with held[1].open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_dead_segments(tmp_path) == 200
    assert not any(path.exists() for path in (*dead, *older))
    assert all(path.exists() for path in (*held, *young, *others))
    assert remove_dead_segments(tmp_path / 'nowhere') == 0


@pytest.mark.parametrize(
    'rmw, segments, transport, words',
    [
        ('rmw_fastrtps_cpp', 1, 'shared memory', ''),
        ('rmw_fastrtps_cpp', 0, 'UDP', '/dev/shm has 67 MB, 3 MB of them free'),
        ('rmw_zenoh_cpp', 0, 'of rmw_zenoh_cpp', ''),
    ],
)
def test_the_transport_in_words(rmw, segments, transport, words):
    name, problem = transport_in_use(rmw, segments, 67_108_864, 3_000_000)
    assert name == transport and words in problem and bool(problem) == bool(words)


def test_this_process_has_a_segment_of_the_size_that_the_profile_says(ros):
    names = profile_variables(os.environ['ROS_DISTRO'])
    assert {os.environ[name] for name in names} == {str(PROFILE)}
    node = ros.create_node('owner')
    try:
        sizes = [Path('/dev/shm', name).stat().st_size for name in own_segments()]
        assert len(sizes) >= 1 and 16e6 < max(sizes) < 24e6, sizes
    finally:
        node.destroy_node()


@pytest.mark.parametrize(
    'distribution, names',
    [
        ('humble', ['FASTRTPS_DEFAULT_PROFILES_FILE']),
        ('jazzy', ['FASTRTPS_DEFAULT_PROFILES_FILE']),
        ('kilted', ['FASTDDS_DEFAULT_PROFILES_FILE']),
        ('', ['FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE']),
    ],
)
def test_the_profile_is_looked_for_where_the_distribution_does(monkeypatch, distribution, names):
    assert list(profile_variables(distribution)) == names
    monkeypatch.setenv('ROS_DISTRO', distribution)
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in PROFILE_VARIABLES:
        monkeypatch.setenv(name, str(PROFILE))
        assert profile_is_set() == (name in names)
        monkeypatch.delenv(name)


@pytest.mark.skipif(not (ROOT / WORKSPACE / 'ros').exists(), reason='not made by make setup')
def test_the_environment_of_the_checkout_applies_the_profile_without_a_warning():
    """Fast DDS 2 ignores one name, Fast DDS 3 warns of the other."""
    code = (
        'import os, rclpy; from siamla_ros.ros import shared_memory as s; rclpy.init();'
        "n = rclpy.create_node('n');"
        "print(max(os.stat(f'/dev/shm/{x}').st_size for x in s.own_segments()))"
    )
    environment = {k: v for k, v in os.environ.items() if k not in PROFILE_VARIABLES}
    done = subprocess.run(
        [ROOT / 'tools/with_env', 'python', '-c', code],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=environment,
    )
    assert 'deprecated' not in done.stderr and int(done.stdout) > 16e6, done


@pytest.mark.skipif(
    not shutil.which('unshare')
    or subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode != 0,
    reason='needs the right to unshare mounts',
)
@pytest.mark.parametrize('megabytes, transport', [(64, 'shared memory'), (8, 'UDP')])
def test_the_profile_fits_into_the_shared_memory_of_a_container(megabytes, transport):
    code = (
        'import rclpy; from siamla_ros.ros import shared_memory as s; rclpy.init();'
        "n = rclpy.create_node('n'); print(s.transport_in_use("
        "'rmw_fastrtps_cpp', len(s.own_segments()), *s.shared_memory_size()))"
    )
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs /dev/shm && exec "$0" -c "$1"'
    done = subprocess.run(
        ['unshare', '-m', 'sh', '-c', mount, sys.executable, code],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert f"('{transport}'" in done.stdout, done.stdout + done.stderr
    assert ('/dev/shm has 8 MB' in done.stdout) == (transport == 'UDP'), done.stdout
