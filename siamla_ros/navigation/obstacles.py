"""The free way ahead of a robot, from a planar laser scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamla_ros.navigation.safety import InputError

LOOK_RAD = 0.35
"""Some beam within this angle of straight ahead must have an answer, or the scan is blind."""


@dataclass(frozen=True)
class ScanGeometry:
    """The angles and limits of sensor_msgs/LaserScan, and how the scanner is mounted.

    Attributes:
        angle_min: of the first beam in rad, 0 is ahead, positive to the left.
        angle_increment: from one beam to the next in rad.
        range_min: in m; nearer answers are not valid.
        range_max: in m; farther answers are not valid.
        yaw_rad: of the scanner on the robot.
    """

    angle_min: float
    angle_increment: float
    range_min: float
    range_max: float
    yaw_rad: float = 0.0


def free_way(ranges: Sequence[float], geometry: ScanGeometry, half_width_m: float) -> float:
    """How far ahead a strip of the robot's width is free, from the scanner, in m.

    As in REP 117, +inf is a beam without an answer, -inf one that met something too near to
    measure, and NaN one that failed. Values outside of the limits are left out.

    Args:
        ranges: one value a beam in m.
        geometry: where the beams point.
        half_width_m: of the strip that must be free.

    Returns:
        Distance in m; inf when the strip is free.

    Raises:
        InputError: the angles or limits cannot be, or no beam ahead has a valid answer.
    """
    if not (math.isfinite(geometry.angle_min) and math.isfinite(geometry.angle_increment)):
        raise InputError(
            f'scan angle_min is {geometry.angle_min!r} and angle_increment is '
            f'{geometry.angle_increment!r}, must be finite'
        )
    if not 0.0 <= geometry.range_min < geometry.range_max:  # false for NaN, too
        raise InputError(
            f'scan range_min is {geometry.range_min!r} and range_max is {geometry.range_max!r}, '
            'must be 0 <= range_min < range_max'
        )
    values = np.asarray(ranges, dtype=np.float64)
    angles = (
        geometry.yaw_rad + geometry.angle_min + geometry.angle_increment * np.arange(len(values))
    )
    near = np.isneginf(values)
    hit = (values >= geometry.range_min) & (values <= geometry.range_max)
    answered = near | hit | np.isposinf(values)
    ahead = np.cos(angles) > math.cos(LOOK_RAD)
    if not np.any(answered & ahead):
        raise InputError(
            f'scan ranges hold no valid answer within {LOOK_RAD:g} rad of straight ahead: of '
            f'{len(values)} beams {np.count_nonzero(answered)} are valid'
        )
    if np.any(near & ahead):
        return 0.0
    x, y = values[hit] * np.cos(angles[hit]), values[hit] * np.sin(angles[hit])
    inside = (x > 0.0) & (np.abs(y) <= half_width_m)
    return float(np.min(x[inside])) if np.any(inside) else math.inf
