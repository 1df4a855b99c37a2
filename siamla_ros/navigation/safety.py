"""Whether a robot may move: one decision from what was received, and when.

Two clocks: stamps are compared with the clock of the messages (the ROS clock, that of a simulation
too), arrivals with a steady clock, which is never stopped or set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from siamla_ros.navigation.follow_config import FollowConfig

TRACKING, UNCERTAIN, LOST, SEARCHING = 1, 2, 3, 4
"""States of TrackStatus; every other one is IDLE."""


class InputError(ValueError):
    """A pose or status that cannot be acted on; the message names the field."""


class Action(Enum):
    """What a decision asks for."""

    FOLLOW = 'follow'
    RAMP = 'ramp to zero'
    HALT = 'zero at once'


@dataclass(frozen=True)
class SafetyDecision:
    """What to do.

    Attributes:
        action: Follow, or how to stop.
        reason: Why, in plain words.
        lost: A tracker that runs has declared the target LOST.
    """

    action: Action
    reason: str
    lost: bool = False


@dataclass(frozen=True)
class Sighting:
    """A target relative to the camera.

    Attributes:
        stamp_s: of its image.
        bearing_rad: positive to the left.
        elevation_rad: positive upward.
        range_m: horizontal distance.
    """

    stamp_s: float
    bearing_rad: float
    elevation_rad: float
    range_m: float

    def check(self) -> None:
        """Raise InputError unless all is finite and the range is above 0."""
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise InputError(f'pose {name} is {value!r}, must be finite')
        if not self.range_m > 0.0:
            raise InputError(f'pose range_m is {self.range_m:g}, must be above 0')


@dataclass(frozen=True)
class Report:
    """The status of a target: stamp, a state of TrackStatus, confidence in [0, 1]."""

    stamp_s: float
    state: int
    confidence: float

    def check(self) -> None:
        """Raise InputError unless the confidence is a number."""
        if not math.isfinite(self.confidence) or not math.isfinite(self.stamp_s):
            raise InputError(
                f'status confidence is {self.confidence!r} at {self.stamp_s!r} s, must be finite'
            )


@dataclass(frozen=True)
class Clearance:
    """How far the way ahead is free, from the scanner: stamp in s, distance in m, inf: free."""

    stamp_s: float
    free_m: float

    def check(self) -> None:
        """Raise InputError unless the distance is a number of at least 0."""
        if not math.isfinite(self.stamp_s) or not self.free_m >= 0.0:
            raise InputError(
                f'scan free_m is {self.free_m!r} at {self.stamp_s!r} s, must be at least 0'
            )


@dataclass(frozen=True)
class Received:
    """The newest pose, status and scan, when each arrived by the steady clock, and the stamp of the
    last status that was not TRACKING: poses up to there are not acted on.
    """

    sighting: Sighting | None = None
    sighting_at_s: float = -math.inf
    report: Report | None = None
    report_at_s: float = -math.inf
    unconfirmed_s: float = -math.inf
    clearance: Clearance | None = None
    clearance_at_s: float = -math.inf


def evaluate(
    received: Received, now_s: float, steady_s: float, config: FollowConfig
) -> SafetyDecision:
    """The decision at a moment, for a robot that is enabled.

    Args:
        received: what came so far.
        now_s: clock of the stamps.
        steady_s: clock of the arrivals.
        config: limits.
    """
    report, sighting = received.report, received.sighting
    if report is None:
        return SafetyDecision(Action.HALT, 'waiting for status')
    stale = _stale('status', report.stamp_s, received.report_at_s, now_s, steady_s, config)
    if report.state in (LOST, SEARCHING):
        return SafetyDecision(Action.HALT, 'the target is LOST', lost=not stale)
    if report.state not in (TRACKING, UNCERTAIN):
        return SafetyDecision(Action.HALT, 'there is no target')
    if stale:
        return SafetyDecision(Action.RAMP, stale)
    if report.state == UNCERTAIN:
        return SafetyDecision(Action.RAMP, 'the target is UNCERTAIN')
    if report.confidence < config.min_confidence:
        return SafetyDecision(
            Action.RAMP,
            f'confidence is {report.confidence:.2f}, must be at least {config.min_confidence:g}',
        )
    if sighting is None or sighting.stamp_s <= received.unconfirmed_s:
        return SafetyDecision(Action.RAMP, 'waiting for a pose since the target is confirmed')
    stale = _stale('pose', sighting.stamp_s, received.sighting_at_s, now_s, steady_s, config)
    if stale:
        return SafetyDecision(Action.RAMP, stale)
    blind = _blind(received, now_s, steady_s, config)
    if blind:
        return SafetyDecision(Action.RAMP, blind)
    return SafetyDecision(Action.FOLLOW, 'following')


def _blind(received: Received, now_s: float, steady_s: float, config: FollowConfig) -> str:
    """Why a robot that must see obstacles does not; empty if it does or need not."""
    if config.obstacles == 'off' or config.mode == 'pan_tilt':
        return ''
    if received.clearance is None:
        return 'waiting for scan'
    return _stale(
        'scan', received.clearance.stamp_s, received.clearance_at_s, now_s, steady_s, config
    )


def _stale(
    what: str, stamp_s: float, at_s: float, now_s: float, steady_s: float, config: FollowConfig
) -> str:
    """Why a message is too old or too new to act on; empty if it is neither."""
    if steady_s - at_s > config.timeout_s:
        return f'no {what} for {config.timeout_s:g} s'
    age_s = now_s - stamp_s
    if age_s > config.timeout_s:
        return f'the stamp of {what} is {age_s:.2f} s old, must be at most {config.timeout_s:g}'
    if age_s < -config.max_future_s:
        return (
            f'the stamp of {what} is {-age_s:.2f} s ahead of the clock, must be at most '
            f'{config.max_future_s:g}'
        )
    return ''
