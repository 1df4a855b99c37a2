"""A differential robot that is late and lags, as real ones do."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

SUBSTEPS = 4


@dataclass(frozen=True)
class RobotLimits:
    """What the base can do, whatever it is told."""

    velocity: float = 1.0
    rate: float = 1.5
    acceleration: float = 1.5
    angular_acceleration: float = 5.0
    delay_s: float = 0.05
    lag_s: float = 0.12
    radius_m: float = 0.25


class Robot:
    """Pose in the world and the velocities that the base really has."""

    def __init__(self, limits: RobotLimits | None = None) -> None:
        self.limits = limits or RobotLimits()
        self.x = self.y = self.yaw = 0.0
        self.velocity = self.rate = 0.0
        self.way_m = 0.0
        self._commands: deque[tuple[float, float, float]] = deque()
        self._now_s, self._wish = 0.0, (0.0, 0.0)

    def command(self, velocity: float, rate: float) -> None:
        """A command, which takes effect after the delay."""
        self._commands.append((self._now_s + self.limits.delay_s, velocity, rate))

    def step(self, seconds: float) -> None:
        """Drive on for a while."""
        dt = seconds / SUBSTEPS
        for _ in range(SUBSTEPS):
            self._now_s += dt
            while self._commands and self._commands[0][0] <= self._now_s:
                _, *self._wish = self._commands.popleft()
            limits = self.limits
            self.velocity = _towards(
                self.velocity, self._wish[0], limits.velocity, limits.acceleration, limits.lag_s, dt
            )
            self.rate = _towards(
                self.rate, self._wish[1], limits.rate, limits.angular_acceleration, limits.lag_s, dt
            )
            self.yaw += self.rate * dt
            self.x += self.velocity * math.cos(self.yaw) * dt
            self.y += self.velocity * math.sin(self.yaw) * dt
            self.way_m += abs(self.velocity) * dt


def _towards(
    value: float, wish: float, limit: float, acceleration: float, lag_s: float, dt: float
) -> float:
    """First-order lag towards a wish under an acceleration limit."""
    wish = min(max(wish, -limit), limit)
    change = (wish - value) * min(dt / lag_s, 1.0)
    return value + min(max(change, -acceleration * dt), acceleration * dt)
