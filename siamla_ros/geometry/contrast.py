"""Whether a box and its surroundings hold any contrast."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box, BoxError

MIN_CONTRAST = 3.0
"""Gray levels. Sensor noise in the dark lies below it; the least of 167 real targets, thermal and
tiny ones among them, is 9.3."""
_MARGIN = 0.5  # of the box, on each side: a flat target is distinguished by what lies around it
_MIN_MARGIN_PX = 4.0
_MAX_SIDE_PX = 256  # a larger region is sampled


def contrast(image_bgr: NDArray[np.uint8], box_xywh: Box) -> float:
    """Standard deviation of a box with its surroundings: the largest of the three channels.

    Args:
        image_bgr: HxWx3 uint8.
        box_xywh: half-open, pixels; its part outside of the image is left out.

    Returns:
        Gray levels, 0 to 127.5; 0 if nothing of the box lies in the image.
    """
    height, width = image_bgr.shape[:2]
    x, y, w, h = box_xywh
    margin_x, margin_y = max(_MARGIN * w, _MIN_MARGIN_PX), max(_MARGIN * h, _MIN_MARGIN_PX)
    left, right = max(math.floor(x - margin_x), 0), min(math.ceil(x + w + margin_x), width)
    top, bottom = max(math.floor(y - margin_y), 0), min(math.ceil(y + h + margin_y), height)
    if right <= left or bottom <= top:
        return 0.0
    step_x, step_y = (math.ceil((b - a) / _MAX_SIDE_PX) for a, b in ((left, right), (top, bottom)))
    pixels = image_bgr[top:bottom:step_y, left:right:step_x].reshape(-1, 3)
    return float(pixels.std(axis=0, dtype=np.float64).max())


def check_contrast(
    image_bgr: NDArray[np.uint8], box_xywh: Box, limit: float = MIN_CONTRAST
) -> None:
    """Refuse a box without contrast.

    Raises:
        BoxError: reason `featureless`; contrast below the limit.
    """
    value = contrast(image_bgr, box_xywh)
    if value < limit:
        text = ','.join(f'{number:g}' for number in box_xywh)
        raise BoxError(
            'featureless',
            f'init box x,y,w,h = {text}: contrast of the box with its surroundings is {value:.2f} '
            f'gray levels, must be >= {limit:g}: there is nothing to track',
        )
