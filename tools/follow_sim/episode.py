"""A seeded episode: a target that walks, an occluder, a distractor, a leave and a return.

Events are placed relative to robot and target when they begin, so that each of them happens
whatever a controller did before.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from follow_sim import textures
from follow_sim.robot import Robot
from follow_sim.scene import Figure, Scene

PERSON_M = (1.7, 0.68)
START_M = 3.0
OCCLUDER_S, DISTRACTOR_S, LEAVE_S, AWAY_S, RETURN_M, END_S = 8.0, 13.0, 18.0, 4.0, 3.0, 29.0
RUN_M_S = 2.8


class Episode:
    """The figures of a seed, moved by `step`. `away`: the target has left the scene."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._rng = rng = np.random.default_rng(seed)
        self.scene = Scene(seed)
        hue = int(rng.integers(0, 180))
        distractor_hue = (hue + int(rng.integers(18, 40))) % 180
        self.target = Figure('target', START_M, 0.0, *PERSON_M, textures.person(rng, hue))
        self.distractor = Figure(
            'distractor', 0.0, 0.0, *PERSON_M, textures.person(rng, distractor_hue), present=False
        )
        self.occluder = Figure('occluder', 0.0, 0.0, 1.5, 1.0, textures.box(rng), present=False)
        self.now_s = 0.0
        self.away = False
        self._heading = rng.uniform(-0.3, 0.3)
        self._wander = rng.uniform(0.15, 0.4), rng.uniform(0.0, 6.3)
        changes = np.cumsum(rng.uniform(2.0, 4.0, 12))
        self._speeds = [(0.0, 0.5), *zip(changes, rng.choice([0.0, 0.3, 0.5, 0.7, 0.85], 12))]
        self._side = 1.0 if rng.random() < 0.5 else -1.0
        self._velocities: dict[str, tuple[float, float]] = {}
        self._begun: set[str] = set()

    @property
    def figures(self) -> list[Figure]:
        """All figures, present or not."""
        return [self.target, self.distractor, self.occluder]

    def snapshot(self) -> Episode:
        """A copy whose figures stand where they are now."""
        copied = copy.copy(self)
        copied.target, copied.distractor, copied.occluder = map(copy.copy, self.figures)
        return copied

    def step(self, dt: float, robot: Robot) -> None:
        """Move everybody on."""
        self.now_s += dt
        self._event('occluder', OCCLUDER_S, lambda: self._cross(self.occluder, 0.5, 0.9, robot))
        self._event(
            'distractor', DISTRACTOR_S, lambda: self._cross(self.distractor, 1.15, 0.9, robot)
        )
        self._event('leave', LEAVE_S, lambda: self._leave(robot))
        self._event('away', LEAVE_S + 2.0, self._vanish)
        self._event('return', LEAVE_S + AWAY_S, lambda: self._return(robot))
        self._event('on', LEAVE_S + AWAY_S + 1.6, lambda: self._walk_on(robot))
        self._velocities['target'] = self._target_velocity()
        for figure in self.figures:
            vx, vy = self._velocities.get(figure.name, (0.0, 0.0))
            figure.x, figure.y = figure.x + vx * dt, figure.y + vy * dt
            figure.way_m += math.hypot(vx, vy) * dt

    def _event(self, name: str, at_s: float, begin: object) -> None:
        if self.now_s >= at_s and name not in self._begun:
            self._begun.add(name)
            begin()

    def _target_velocity(self) -> tuple[float, float]:
        if 'leave' in self._begun and 'on' not in self._begun:
            return self._velocities['target'] if not self.away else (0.0, 0.0)
        speed = [value for at_s, value in self._speeds if at_s <= self.now_s][-1]
        if 'on' in self._begun:
            speed = max(speed, 0.4)
        rate, phase = self._wander
        angle = self._heading + 0.5 * math.sin(rate * self.now_s + phase)
        return speed * math.cos(angle), speed * math.sin(angle)

    def _cross(self, figure: Figure, share: float, speed: float, robot: Robot) -> None:
        """From the side through the line of sight, at a share of the distance to the target."""
        dx, dy = self.target.x - robot.x, self.target.y - robot.y
        distance = math.hypot(dx, dy)
        ahead, side = (dx / distance, dy / distance), (-dy / distance, dx / distance)
        offset = self._side * 3.0
        figure.present = True
        figure.x = robot.x + ahead[0] * share * distance + side[0] * offset
        figure.y = robot.y + ahead[1] * share * distance + side[1] * offset
        vx, vy = self._velocities.get('target', (0.0, 0.0))
        # with the target, so that the crossing happens there
        self._velocities[figure.name] = (
            0.7 * vx - side[0] * speed * self._side,
            0.7 * vy - side[1] * speed * self._side,
        )

    def _leave(self, robot: Robot) -> None:
        """Run out of the image, across the line of sight."""
        angle = math.atan2(self.target.y - robot.y, self.target.x - robot.x)
        angle += self._side * math.pi / 2.0
        self._velocities['target'] = (RUN_M_S * math.cos(angle), RUN_M_S * math.sin(angle))

    def _vanish(self) -> None:
        self.away, self.target.present = True, False

    def _return(self, robot: Robot) -> None:
        """Come back from the side into what the robot looks at."""
        self.away, self.target.present = False, True
        angle = robot.yaw + self._side * 0.8
        self.target.x = robot.x + RETURN_M * 1.2 * math.cos(angle)
        self.target.y = robot.y + RETURN_M * 1.2 * math.sin(angle)
        across = robot.yaw - self._side * math.pi / 2.0
        self._velocities['target'] = (1.2 * math.cos(across), 1.2 * math.sin(across))

    def _walk_on(self, robot: Robot) -> None:
        """Away from the robot."""
        self._heading = robot.yaw
        self._wander = 0.2, -0.2 * self.now_s
