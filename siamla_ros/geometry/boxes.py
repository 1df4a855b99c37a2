"""Box geometry: pure functions over arrays.

Boxes are half-open float rectangles in pixels: pixel `(column i, row j)` covers
`[i, i+1) x [j, j+1)`, and a box over the whole image is `(0, 0, width, height)`. The format is
part of every name: `xywh` is left, top, width, height; `xyxy` is left, top, right, bottom.
Arrays have shape `(..., 4)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""One half-open box: left, top, width, height in pixels."""

MIN_BOX_SIDE_PX = 2.0
"""Shortest side of a box that can be tracked: below it a template holds no texture."""


FARTHEST_PX = 1e6
"""Beyond any image: a larger coordinate is a defect of the sender, and might overflow."""
SMALLEST_PX = 1e-3
"""A box with a smaller side is empty: of less, float32 makes no window."""
BORDER_PX = 1.0
"""A box this near to the border counts as cut by it."""
MAX_COVER = 0.9
"""Share of the image. A box over all of it finds the border of the picture again, whatever that
shows; of 14,117 real boxes none covers as much."""


class BoxError(ValueError):
    """A box that cannot be tracked. `reason` is a stable word for programs: not_finite,
    too_small, outside, featureless.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def as_box(values: Sequence[float] | NDArray) -> Box:
    """Four numbers of any kind as a box of Python floats; ValueError unless there are four."""
    x, y, w, h = (float(value) for value in values)
    return x, y, w, h


def xywh_to_xyxy(boxes_xywh: ArrayLike) -> FloatArray:
    """Left, top, width, height to left, top, right, bottom; shape (..., 4) kept."""
    boxes = np.asarray(boxes_xywh, dtype=np.float64)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def carried_over(box_xywh: Box, image_size: tuple[int, int], to_size: tuple[int, int]) -> Box:
    """The box in an image of another (width, height) that shows the same."""
    x, y, w, h = box_xywh
    scale_x, scale_y = to_size[0] / image_size[0], to_size[1] / image_size[1]
    return x * scale_x, y * scale_y, w * scale_x, h * scale_y


def center(box_xywh: Sequence[float] | NDArray) -> tuple[float, float]:
    """Center (x, y) of one box in pixels."""
    x, y, w, h = box_xywh
    return x + w / 2.0, y + h / 2.0


def from_center(cx: float, cy: float, w: float, h: float) -> tuple[float, float, float, float]:
    """The xywh box of the given center and size."""
    return cx - w / 2.0, cy - h / 2.0, w, h


def box_size(box_xywh: Box) -> float:
    """Side in pixels of the square of the same area."""
    return math.sqrt(box_xywh[2] * box_xywh[3])


def touches_border(box_xywh: Box, image_size: tuple[int, int]) -> bool:
    """Whether the box reaches the image border, and so may be cut by it."""
    x, y, w, h = box_xywh
    width, height = image_size
    return (
        x <= BORDER_PX
        or y <= BORDER_PX
        or x + w >= width - BORDER_PX
        or y + h >= height - BORDER_PX
    )


def cover(box_xywh: Box, image_size: tuple[int, int]) -> float:
    """Share of an image of (width, height) that a box covers, [0, 1]."""
    x, y, w, h = box_xywh
    width, height = image_size
    inside_w, inside_h = min(x + w, width) - max(x, 0.0), min(y + h, height) - max(y, 0.0)
    return max(inside_w, 0.0) * max(inside_h, 0.0) / (width * height)


def iou(a_xywh: ArrayLike, b_xywh: ArrayLike) -> FloatArray:
    """Intersection over union, broadcast over leading axes; 0 where either box is empty, NaN where
    one is NaN.
    """
    a, b = xywh_to_xyxy(a_xywh), xywh_to_xyxy(b_xywh)
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    intersection = np.prod(np.maximum(size, 0.0), axis=-1)
    area_a = np.prod(np.maximum(a[..., 2:] - a[..., :2], 0.0), axis=-1)
    area_b = np.prod(np.maximum(b[..., 2:] - b[..., :2], 0.0), axis=-1)
    union = area_a + area_b - intersection
    return np.divide(
        intersection, union, out=np.where(np.isnan(union), np.nan, 0.0), where=union > 0
    )


def clip(
    box_xywh: Sequence[float], image_size: tuple[int, int], min_side: float = MIN_BOX_SIDE_PX
) -> tuple[float, float, float, float]:
    """The part of a box inside an image of `image_size` (width, height), at least `min_side`
    px on a side.

    A box entirely outside becomes a `min_side` box at the nearest border, so that a tracker can
    never leave the image for good.
    """
    x, y, w, h = box_xywh
    width, height = image_size
    left, right = _clip_span(x, x + w, float(width), min_side)
    top, bottom = _clip_span(y, y + h, float(height), min_side)
    return left, top, right - left, bottom - top


def _clip_span(low: float, high: float, limit: float, min_side: float) -> tuple[float, float]:
    low, high = min(max(low, 0.0), limit), min(max(high, 0.0), limit)
    missing = min(min_side, limit) - (high - low)
    if missing > 0:
        low = min(max(low - missing / 2.0, 0.0), limit - min(min_side, limit))
        high = low + min(min_side, limit)
    return low, high


def check_init_box(
    box_xywh: Sequence[float], image_size: tuple[int, int], min_side: float = MIN_BOX_SIDE_PX
) -> tuple[float, float, float, float]:
    """Validate a box that starts a track and return it as floats, not clipped.

    A box that leaves the image in part is accepted: its visible part must be `min_side` px on
    each side.

    Raises:
        BoxError: Wrong length, not finite, too small, or outside of the image.
    """
    box = np.asarray(box_xywh, dtype=np.float64)
    if box.shape != (4,):
        raise BoxError('not_finite', f'init box: expected 4 numbers x,y,w,h, got shape {box.shape}')
    text = ','.join(f'{value:g}' for value in box)
    if not np.isfinite(box).all():
        raise BoxError('not_finite', f'init box x,y,w,h = {text}: every value must be finite')
    if np.abs(box).max() > FARTHEST_PX:
        raise BoxError(
            'outside',
            f'init box x,y,w,h = {text}: every value must lie within +-{FARTHEST_PX:g} px',
        )
    x, y, w, h = (float(value) for value in box)
    if w < min_side or h < min_side:
        raise BoxError(
            'too_small', f'init box x,y,w,h = {text}: width and height must be >= {min_side:g} px'
        )
    width, height = image_size
    visible_w, visible_h = min(x + w, width) - max(x, 0.0), min(y + h, height) - max(y, 0.0)
    if visible_w < min_side or visible_h < min_side:
        raise BoxError(
            'outside',
            f'init box x,y,w,h = {text}: at least {min_side:g} x {min_side:g} px must lie '
            f'inside the image of {width} x {height} px',
        )
    return x, y, w, h


def check_box(box_xywh: Sequence[float], smallest: float = 0.0) -> Box:
    """The box as floats.

    Raises:
        ValueError: It has not four finite numbers, a side below `smallest`, or lies far away.
    """
    box = tuple(float(value) for value in box_xywh)
    if len(box) != 4 or not all(math.isfinite(value) for value in box):
        raise ValueError(f'box_xywh is {box}, must be four finite numbers')
    if max(abs(value) for value in box) > FARTHEST_PX:
        raise ValueError(f'box_xywh is {box}, must lie within +-{FARTHEST_PX:.0f} pixels')
    if min(box[2:]) < smallest:
        raise ValueError(f'box_xywh is {box}, its width and height must be at least {smallest}')
    return box
