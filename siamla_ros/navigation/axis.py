"""One axis of velocity under limits of velocity, acceleration and jerk."""

from __future__ import annotations

from dataclasses import dataclass

BISECTIONS = 50
NOTHING = 1e-9
"""A difference below it is none: a robot that stands gets zeros."""


@dataclass(frozen=True)
class AxisLimits:
    """Limits of one axis, in m or rad.

    Attributes:
        velocity: largest absolute velocity, 1/s.
        acceleration: largest absolute acceleration away from rest, 1/s^2.
        deceleration: the same towards rest, 1/s^2.
        jerk: largest change of the acceleration, 1/s^3.
        stop_time_s: longest time of a braking from full velocity.
        period_s: time of one step.
    """

    velocity: float
    acceleration: float
    deceleration: float
    jerk: float
    stop_time_s: float
    period_s: float


@dataclass(frozen=True)
class Axis:
    """Velocity and acceleration of one axis."""

    velocity: float = 0.0
    acceleration: float = 0.0


STILL = Axis()


def approach(axis: Axis, wish: float, limits: AxisLimits) -> Axis:
    """One step towards a wished velocity within all limits and without overshoot.

    The acceleration is the largest from which a ramp at the jerk limit ends at the wish. As long as
    every step is made so, the ramp stays within the velocity limit whatever the wishes are.
    """
    wish = min(max(wish, -limits.velocity), limits.velocity)
    if abs(axis.velocity - wish) < NOTHING and abs(axis.acceleration) < NOTHING:
        return Axis(wish)
    low = -(limits.deceleration if axis.velocity > 0.0 else limits.acceleration)
    high = limits.deceleration if axis.velocity < 0.0 else limits.acceleration
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if _velocity_after_ramp(axis.velocity, middle, limits) < wish:
            low = middle
        else:
            high = middle
    change = limits.jerk * limits.period_s
    acceleration = min(
        max((low + high) / 2.0, axis.acceleration - change), axis.acceleration + change
    )
    return Axis(axis.velocity + acceleration * limits.period_s, acceleration)


def braking(limits: AxisLimits) -> float:
    """The deceleration of `brake`, 1/s^2."""
    return limits.velocity / limits.stop_time_s


def brake(axis: Axis, limits: AxisLimits) -> Axis:
    """One step of a linear ramp to zero that ends within `stop_time_s`; jerk is not limited."""
    step = braking(limits) * limits.period_s
    if abs(axis.velocity) <= step:
        return STILL
    return Axis(axis.velocity - step if axis.velocity > 0.0 else axis.velocity + step)


def _velocity_after_ramp(velocity: float, acceleration: float, limits: AxisLimits) -> float:
    """Velocity when this step's acceleration is then brought to zero at the jerk limit."""
    change = limits.jerk * limits.period_s
    size, sign = abs(acceleration), 1.0 if acceleration > 0.0 else -1.0
    steps = int(size / change)
    ramp = size * (steps + 1) - change * steps * (steps + 1) / 2.0
    return velocity + sign * ramp * limits.period_s
