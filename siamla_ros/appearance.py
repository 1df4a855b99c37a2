"""What a target looks like, described without a network: its colours.

Pure functions; images are H x W x 3 uint8 BGR, boxes half-open x, y, w, h in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

INNER = 0.8  # share of the box's sides that is described: its rim is mostly background
SIDE_PX = 24  # the inner box is reduced to this, so that its size does not matter
# Bins of lightness and of the two colour axes (Lab). Coarse, and of the whole box: bands of its
# height told candidates apart less well on validation material, as boxes are not exact.
LEVELS = (6, 10, 10)
MOST_RARE = 20.0  # times that a colour may count more than one that the image is full of
SIGHT_SIDE_PX = 192  # the longer side of the image in which colours are looked for
LEAST_SIDE_PX = 2

Colours = NDArray[np.float32]


def colours(image_bgr: NDArray[np.uint8], box_xywh: Sequence[float]) -> Colours | None:
    """(bins,) histogram in Lab of the inner box, its sum 1; None where the box shows less than
    2 x 2 pixels of the image.
    """
    patch = _inner(image_bgr, box_xywh)
    if min(patch.shape[:2]) < LEAST_SIDE_PX:
        return None
    small = cv2.resize(patch, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    count = np.bincount(_bins(small).ravel(), minlength=int(np.prod(LEVELS)))
    return (count / count.sum()).astype(np.float32)


def colour_likeness(first: Colours, second: Colours) -> float:
    """Bhattacharyya coefficient: 1 for the same colours, 0 for none shared."""
    return min(float(np.sqrt(first * second).sum()), 1.0)


def coloured_place(
    image_bgr: NDArray[np.uint8], target: Colours, size_wh: tuple[float, float],
    but: Sequence[Sequence[float]] = (),
) -> tuple[float, float] | None:
    """The centre (x, y) of the box of that size that holds most of the target's colours.

    Colours that the whole image is full of count little. but: boxes round which not to look. None
    where nothing of the target's colours is in sight.
    """
    height, width = image_bgr.shape[:2]
    scale = min(1.0, SIGHT_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    bins = _bins(small)
    common = np.bincount(bins.ravel(), minlength=target.size) / bins.size
    rarity = np.minimum(target / np.maximum(common, 1e-3), MOST_RARE).astype(np.float32)
    window = [max(1, round(side * scale)) for side in size_wh]
    heat = cv2.blur(rarity[bins], tuple(window), borderType=cv2.BORDER_CONSTANT)
    for x, y, w, h in but:
        left, top = int(max(0.0, x * scale)), int(max(0.0, y * scale))
        heat[top:max(0, int((y + h) * scale) + 1), left:max(0, int((x + w) * scale) + 1)] = 0.0
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    if heat[row, column] <= 0.0:
        return None
    return (float(column) + 0.5) / scale, (float(row) + 0.5) / scale


def _inner(image: NDArray[np.uint8], box_xywh: Sequence[float]) -> NDArray[np.uint8]:
    x, y, w, h = box_xywh
    dx, dy = w * (1 - INNER) / 2, h * (1 - INNER) / 2
    left, top = max(0, int(x + dx)), max(0, int(y + dy))
    return image[top:max(0, int(np.ceil(y + h - dy))), left:max(0, int(np.ceil(x + w - dx)))]


def _bins(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number of each pixel's bin."""
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.int64)
    light = lab[..., 0] * LEVELS[0] // 256
    # grey (128) lies in the middle of a bin: noise must not toss it from one into the other
    first, second = (
        np.minimum((lab[..., axis] * LEVELS[axis] + 128) // 256, LEVELS[axis] - 1)
        for axis in (1, 2)
    )
    return (light * LEVELS[1] + first) * LEVELS[2] + second
