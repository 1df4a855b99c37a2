"""A calibrated camera: which ray of the optical frame belongs to a point of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
PIXEL_CENTER = 0.5
"""Boxes are half-open (pixel i covers [i, i+1)); a calibration counts from pixel centers."""
DISTORTION_SIZES = {
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (0, 8, 12, 14),
    'equidistant': (0, 4),
    '': (0,),
}
MAX_REPROJECTION_PX = 1.0
ITERATIONS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-9)


class CameraError(ValueError):
    """A calibration that cannot be used, or a point that it does not cover."""


@dataclass(frozen=True)
class CameraModel:
    """Pinhole with distortion.

    Attributes:
        width: of the image in px.
        height: of the image in px.
        matrix: 3 x 3, fx, fy, cx, cy in px, counted from pixel centers.
        distortion: coefficients in OpenCV's order; empty for a rectified image.
        fisheye: whether they are those of the equidistant model.
    """

    width: int
    height: int
    matrix: FloatArray
    distortion: FloatArray
    fisheye: bool = False

    @property
    def fx(self) -> float:
        """Horizontal focal length in px."""
        return float(self.matrix[0, 0])

    @property
    def fy(self) -> float:
        """Vertical focal length in px."""
        return float(self.matrix[1, 1])

    def rays(self, points_px: ArrayLike) -> FloatArray:
        """Rays through points of the image.

        Args:
            points_px: N x 2, continuous image coordinates (pixel i covers [i, i+1)).

        Returns:
            N x 2: x (right) and y (down) of each ray at depth z = 1 in the optical frame.

        Raises:
            CameraError: a point lies where the distortion cannot be inverted.
        """
        points = np.asarray(points_px, dtype=np.float64).reshape(-1, 1, 2) - PIXEL_CENTER
        if not self.distortion.size:
            return (points.reshape(-1, 2) - self.matrix[:2, 2]) / (self.fx, self.fy)
        if self.fisheye:
            rays = cv2.fisheye.undistortPoints(points, self.matrix, self.distortion)
        else:
            rays = cv2.undistortPoints(
                points, self.matrix, self.distortion, None, None, None, ITERATIONS
            )
        rays = rays.reshape(-1, 2)
        error_px = np.abs(self.project(rays) - points.reshape(-1, 2) - PIXEL_CENTER)
        if not np.isfinite(rays).all() or not (error_px <= MAX_REPROJECTION_PX).all():
            raise CameraError(
                f'camera_info.d cannot be inverted at {_text(points_px)}: reprojection is off by '
                f'{float(np.nan_to_num(error_px, nan=np.inf).max()):.1f} px, must be at most '
                f'{MAX_REPROJECTION_PX:g}'
            )
        return rays

    def project(self, rays: ArrayLike) -> FloatArray:
        """Points of the image of N x 2 rays (x, y at z = 1); N x 2, the inverse of `rays`."""
        flat = np.asarray(rays, dtype=np.float64).reshape(-1, 2)
        if not self.distortion.size:
            return flat * (self.fx, self.fy) + self.matrix[:2, 2] + PIXEL_CENTER
        if self.fisheye:
            points = cv2.fisheye.distortPoints(flat.reshape(-1, 1, 2), self.matrix, self.distortion)
        else:
            solid = np.column_stack([flat, np.ones(len(flat))])
            points, _ = cv2.projectPoints(
                solid, np.zeros(3), np.zeros(3), self.matrix, self.distortion
            )
        return points.reshape(-1, 2) + PIXEL_CENTER


def camera_model(
    width: int,
    height: int,
    distortion_model: str,
    d: Sequence[float],
    k: Sequence[float],
    p: Sequence[float],
    rectified: bool = False,
    binning: tuple[int, int] = (0, 0),
    roi_offset: tuple[int, int] = (0, 0),
) -> CameraModel:
    """A camera from the fields of sensor_msgs/CameraInfo.

    Args:
        width: of the full-resolution image in px.
        height: of the full-resolution image in px.
        distortion_model: plumb_bob, rational_polynomial, equidistant, or empty without d.
        d: distortion coefficients.
        k: 9 numbers, the camera matrix by rows.
        p: 12 numbers, the projection matrix of the rectified image by rows.
        rectified: the boxes lie in the rectified image: take p, no distortion.
        binning: binning_x, binning_y; 0 means 1.
        roi_offset: x_offset, y_offset of the region of interest in full-resolution px.

    Raises:
        CameraError: naming field, value and limit.
    """
    if width < 1 or height < 1:
        raise CameraError(f'camera_info width x height is {width} x {height}, must be at least 1')
    name, values, columns = ('p', p, 4) if rectified else ('k', k, 3)
    matrix = np.array(values, dtype=np.float64)
    if matrix.shape != (3 * columns,) or not np.isfinite(matrix).all():
        raise CameraError(f'camera_info.{name} must be {3 * columns} finite numbers')
    matrix = matrix.reshape(3, columns)[:, :3].copy()
    if matrix[0, 0] <= 0.0 or matrix[1, 1] <= 0.0:
        raise CameraError(
            f'camera_info.{name} has fx = {matrix[0, 0]:g}, fy = {matrix[1, 1]:g}, must be above '
            '0: the camera is not calibrated'
        )
    matrix[0, 1] = 0.0
    matrix[2] = (0.0, 0.0, 1.0)
    for row in (0, 1):
        step = max(binning[row], 1)
        matrix[row, row] /= step
        # a binned pixel covers several: pixel centers move by half of the others
        matrix[row, 2] = (matrix[row, 2] + PIXEL_CENTER - roi_offset[row]) / step - PIXEL_CENTER
    distortion = np.zeros(0) if rectified else _distortion(distortion_model, d)
    return CameraModel(width, height, matrix, distortion, distortion_model == 'equidistant')


def _distortion(model: str, d: Sequence[float]) -> FloatArray:
    values = np.array(d, dtype=np.float64)
    if model not in DISTORTION_SIZES:
        raise CameraError(
            f'camera_info.distortion_model is {model!r}, must be one of '
            f'{", ".join(sorted(filter(None, DISTORTION_SIZES)))}, or empty without d'
        )
    if values.size not in DISTORTION_SIZES[model] or not np.isfinite(values).all():
        sizes = ' or '.join(str(size) for size in DISTORTION_SIZES[model])
        raise CameraError(
            f'camera_info.d has {values.size} values, must have {sizes} finite ones for '
            f'{model or "no distortion_model"}'
        )
    return values if np.any(values) else np.zeros(0)


def _text(points_px: ArrayLike) -> str:
    return '; '.join(
        f'{x:.1f},{y:.1f}' for x, y in np.asarray(points_px, dtype=float).reshape(-1, 2)
    )
