"""One episode in a closed loop. No ROS, no clock but the simulated."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from follow_sim import lidar
from follow_sim.episode import END_S, Episode
from follow_sim.measures import Answer, Measures, Measuring, Moment, target_box
from follow_sim.robot import Robot

if TYPE_CHECKING:  # it needs what an evaluation needs
    from follow_sim.followers import Follower

RATE_HZ = 15.0
STEP_S = 1.0 / RATE_HZ
DELAY_STEPS = 2
"""Steps from an image to the answer: 0.13 s of transport, network and projection."""


def run(
    episode: Episode,
    follower: Follower,
    distance_m: float,
    watch: Callable[[Moment], None] | None = None,
    end_s: float = END_S,
) -> Measures:
    """Play an episode with a follower at the wheel."""
    robot, measure = Robot(), Measuring(distance_m)
    answers: deque[tuple[Answer, float]] = deque()
    scan = None
    for index in range(round(end_s * RATE_HZ)):
        now_s = index * STEP_S
        view = episode.scene.render(robot.x, robot.y, robot.yaw, episode.figures)
        if index == 0:
            follower.start(view.image_bgr, target_box(view))
        answer = follower.look(view.image_bgr, now_s)
        answers.append((answer, now_s))
        if len(answers) > DELAY_STEPS:
            late, stamp_s = answers.popleft()
            follower.take(late, stamp_s, now_s)
        if scan is not None:
            follower.feel(scan, now_s - STEP_S, now_s)
        scan = lidar.scan(robot, episode.figures)
        moment = Moment(now_s, robot, episode, view, answer)
        robot.command(*follower.drive(now_s))
        way_m = robot.way_m
        robot.step(STEP_S)
        episode.step(STEP_S, robot)
        measure.add(moment, robot.way_m - way_m)
        if watch is not None:
            watch(moment)
    return measure.result()
