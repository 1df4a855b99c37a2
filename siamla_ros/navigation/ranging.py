"""How far away a box is: from a depth image, from a known size, or from the ground plane.

Every estimate is the depth z along the optical axis in m with its standard deviation. Depth images
must be aligned with the color image (registered to its camera).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamla_ros.configuration import Configuration, bounded, choice
from siamla_ros.geometry.boxes import Box
from siamla_ros.navigation.camera_model import CameraModel

METHODS = ('depth', 'height', 'width', 'ground')
BORDER_PX = 2.0
"""A side this close to the image border counts as cut off by it."""
MIN_DOWNWARD = 0.02
"""Least slope below the horizon of a ray that is taken to meet the ground."""


class RangeError(ValueError):
    """No range can be derived from this box; the message names the reason."""


# What a parameter is for; the others are for all methods.
OF_METHODS = {
    'target_height_m': ('height',),
    'target_width_m': ('width',),
    'size_tolerance': ('height', 'width'),
    'camera_height_m': ('ground',),
    'camera_tilt_rad': ('ground',),
    'tilt_tolerance_rad': ('ground',),
    'inner_box': ('depth',),
    'min_valid_share': ('depth',),
    'depth_gap': ('depth',),
}


@dataclass(frozen=True)
class RangeConfig(Configuration):
    """Which method gives the range, and its parameters."""

    method: str = choice('height', METHODS, 'how the range is found')
    target_height_m: float = bounded(1.7, 0.01, 100.0, 'height of the target, for height')
    target_width_m: float = bounded(0.5, 0.01, 100.0, 'width of the target, for width')
    size_tolerance: float = bounded(
        0.05, 0.0, 1.0, 'standard deviation of that size, as a share of it'
    )
    camera_height_m: float = bounded(
        1.0, 0.01, 100.0, 'height of the camera above the ground, for ground'
    )
    camera_tilt_rad: float = bounded(
        0.0, -1.5, 1.5, 'tilt of the optical axis, down is positive, for ground'
    )
    tilt_tolerance_rad: float = bounded(0.01, 0.0, 0.5, 'standard deviation of the tilt')
    inner_box: float = bounded(
        0.5, 0.05, 1.0, 'share of the width and height of the box in which depth is read'
    )
    min_depth_m: float = bounded(0.1, 0.0, 1000.0, 'depth below it is a hole')
    max_depth_m: float = bounded(15.0, 0.01, 1000.0, 'range above it is not given')
    min_valid_share: float = bounded(
        0.15, 0.0, 1.0, 'least share of the inner box with a depth that agrees'
    )
    depth_gap: float = bounded(
        0.12, 0.001, 10.0, 'relative step in depth that separates target and background'
    )
    box_tolerance: float = bounded(
        0.03, 0.0, 1.0, 'standard deviation of a box side at confidence 1, as a share of the box'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_depth_m >= self.max_depth_m:
            raise ValueError(
                f'min_depth_m is {self.min_depth_m:g}, must be below max_depth_m = '
                f'{self.max_depth_m:g}'
            )

    @property
    def idle(self) -> list[str]:
        """Parameters of methods that are not chosen, where they were changed: in words."""
        defaults = RangeConfig()
        return [
            f'{name} = {getattr(self, name):g} has no effect with method = {self.method}, only '
            f'with {" or ".join(methods)}'
            for name, methods in OF_METHODS.items()
            if self.method not in methods and getattr(self, name) != getattr(defaults, name)
        ]


@dataclass(frozen=True)
class Depth:
    """Depth along the optical axis and its standard deviation, both in m."""

    z_m: float
    sigma_m: float


def depth_from_image(depth_m: NDArray[np.floating], box_xywh: Box, config: RangeConfig) -> Depth:
    """Median of the largest surface within the inner box.

    Holes (0, NaN, infinite, out of range) are left out. The others are sorted and cut wherever the
    next depth is more than `depth_gap` farther: the largest piece is the target, what lies behind
    it or in front of it is not.

    Args:
        depth_m: H x W in m, aligned with the image of the box.
        box_xywh: in px.
        config: limits.

    Raises:
        RangeError: too few pixels with a depth that agree.
    """
    patch = _inner(depth_m, box_xywh, config.inner_box)
    valid = patch[np.isfinite(patch)]
    valid = np.sort(valid[(valid >= config.min_depth_m) & (valid <= config.max_depth_m)])
    cuts = np.nonzero(np.diff(valid) > config.depth_gap * valid[:-1])[0] + 1
    surface = max(np.split(valid, cuts), key=len) if valid.size else valid
    if surface.size == 0 or surface.size < config.min_valid_share * patch.size:
        raise RangeError(
            f'{surface.size} of {patch.size} depth pixels of the inner box agree, must be '
            f'{config.min_valid_share:.0%}: a hole, or the target is out of '
            f'{config.min_depth_m:g} to {config.max_depth_m:g} m'
        )
    z = float(np.median(surface))
    spread = 1.4826 * float(np.median(np.abs(surface - z)))
    return Depth(z, math.hypot(spread, 0.01 * z))


def _inner(depth_m: NDArray[np.floating], box_xywh: Box, share: float) -> NDArray[np.floating]:
    x, y, w, h = box_xywh
    rows, columns = depth_m.shape
    margin_x, margin_y = w * (1.0 - share) / 2.0, h * (1.0 - share) / 2.0
    left, right = math.floor(x + margin_x), math.ceil(x + w - margin_x)
    top, bottom = math.floor(y + margin_y), math.ceil(y + h - margin_y)
    patch = depth_m[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if patch.size == 0:
        raise RangeError(
            f'the inner box {left},{top} to {right},{bottom} lies outside of the depth image of '
            f'{columns} x {rows} px'
        )
    return patch


def depth_from_size(
    camera: CameraModel, box_xywh: Box, config: RangeConfig, sigma_px: float
) -> Depth:
    """Depth of an upright target whose height or width is known.

    Args:
        camera: calibration.
        box_xywh: in px.
        config: method `height` or `width`, and that size.
        sigma_px: standard deviation of each side of the box.

    Raises:
        RangeError: the image border cuts the box, so that its size says nothing.
    """
    x, y, w, h = box_xywh
    tall = config.method == 'height'
    size_m = config.target_height_m if tall else config.target_width_m
    ends = (
        [(x + w / 2.0, y), (x + w / 2.0, y + h)] if tall else [(x, y + h / 2), (x + w, y + h / 2)]
    )
    axis, limit = (1, camera.height) if tall else (0, camera.width)
    if ends[0][axis] < BORDER_PX or ends[1][axis] > limit - BORDER_PX:
        raise RangeError(
            f'the box reaches the image border ({ends[0][axis]:.0f} to {ends[1][axis]:.0f} of '
            f'{limit} px): its {config.method} is not that of the target'
        )
    rays = camera.rays(ends)
    extent = float(rays[1, axis] - rays[0, axis])
    if not extent > 0.0:
        raise RangeError(f'the {config.method} of the box is {extent:g} in the undistorted image')
    z = size_m / extent
    relative = math.hypot(math.sqrt(2.0) * sigma_px / (h if tall else w), config.size_tolerance)
    return Depth(z, z * relative)


def depth_from_ground(
    camera: CameraModel, box_xywh: Box, config: RangeConfig, sigma_px: float
) -> Depth:
    """Depth at which the ray through the foot of the box meets the level ground.

    The depth is that of the center of the box above that foot: the same horizontal distance.

    Args:
        camera: calibration.
        box_xywh: in px.
        config: height and tilt of the camera.
        sigma_px: standard deviation of the lower side of the box.

    Raises:
        RangeError: the foot is cut off, or at or above the horizon.
    """
    x, y, w, h = box_xywh
    if y + h > camera.height - BORDER_PX:
        raise RangeError(
            f'the box reaches the lower image border ({y + h:.0f} of {camera.height} px): its foot '
            'is not in the image'
        )
    (_, center_y), (_, foot_y) = camera.rays([(x + w / 2.0, y + h / 2.0), (x + w / 2.0, y + h)])
    sine, cosine = math.sin(config.camera_tilt_rad), math.cos(config.camera_tilt_rad)
    down, ahead = foot_y * cosine + sine, cosine - foot_y * sine
    center_ahead = cosine - center_y * sine
    if down < MIN_DOWNWARD or ahead <= 0.0 or center_ahead <= 0.0:
        raise RangeError(
            f'the foot of the box is {down:.3f} below the horizon, must be at least '
            f'{MIN_DOWNWARD:g}: check camera_tilt_rad'
        )
    ground_m = config.camera_height_m * ahead / down
    z = ground_m / center_ahead
    angle = math.hypot(sigma_px / camera.fy, config.tilt_tolerance_rad)
    return Depth(z, (ground_m**2 + config.camera_height_m**2) / config.camera_height_m * angle)
