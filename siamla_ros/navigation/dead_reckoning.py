"""Where a target is now, when its image is older: the robot's own commands since then."""

from __future__ import annotations

import math
from collections import deque

from siamla_ros.navigation.safety import Sighting

HISTORY_S = 2.0


class OwnMotion:
    """The velocities that were commanded lately: ahead in m/s, pan and tilt in rad/s."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._steps: deque[tuple[float, float, float, float]] = deque(
            maxlen=max(2, math.ceil(HISTORY_S / period_s))
        )

    def add(self, now_s: float, ahead: float, pan: float, tilt: float) -> None:
        """Velocities that hold from now until the next ones, or for one period."""
        self._steps.append((now_s, ahead, pan, tilt))

    def between(self, begin_s: float, end_s: float) -> tuple[float, float, float]:
        """Way ahead in m, turn and tilt in rad, from one time to another."""
        sums = [0.0, 0.0, 0.0]
        steps = list(self._steps)
        for index, (start_s, *velocities) in enumerate(steps):
            last = index + 1 == len(steps)
            until_s = start_s + self._period_s if last else steps[index + 1][0]
            span_s = min(until_s, end_s) - max(start_s, begin_s)
            if span_s > 0.0:
                sums = [total + span_s * value for total, value in zip(sums, velocities)]
        return sums[0], sums[1], sums[2]

    def bring_to(self, sighting: Sighting, now_s: float) -> Sighting:
        """The sighting as it would be now, had the target not moved."""
        way, turn, tilt = self.between(sighting.stamp_s, now_s)
        x = sighting.range_m * math.cos(sighting.bearing_rad) - way
        y = sighting.range_m * math.sin(sighting.bearing_rad)
        return Sighting(
            now_s,
            math.atan2(y, x) - turn,
            sighting.elevation_rad - tilt,
            math.hypot(x, y),
        )


class TargetMotion:
    """Low-pass estimate of the target's own motion: closing speed in m/s, rates in rad/s."""

    def __init__(self, time_constant_s: float, max_gap_s: float) -> None:
        self._time_s, self._max_gap_s = time_constant_s, max_gap_s
        self._last: Sighting | None = None
        self.ahead, self.pan, self.tilt = 0.0, 0.0, 0.0

    def reset(self) -> None:
        """Nothing is known any more."""
        self._last = None
        self.ahead = self.pan = self.tilt = 0.0

    def update(self, sighting: Sighting, own: OwnMotion) -> None:
        """One more sighting; a gap in time begins anew."""
        last, self._last = self._last, sighting
        interval_s = sighting.stamp_s - last.stamp_s if last is not None else math.inf
        if not 1e-3 < interval_s <= self._max_gap_s:
            if last is not None and interval_s > self._max_gap_s:
                self.ahead = self.pan = self.tilt = 0.0
            return
        expected = own.bring_to(last, sighting.stamp_s)
        share = interval_s / (self._time_s + interval_s)
        # the expected sighting holds all that the robot did itself: what is left is the target's
        self.ahead += share * ((sighting.range_m - expected.range_m) / interval_s - self.ahead)
        self.pan += share * ((sighting.bearing_rad - expected.bearing_rad) / interval_s - self.pan)
        self.tilt += share * (
            (sighting.elevation_rad - expected.elevation_rad) / interval_s - self.tilt
        )
