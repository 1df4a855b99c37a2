"""Parameters of following: gains, limits, and the rules by which a robot stops."""

from __future__ import annotations

from dataclasses import dataclass

from siamla_ros.configuration import Configuration, bounded, choice, declared
from siamla_ros.navigation.axis import AxisLimits

MODES = ('differential', 'pan_tilt')
SEARCHES = ('off', 'turn')
OBSTACLES = ('off', 'scan')


@dataclass(frozen=True)
class FollowConfig(Configuration):
    """All parameters of the controller, with their limits."""

    mode: str = choice(
        'differential', MODES, 'differential base (linear.x, angular.z) or pan-tilt head'
    )
    rate_hz: float = bounded(20.0, 1.0, 200.0, 'velocities a second')
    distance_m: float = bounded(2.0, 0.1, 100.0, 'distance to keep to the target')
    min_distance_m: float = bounded(0.8, 0.0, 100.0, 'no motion ahead at or below this distance')
    linear_gain: float = bounded(0.9, 0.0, 20.0, 'velocity for each m of distance error, 1/s')
    angular_gain: float = bounded(1.6, 0.0, 20.0, 'rate for each rad of bearing error, 1/s')
    feed_forward: float = bounded(
        0.8, 0.0, 1.0, "share of the target's own motion that is added to the velocity"
    )
    feed_forward_time_s: float = bounded(
        0.4, 0.01, 10.0, 'time constant of the estimate of that motion'
    )
    max_linear: float = bounded(0.8, 0.0, 20.0, 'largest velocity in m/s')
    max_linear_acceleration: float = bounded(0.8, 0.01, 50.0, 'm/s^2')
    max_linear_deceleration: float = bounded(1.2, 0.01, 50.0, 'towards rest, m/s^2')
    max_linear_jerk: float = bounded(4.0, 0.01, 1000.0, 'm/s^3')
    max_angular: float = bounded(1.2, 0.0, 20.0, 'largest rate in rad/s')
    max_angular_acceleration: float = bounded(3.0, 0.01, 100.0, 'rad/s^2')
    max_angular_jerk: float = bounded(30.0, 0.01, 1000.0, 'rad/s^3')
    turn_first_rad: float = bounded(
        0.7, 0.05, 3.2, 'bearing from which a base turns without driving'
    )
    reverse: bool = declared(False, 'drive backwards when the target is too near')
    obstacles: str = choice(
        'off', OBSTACLES, 'stop before what stands in the way; scan: needs a planar laser scan'
    )
    obstacle_distance_m: float = bounded(
        0.7, 0.0, 100.0, 'no motion ahead with an obstacle this near to the scanner'
    )
    obstacle_half_width_m: float = bounded(
        0.5, 0.01, 10.0, 'half of the width of the way that must be free'
    )
    timeout_s: float = bounded(
        0.4, 0.05, 10.0, 'age of pose, status or scan from which the robot stops'
    )
    max_future_s: float = bounded(0.1, 0.0, 10.0, 'how far a stamp may lie ahead of the clock')
    stop_time_s: float = bounded(0.4, 0.05, 10.0, 'longest time of a ramp to zero')
    min_confidence: float = bounded(0.5, 0.0, 1.0, 'confidence below which the robot stops')
    search: str = choice('off', SEARCHES, 'once LOST: stand, or turn towards the last bearing')
    search_rate: float = bounded(0.5, 0.0, 20.0, 'rate of that turn in rad/s')
    search_time_s: float = bounded(6.0, 0.0, 600.0, 'longest time of that turn')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_distance_m >= self.distance_m:
            raise ValueError(
                f'min_distance_m is {self.min_distance_m:g}, must be below distance_m = '
                f'{self.distance_m:g}'
            )

    @property
    def period_s(self) -> float:
        """Time between two velocities."""
        return 1.0 / self.rate_hz

    @property
    def linear(self) -> AxisLimits:
        """Limits of the velocity ahead."""
        return AxisLimits(
            self.max_linear,
            self.max_linear_acceleration,
            self.max_linear_deceleration,
            self.max_linear_jerk,
            self.stop_time_s,
            self.period_s,
        )

    @property
    def angular(self) -> AxisLimits:
        """Limits of the rates of turning, pan and tilt."""
        return AxisLimits(
            self.max_angular,
            self.max_angular_acceleration,
            self.max_angular_acceleration,
            self.max_angular_jerk,
            self.stop_time_s,
            self.period_s,
        )
