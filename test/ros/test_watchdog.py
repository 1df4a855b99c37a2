"""The robot stops when a process dies, gets slow, or sends old stamps: real nodes as processes.

Times are differences of stamps, and by how much a busy machine sent the velocities themselves too
late is taken off.
"""

import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

import cv2
from support.graph import spun, wait_until
from support.processes import parameters
from support.scenes import SIDE, picture
from support.velocity_log import LIMIT_S, PERIOD_S, PLACE, VelocityLog, lateness

from siamla_ros.navigation.follow_config import FollowConfig

DOUBLES = str(Path(__file__).resolve().parents[1] / 'support/ros_doubles.py')
CONFIG = FollowConfig()  # what is promised, is promised for the defaults
STEPS_OF_RAMP = round(CONFIG.stop_time_s / CONFIG.period_s) + 1
RANGE_M, ZEROS = 6.0, 10


@pytest.fixture
def graph(ros, spawn, tmp_path):
    """Makes a graph whose camera is a process or the test; gives log and processes."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f'{number}.png'), picture(PLACE[0]))
    camera = {'source': folder, 'loop': 'true', 'rate': 1 / PERIOD_S, 'publish_camera_info': 'true'}
    nodes = {
        'tracker': ((DOUBLES, 'slow on white'), {}),
        'target_pose': (('target_pose_node',), {'target_height_m': RANGE_M * SIDE / 320}),
        'follow_target': (('follow_target_node',), {}),
        'camera': (('camera_node',), camera),
    }

    @contextmanager
    def make(namespace, films):
        made = {
            name: spawn(name, *command, *parameters(**values), '-r', f'__ns:=/{namespace}')
            for name, (command, values) in nodes.items()
            if name != 'camera' or not films
        }
        with spun(VelocityLog(f'/{namespace}', films)) as log:
            log.get_moving()
            yield log, made
        for process in made.values():
            if process.child.poll() is None:
                process.end()

    return make


def assert_stopped_in_time(log, last_pose_s):
    """From the last good pose: the timeout, a ramp, and zero for good. On a busy machine the robot
    may have stood for a moment before that pose arrived.
    """
    sent = log.after(last_pose_s)
    stopped = max((i + 1 for i, velocity in enumerate(sent) if any(velocity[1:])), default=0)
    assert len(sent) - stopped >= ZEROS, 'not zero for good'
    late_s = lateness(sent[: stopped + 1], CONFIG.period_s)
    took_s = sent[stopped][0] - last_pose_s - late_s
    limit_s = CONFIG.timeout_s + CONFIG.stop_time_s + 2 * CONFIG.period_s
    assert took_s <= limit_s, f'{took_s:.2f} s, {sent}'
    due_s = last_pose_s + CONFIG.timeout_s + CONFIG.period_s
    ramp = [ahead for stamp_s, ahead, _ in sent[:stopped] if stamp_s > due_s][1:]
    assert ramp == sorted(ramp, reverse=True) and len(ramp) <= STEPS_OF_RAMP, sent


@pytest.mark.parametrize('victim', ['camera', 'tracker'])
def test_a_process_that_is_killed_stops_the_robot(graph, victim):
    with graph(f'killed_{victim}', films=False) as (log, processes):
        processes[victim].end(signal.SIGKILL)
        log.wait_for_zeros(ZEROS)
        assert_stopped_in_time(log, log.poses[-1])


@pytest.mark.parametrize('fault', ['slow', 'old'])
def test_answers_that_are_too_old_stop_the_robot(graph, fault):
    """A tracker that takes half a second for an image, or a camera whose stamps are late."""
    with graph(fault, films=True) as (log, _):
        log.white, log.lag_s = fault == 'slow', 0.5 if fault == 'old' else 0.0
        log.wait_for_zeros(ZEROS)
        wait_until(lambda: log.first_late_s is not None, 'no late image', LIMIT_S)
        good = [stamp_s for stamp_s in log.poses if stamp_s < log.first_late_s]
        count = len(log.poses)
        if fault == 'slow':
            wait_until(lambda: len(log.poses) > count + 2, 'no late poses', LIMIT_S)
        log.wait_for_zeros(ZEROS)
        assert_stopped_in_time(log, good[-1] if fault == 'slow' else log.first_late_s + log.lag_s)
