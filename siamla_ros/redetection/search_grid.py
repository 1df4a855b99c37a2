"""Where to search for a lost target: boxes from which the tracker's search windows are laid.

Pure functions; boxes are half-open x, y, w, h in pixels, and `window` is the side of the tracker's
search window in box sides.
"""

from __future__ import annotations

import math

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box

# By how much a window's side exceeds the distance between neighbors, in box sides: wherever the
# target's center lies, one window then has it a side or less from its own, where trackers find it.
MARGIN = 1.75
SCALES_NEAR = (1.0, 1.7, 0.6)  # a target that stays in place may come nearer or go away
COARSEST = 2.5  # a target smaller than this in its window is not recognized


def inside(center: tuple[float, float], image_size: tuple[int, int]) -> tuple[float, float]:
    """The point of the image nearest to a center."""
    return (
        min(max(center[0], 0.0), float(image_size[0])),
        min(max(center[1], 0.0), float(image_size[1])),
    )


def ring(box_xywh: Box, number: int, window: float, image_size: tuple[int, int]) -> list[Box]:
    """Boxes of one ring of windows round a box; ring 0 is the box itself at three scales.

    Windows that see nothing new of the image are left out.
    """
    (cx, cy), (w, h) = boxes.center(box_xywh), box_xywh[2:]
    if number == 0:
        return [boxes.from_center(cx, cy, w * scale, h * scale) for scale in SCALES_NEAR]
    step_x, step_y = w * (window - MARGIN), h * (window - MARGIN)
    found = []
    for row in range(-number, number + 1):
        for column in range(-number, number + 1):
            if max(abs(row), abs(column)) != number:
                continue
            place = cx + column * step_x, cy + row * step_y
            held = inside(place, image_size)
            if abs(place[0] - held[0]) < step_x / 2 and abs(place[1] - held[1]) < step_y / 2:
                found.append(boxes.from_center(*held, w, h))
    return found


def grid(
    box_xywh: Box, image_size: tuple[int, int], window: float, most: int, size_factor: float = 1.0
) -> list[Box]:
    """Boxes whose windows cover the image, nearest to the box first.

    They have the box's aspect and `size_factor` times its size, up to `COARSEST` times where that
    would take over `most` windows: at a very small target the grid may still be larger than `most`.
    """
    scale = size_factor
    w, h = box_xywh[2] * scale, box_xywh[3] * scale
    while _covering(w, h, image_size, window) > most and scale < COARSEST:
        scale = min(scale * 1.1, COARSEST)
        w, h = box_xywh[2] * scale, box_xywh[3] * scale
    columns, rows = _counts(w, h, image_size, window)
    centers = [
        ((column + 0.5) * image_size[0] / columns, (row + 0.5) * image_size[1] / rows)
        for row in range(rows)
        for column in range(columns)
    ]
    start = boxes.center(box_xywh)
    centers.sort(key=lambda center: math.hypot(center[0] - start[0], center[1] - start[1]))
    return [boxes.from_center(*center, w, h) for center in centers]


def _counts(w: float, h: float, image_size: tuple[int, int], window: float) -> tuple[int, int]:
    # the windows together must hold the whole image; the outer ones reach the border by themselves
    columns = math.ceil(max(image_size[0] - w, 1.0) / (w * (window - MARGIN)))
    rows = math.ceil(max(image_size[1] - h, 1.0) / (h * (window - MARGIN)))
    return max(columns, 1), max(rows, 1)


def _covering(w: float, h: float, image_size: tuple[int, int], window: float) -> int:
    columns, rows = _counts(w, h, image_size, window)
    return columns * rows
