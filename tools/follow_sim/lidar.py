"""A planar laser scanner in the middle of the robot: figures are discs for it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from follow_sim.robot import Robot
from follow_sim.scene import Figure

ANGLE_MIN, BEAMS, INCREMENT = -0.75 * math.pi, 271, math.radians(1.0)
RANGE_MIN_M, RANGE_MAX_M = 0.05, 12.0


def scan(robot: Robot, figures: list[Figure]) -> NDArray[np.float64]:
    """Ranges in m from right to left, inf where nothing is met; 0 is ahead, REP 117."""
    angles = robot.yaw + ANGLE_MIN + INCREMENT * np.arange(BEAMS)
    ranges = np.full(BEAMS, np.inf)
    for figure in figures:
        if figure.present:
            ranges = np.minimum(ranges, _disc(robot, figure, angles))
    ranges[ranges < RANGE_MIN_M] = -np.inf
    ranges[ranges > RANGE_MAX_M] = np.inf
    return ranges


def _disc(robot: Robot, figure: Figure, angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each beam meets the disc of a figure; inf where it does not."""
    radius = figure.width_m / 2.0
    dx, dy = figure.x - robot.x, figure.y - robot.y
    along = dx * np.cos(angles) + dy * np.sin(angles)
    across = dy * np.cos(angles) - dx * np.sin(angles)
    square = radius**2 - across**2
    near = along - np.sqrt(np.maximum(square, 0.0))
    far = along + np.sqrt(np.maximum(square, 0.0))
    return np.where((square > 0.0) & (far > 0.0), np.maximum(near, 0.0), np.inf)
