"""Follows a target: from sightings and reports to velocities under limits. ROS-free.

The robot moves only while it is enabled and `safety.evaluate` lets it. Everything that moves goes
through an axis, so that limits hold whatever the inputs are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from siamla_ros.navigation.axis import STILL, Axis, approach, brake, braking
from siamla_ros.navigation.dead_reckoning import OwnMotion, TargetMotion
from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.safety import (
    TRACKING,
    Action,
    Clearance,
    Received,
    Report,
    SafetyDecision,
    Sighting,
    evaluate,
)

MAX_CATCH_UP = 4
"""Steps made at once when the caller was late."""
DISABLED = SafetyDecision(Action.RAMP, 'disabled')


@dataclass(frozen=True)
class Velocity:
    """A command: ahead in m/s, pan (to the left) and tilt (upward) in rad/s, and its decision."""

    ahead: float
    pan: float
    tilt: float
    decision: SafetyDecision

    @property
    def is_zero(self) -> bool:
        """Whether nothing moves."""
        return self.ahead == self.pan == self.tilt == 0.0


class FollowController:
    """Call `update_pose`, `update_status`, `update_scan` as messages come, `step` once a period."""

    def __init__(self, config: FollowConfig) -> None:
        self.config = config
        self.enabled = False
        self._received = Received()
        self._ahead, self._pan, self._tilt = STILL, STILL, STILL
        self._own = OwnMotion(config.period_s)
        self._target = TargetMotion(config.feed_forward_time_s, config.timeout_s)
        self._search_from_s: float | None = None
        self._last_step_s: float | None = None
        self._now_s: float | None = None

    def enable(self, enabled: bool) -> None:
        """Allow or forbid motion; forbidden, the robot ramps to zero."""
        self.enabled = enabled
        self._search_from_s = None

    def update_pose(self, sighting: Sighting, steady_s: float) -> None:
        """A pose of the target; one that is not newer than the last is ignored.

        Args:
            sighting: the target relative to the camera.
            steady_s: when it arrived.

        Raises:
            InputError: a value is not finite, or the range is not above 0.
        """
        sighting.check()
        last = self._received.sighting
        if last is not None and sighting.stamp_s <= last.stamp_s and not self._jumped(last.stamp_s):
            return
        self._target.update(sighting, self._own)
        self._received = replace(self._received, sighting=sighting, sighting_at_s=steady_s)

    def update_status(self, report: Report, steady_s: float) -> None:
        """A status of the target; one that is older than the last is ignored.

        Raises:
            InputError: the confidence is not finite.
        """
        report.check()
        last = self._received.report
        if last is not None and report.stamp_s < last.stamp_s and not self._jumped(last.stamp_s):
            return
        unconfirmed_s = self._received.unconfirmed_s
        if report.state != TRACKING:
            unconfirmed_s = report.stamp_s
        elif report.stamp_s < unconfirmed_s:
            unconfirmed_s = -math.inf
        self._received = replace(
            self._received, report=report, report_at_s=steady_s, unconfirmed_s=unconfirmed_s
        )

    def update_scan(self, clearance: Clearance, steady_s: float) -> None:
        """The free way ahead; one that is older than the last is ignored.

        Raises:
            InputError: it is not a number of at least 0.
        """
        clearance.check()
        last = self._received.clearance
        if last is not None and clearance.stamp_s < last.stamp_s and not self._jumped(last.stamp_s):
            return
        self._received = replace(self._received, clearance=clearance, clearance_at_s=steady_s)

    def clear(self) -> None:
        """The target was forgotten; the way ahead is what it was."""
        self._received = Received(
            clearance=self._received.clearance, clearance_at_s=self._received.clearance_at_s
        )
        self._target.reset()

    def step(self, now_s: float, steady_s: float) -> Velocity:
        """The velocity that holds from now on.

        Args:
            now_s: clock of the stamps.
            steady_s: clock of the arrivals.
        """
        self._now_s = now_s
        decision = self.decision(now_s, steady_s)
        for _ in range(self._steps(steady_s)):
            self._advance(decision, now_s, steady_s)
        self._own.add(now_s, self._ahead.velocity, self._pan.velocity, self._tilt.velocity)
        return Velocity(self._ahead.velocity, self._pan.velocity, self._tilt.velocity, decision)

    def decision(self, now_s: float, steady_s: float) -> SafetyDecision:
        """What the inputs allow."""
        if not self.enabled:
            return DISABLED
        return evaluate(self._received, now_s, steady_s, self.config)

    def _jumped(self, stamp_s: float) -> bool:
        """Whether the clock ran back behind that stamp: a simulation or bag began again."""
        return self._now_s is not None and stamp_s - self._now_s > self.config.max_future_s

    def _steps(self, steady_s: float) -> int:
        last, self._last_step_s = self._last_step_s, steady_s
        if last is None:
            return 1
        return min(max(round((steady_s - last) / self.config.period_s), 1), MAX_CATCH_UP)

    def _advance(self, decision: SafetyDecision, now_s: float, steady_s: float) -> None:
        if decision.action is not Action.FOLLOW:
            self._target.reset()
        if not decision.lost:
            self._search_from_s = None
        if decision.action is Action.FOLLOW:
            self._follow(self._own.bring_to(self._received.sighting, now_s), now_s)
        elif decision.action is Action.RAMP:
            self._ramp()
        else:
            self._halt(decision, steady_s)

    def _ramp(self) -> None:
        self._ahead = brake(self._ahead, self.config.linear)
        self._pan = brake(self._pan, self.config.angular)
        self._tilt = brake(self._tilt, self.config.angular)

    def _halt(self, decision: SafetyDecision, steady_s: float) -> None:
        self._ahead, self._tilt = STILL, STILL
        if self._search_from_s is None:
            self._pan = STILL
            if decision.lost:
                self._search_from_s = steady_s
            return
        config, sighting = self.config, self._received.sighting
        over = steady_s - self._search_from_s >= config.search_time_s
        if config.search == 'off' or sighting is None or over:
            self._pan = brake(self._pan, config.angular)
        else:
            wish = math.copysign(config.search_rate, sighting.bearing_rad)
            self._pan = approach(self._pan, wish, config.angular)

    def _follow(self, now: Sighting, now_s: float) -> None:
        config, target = self.config, self._target
        pan = config.angular_gain * now.bearing_rad + config.feed_forward * target.pan
        self._pan = approach(self._pan, pan, config.angular)
        if config.mode == 'pan_tilt':
            tilt = config.angular_gain * now.elevation_rad + config.feed_forward * target.tilt
            self._tilt = approach(self._tilt, tilt, config.angular)
            return
        self._ahead = self._drive(now, self._room(now, now_s))

    def _room(self, now: Sighting, now_s: float) -> float:
        """How far it may still drive: to the least distance of the target and of an obstacle."""
        config, clearance = self.config, self._received.clearance
        room_m = now.range_m - config.min_distance_m
        if config.obstacles != 'off' and clearance is not None:
            way_m, _, _ = self._own.between(clearance.stamp_s, now_s)
            room_m = min(room_m, clearance.free_m - way_m - config.obstacle_distance_m)
        return max(room_m, 0.0)

    def _drive(self, now: Sighting, room_m: float) -> Axis:
        config, linear = self.config, self.config.linear
        # braking that begins a step later must still end in that room
        left_m = max(room_m - self._ahead.velocity * config.period_s, 0.0)
        if self._ahead.velocity > math.sqrt(2.0 * braking(linear) * left_m):
            return brake(self._ahead, linear)
        error_m = now.range_m - config.distance_m
        wish = config.linear_gain * error_m + config.feed_forward * self._target.ahead
        wish *= max(1.0 - abs(now.bearing_rad) / config.turn_first_rad, 0.0)
        # slow enough to stop in that room by the normal deceleration
        wish = min(wish, math.sqrt(2.0 * config.max_linear_deceleration * room_m))
        if not config.reverse:
            wish = max(wish, 0.0)
        return approach(self._ahead, wish, linear)
