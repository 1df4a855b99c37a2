"""From a box to a position with covariance in the camera's optical frame.

Optical frame (REP 103): x right, y down, z ahead. Bearing is positive to the left and elevation
positive upward, as the rotations of a base frame (x ahead, y left, z up) are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box, center
from siamla_ros.navigation.camera_model import CameraModel
from siamla_ros.navigation.ranging import (
    Depth,
    RangeConfig,
    RangeError,
    depth_from_ground,
    depth_from_image,
    depth_from_size,
)

MIN_CONFIDENCE = 0.05
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class TargetPosition:
    """A target in the optical frame.

    Attributes:
        xyz_m: of the center of its box.
        covariance: 3 x 3 in m^2: along the ray from the range, across it from the box.
    """

    xyz_m: Vector
    covariance: NDArray[np.float64]

    @property
    def bearing_rad(self) -> float:
        """Horizontal angle from the optical axis, positive to the left."""
        return bearing(self.xyz_m)

    @property
    def elevation_rad(self) -> float:
        """Vertical angle from the optical axis, positive upward."""
        return elevation(self.xyz_m)

    @property
    def range_m(self) -> float:
        """Horizontal distance from the camera: hypot of x and z."""
        return math.hypot(self.xyz_m[0], self.xyz_m[2])


def bearing(optical_xyz: Sequence[float]) -> float:
    """Horizontal angle of a point of the optical frame in rad, positive to the left."""
    return math.atan2(-optical_xyz[0], optical_xyz[2])


def elevation(optical_xyz: Sequence[float]) -> float:
    """Vertical angle of a point of the optical frame in rad, positive upward."""
    return math.atan2(-optical_xyz[1], math.hypot(optical_xyz[0], optical_xyz[2]))


def _check_detection(box_xywh: Sequence[float], confidence: float) -> None:
    """Raise RangeError unless the box is finite with a positive size and confidence in [0, 1]."""
    if not all(math.isfinite(value) for value in box_xywh):
        raise RangeError(f'bbox is {tuple(box_xywh)}, must be finite')
    if not (box_xywh[2] > 0.0 and box_xywh[3] > 0.0):
        raise RangeError(f'bbox size is {box_xywh[2]:g} x {box_xywh[3]:g}, must be above 0')
    if not 0.0 <= confidence <= 1.0:
        raise RangeError(f'score is {confidence!r}, must lie in [0, 1]')


def locate(
    camera: CameraModel,
    box_xywh: Box,
    confidence: float,
    config: RangeConfig,
    depth_m: NDArray[np.floating] | None = None,
) -> TargetPosition:
    """The position of a box by the configured method.

    Args:
        camera: calibration of the image of the box.
        box_xywh: in px.
        confidence: of the detection in [0, 1]; the sides of the box are less certain below 1.
        config: method and its knowledge.
        depth_m: H x W in m, aligned; only for the method `depth`.

    Raises:
        RangeError: no range can be derived.
        CameraError: the box lies where the distortion cannot be inverted.
    """
    _check_detection(box_xywh, confidence)
    uncertainty = config.box_tolerance / max(confidence, MIN_CONFIDENCE)
    sigma_x, sigma_y = uncertainty * box_xywh[2], uncertainty * box_xywh[3]
    (ray,) = camera.rays([center(box_xywh)])
    depth = _depth(camera, box_xywh, config, depth_m, sigma_x, sigma_y)
    xyz = np.array([ray[0], ray[1], 1.0]) * depth.z_m
    distance = float(np.linalg.norm(xyz))
    if distance > config.max_depth_m or depth.z_m < config.min_depth_m:
        raise RangeError(
            f'the range is {distance:.2f} m, must lie in [{config.min_depth_m:g}, '
            f'{config.max_depth_m:g}]'
        )
    along = xyz / distance
    side = depth.z_m * np.array([sigma_x / camera.fx, sigma_y / camera.fy, 0.0])
    across = np.eye(3) - np.outer(along, along)
    covariance = depth.sigma_m**2 * np.outer(along, along) + across @ np.diag(side**2) @ across
    return TargetPosition(tuple(float(value) for value in xyz), covariance)


def _depth(
    camera: CameraModel,
    box_xywh: Box,
    config: RangeConfig,
    depth_m: NDArray[np.floating] | None,
    sigma_x: float,
    sigma_y: float,
) -> Depth:
    if config.method == 'depth':
        if depth_m is None:
            raise RangeError('no depth image, which the method depth needs')
        if depth_m.shape != (camera.height, camera.width):
            raise RangeError(
                f'the depth image is {depth_m.shape[1]} x {depth_m.shape[0]} px, must be '
                f'{camera.width} x {camera.height} px as camera_info: align it with the image'
            )
        return depth_from_image(depth_m, box_xywh, config)
    if config.method == 'ground':
        return depth_from_ground(camera, box_xywh, config, sigma_y)
    return depth_from_size(
        camera, box_xywh, config, sigma_y if config.method == 'height' else sigma_x
    )
