"""How much the content of one box resembles that of another, whatever their light and size."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box

SIDE = 16  # cells of a look in each direction
_MAX_SIDE_PX = 256  # a larger box is sampled
Look = NDArray[np.float32]


def look_of(image_bgr: NDArray[np.uint8], box_xywh: Box) -> Look | None:
    """What a box shows, coarsely: a normalized SIDE x SIDE x 3 array of mean 0 and length 1.

    Args:
        image_bgr: HxWx3 uint8.
        box_xywh: half-open, pixels; its part outside of the image is left out.

    Returns:
        None if less than 2x2 pixels of it lie in the image, or all are of one color.
    """
    height, width = image_bgr.shape[:2]
    x, y, w, h = box_xywh
    left, right = max(math.floor(x), 0), min(math.ceil(x + w), width)
    top, bottom = max(math.floor(y), 0), min(math.ceil(y + h), height)
    if min(right - left, bottom - top) < 2:
        return None
    step_x, step_y = (math.ceil(side / _MAX_SIDE_PX) for side in (right - left, bottom - top))
    region = np.ascontiguousarray(image_bgr[top:bottom:step_y, left:right:step_x])
    look = cv2.resize(region, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    look -= look.mean(axis=(0, 1))
    length = float(np.linalg.norm(look))
    return look / length if length > 1e-3 else None


def resemblance(first: Look, second: Look) -> float:
    """Correlation of two looks: 1 for the same content, about 0 for unrelated ones, at least 0."""
    return min(max(float(np.vdot(first, second)), 0.0), 1.0)
