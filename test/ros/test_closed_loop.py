"""A simulated robot and the real nodes as processes: it follows, stops when the target is LOST, and
goes on when it is back. In lockstep with the answers: how busy the machine is does not matter.
"""

import math

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')
pytest.importorskip('torch', reason='torch is not installed')

from follow_sim.counterpart import Counterpart
from follow_sim.episode import Episode
from follow_sim.loop import DELAY_STEPS, STEP_S
from follow_sim.node_loop import FOLLOW_TARGET, NodeLoop
from support.processes import parameters

from siamla_ros.supervision.supervisor import State

NAMESPACE = '/closed_loop'
DISTANCE_M = 2.0
ENABLE_S, GONE_S, BACK_S, END_S = 0.6, 5.0, 6.5, 10.0
SETTLE_S = 3.5
RETURN_M = 3.5
STOP_S = 0.5
"""From LOST to standing still: the delay and lag of the simulated base."""


@pytest.fixture
def loop(ros, spawn):
    """The graph with range by depth image; seed 0."""
    nodes = {
        'tracker': ('tracker_node', {'device': 'cpu'}),
        'target_pose': ('target_pose_node', {'method': 'depth'}),
        'follow_target': ('follow_target_node', {**FOLLOW_TARGET, 'distance_m': DISTANCE_M}),
    }
    remaps = ['-r', f'__ns:={NAMESPACE}', '-r', f'/clock:={NAMESPACE}/clock']
    processes = [
        spawn(name, module, *parameters(use_sim_time='true', **values), *remaps)
        for name, (module, values) in nodes.items()
    ]

    def check():
        for process in processes:
            assert process.child.poll() is None, process.text

    counterpart = Counterpart(NAMESPACE, check)
    counterpart.wait_for_nodes()
    loop = NodeLoop(Episode(0), counterpart, DISTANCE_M)
    loop.begin()
    yield loop, counterpart
    counterpart.close()
    for process in processes:  # cleanly: a participant that is killed leaves shared memory
        process.end()


def distances(moments):
    pairs = [(moment.episode.target, moment.robot) for moment in moments]
    return [math.hypot(target.x - robot.x, target.y - robot.y) for target, robot in pairs]


def follows(loop):
    """Driving after the target at its distance, and every pose is where the target is."""
    loop.enable()
    moments = list(loop.steps(GONE_S))
    assert {moment.answer.state for moment in moments} == {State.TRACKING}
    settled = [moment for moment in moments if moment.now_s > SETTLE_S]
    assert np.max(np.abs(np.array(distances(settled)) - DISTANCE_M)) < 1.0
    assert loop.robot.way_m > 1.0 and distances(moments)[-1] < max(distances(moments)) - 0.5
    poses = [moment for moment in moments if moment.answer.position_m is not None]
    assert len(poses) > 0.9 * len(moments)
    told = [math.hypot(*moment.answer.position_m) for moment in poses]
    assert told == pytest.approx(distances(poses), rel=0.05)


def stops(loop, counterpart):
    """LOST when the target is gone, zero from then on, and standing still."""
    loop.episode.target.present = False
    moments = list(loop.steps(BACK_S))
    states = [moment.answer.state.name for moment in moments]
    lost = [moment.now_s for moment in moments if moment.answer.lost]
    assert lost and moments[-1].answer.lost, states
    assert not any(moment.answer.box_xywh for moment in moments if moment.now_s >= lost[0])
    # the answer to an image comes DELAY_STEPS later, and velocities of that step may be older
    heard_s = lost[0] + (DELAY_STEPS + 1) * STEP_S
    after = [(ahead, turn) for stamp_s, ahead, turn in counterpart.velocities if stamp_s > heard_s]
    assert len(after) > 10 and set(after) == {(0.0, 0.0)}
    still = [moment.robot.way_m for moment in moments if moment.now_s > heard_s + STOP_S]
    assert len(still) > 2 and still[-1] - still[0] < 0.01


def test_a_robot_stands_until_enabled_follows_stops_when_lost_and_goes_on(loop):
    loop, counterpart = loop
    before = list(loop.steps(ENABLE_S))
    assert {moment.answer.state for moment in before} == {State.TRACKING}
    assert counterpart.velocities == [] and loop.robot.way_m == 0.0
    follows(loop)
    stops(loop, counterpart)

    robot, target = loop.robot, loop.episode.target
    target.x = robot.x + RETURN_M * math.cos(robot.yaw)
    target.y = robot.y + RETURN_M * math.sin(robot.yaw)
    target.present, way_m = True, robot.way_m
    on = next((moment for moment in loop.steps(END_S) if robot.way_m > way_m + 0.3), None)
    assert on is not None, 'it does not go on'
    assert on.answer.state is State.TRACKING and on.answer.box_xywh is not None
