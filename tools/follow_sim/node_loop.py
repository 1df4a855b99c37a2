"""One episode in a closed loop with the real nodes over DDS: in lockstep, with late images."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from follow_sim import lidar
from follow_sim.counterpart import Counterpart
from follow_sim.episode import Episode
from follow_sim.loop import DELAY_STEPS, STEP_S
from follow_sim.measures import Answer, Measures, Measuring, Moment, target_box
from follow_sim.robot import Robot
from follow_sim.scene import View

CONTROL_RATE_HZ = 40.0
VELOCITIES = 2
"""Velocities after the answer to an image that a step waits for: the last one heeds it."""
FOLLOW_TARGET = {
    'rate_hz': CONTROL_RATE_HZ,
    'max_linear': 1.0,
    'obstacles': 'scan',
    # arrivals are measured by the wall clock, and a busy machine plays the episode slowly
    'timeout_s': 10.0,
}
"""Parameters of follow_target besides its defaults."""


class NodeLoop:
    """Plays an episode with the nodes at the wheel: `begin`, then `step` as long as wanted.

    Images reach the nodes `DELAY_STEPS` steps late, with the stamps of when they were taken.
    """

    def __init__(self, episode: Episode, counterpart: Counterpart, distance_m: float) -> None:
        self.episode, self.robot = episode, Robot()
        self._nodes = counterpart
        self._measuring = Measuring(distance_m)
        self._waiting: deque[Moment] = deque()
        self._ways_m: deque[float] = deque()
        self._index = 0
        self.enabled = False

    @property
    def now_s(self) -> float:
        """The simulated time."""
        return self._index * STEP_S

    @property
    def measures(self) -> Measures:
        """The figures so far."""
        return self._measuring.result()

    def begin(self) -> None:
        """Name the target in the first image, before anything moves."""
        view = self._render()
        self._nodes.tick(0.0)
        self._nodes.show(view, -STEP_S)
        self._nodes.init(target_box(view), -STEP_S)

    def enable(self) -> None:
        """From now on the robot may move."""
        self._nodes.enable(True)
        self.enabled = True

    def steps(self, end_s: float) -> Iterator[Moment]:
        """Play on until a time; yields moments as their images are answered."""
        while self.now_s < end_s:
            moment = self.step()
            if moment is not None:
                yield moment

    def step(self) -> Moment | None:
        """One step of the world; the moment whose image was answered, once there is one."""
        now_s = self.now_s
        moment = Moment(now_s, self.robot, self.episode, self._render(), Answer(None))
        self._waiting.append(moment.kept())
        self._nodes.tick(now_s)
        self._nodes.scan(lidar.scan(self.robot, self.episode.figures), now_s)
        answered = None
        if len(self._waiting) > DELAY_STEPS:
            late = self._waiting.popleft()
            answered = replace(late, answer=self._nodes.show(late.view, late.now_s))
            self._measuring.add(answered, self._ways_m.popleft())
        self._drive()
        return answered

    def _drive(self) -> None:
        velocities = self._nodes.velocities
        if self.enabled:
            count = len(velocities) + VELOCITIES
            self._nodes.wait(lambda: len(velocities) >= count, 'velocities')
        if velocities:
            self.robot.command(*velocities[-1][1:])
        way_m = self.robot.way_m
        self.robot.step(STEP_S)
        self.episode.step(STEP_S, self.robot)
        self._ways_m.append(self.robot.way_m - way_m)
        self._index += 1

    def _render(self) -> View:
        robot = self.robot
        return self.episode.scene.render(robot.x, robot.y, robot.yaw, self.episode.figures)
