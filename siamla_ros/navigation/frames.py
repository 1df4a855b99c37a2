"""Rotations between frames, and the heading of a goal. Quaternions are x, y, z, w."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

OPTICAL_TO_BODY = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical frame (x right, y down, z ahead) to body frame (x ahead, y left, z up), REP 103."""


def rotation_matrix(quaternion_xyzw: Sequence[float]) -> NDArray[np.float64]:
    """3 x 3 rotation of a quaternion.

    Raises:
        ValueError: it is not a unit quaternion.
    """
    q = np.asarray(quaternion_xyzw, dtype=np.float64)
    norm = float(np.linalg.norm(q))
    if not abs(norm - 1.0) < 0.01:
        raise ValueError(f'rotation {tuple(quaternion_xyzw)} has norm {norm:g}, must be 1')
    x, y, z, w = q / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def yaw_quaternion(yaw_rad: float) -> tuple[float, float, float, float]:
    """Quaternion of a rotation round z."""
    return 0.0, 0.0, math.sin(yaw_rad / 2.0), math.cos(yaw_rad / 2.0)
