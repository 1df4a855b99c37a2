"""The appearance of a target without a network: its colors in Lab, coarse.

`identity` keeps several descriptions of a target, compares boxes with them, and finds a place in an
image by them. Bands of the height separated candidates less well on validation material.

Pure functions; images are H x W x 3 uint8 BGR, boxes half-open x, y, w, h in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

INNER = 0.8  # share of the box's sides that is described: its rim is mostly background
SIDE_PX = 24  # the inner box is reduced to this, so that its size does not matter
LEVELS = (6, 10, 10)  # bins of lightness and of the two color axes (Lab)
MOST_RARE = 20.0  # times that a color may count more than one that the image is full of
SIGHT_SIDE_PX = 192  # the longer side of the image in which colors are searched
LEAST_SIDE_PX = 2

Colors = NDArray[np.float32]


def colors(image_bgr: NDArray[np.uint8], box_xywh: Sequence[float]) -> Colors | None:
    """(bins,) histogram in Lab of the inner box, its sum 1; None where the box shows less than
    2 x 2 pixels of the image.
    """
    x, y, w, h = box_xywh
    dx, dy = w * (1 - INNER) / 2, h * (1 - INNER) / 2
    end = int(np.ceil(x + w - dx)), int(np.ceil(y + h - dy))
    patch = _cut(image_bgr, (int(x + dx), int(y + dy)), end)
    if min(patch.shape[:2]) < LEAST_SIDE_PX:
        return None
    small = cv2.resize(patch, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return _shares(_counted(_bins(small), LEVELS))


def color_similarity(first: Colors, second: Colors) -> float:
    """Bhattacharyya coefficient: 1 for the same colors, 0 for none shared."""
    return min(float(np.sqrt(first * second).sum()), 1.0)


def colored_place(
    image_bgr: NDArray[np.uint8],
    target: Colors,
    size_wh: tuple[float, float],
    but: Sequence[Sequence[float]] = (),
) -> tuple[float, float] | None:
    """The center (x, y) of the box of that size that holds most of the target's `colors`.

    Colors that the whole image is full of count little. but: boxes whose surroundings are left out.
    None where nothing of the target's colors is visible.
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
        heat[top : max(0, int((y + h) * scale) + 1), left : max(0, int((x + w) * scale) + 1)] = 0.0
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    if heat[row, column] <= 0.0:
        return None
    return (float(column) + 0.5) / scale, (float(row) + 0.5) / scale


def _cut(
    image: NDArray[np.uint8], start: tuple[int, int], end: tuple[int, int]
) -> NDArray[np.uint8]:
    """The pixels from start (x, y) to end, half-open, as far as the image has them."""
    return image[max(0, start[1]) : max(0, end[1]), max(0, start[0]) : max(0, end[0])]


def _counted(bins: NDArray[np.int64], levels: tuple[int, int, int]) -> NDArray:
    return np.bincount(bins.ravel(), minlength=int(np.prod(levels)))


def _shares(count: NDArray) -> Colors:
    return (count / count.sum()).astype(np.float32)


def _bins(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number of each pixel's bin in Lab."""
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.int64)
    light = lab[..., 0] * LEVELS[0] // 256
    # gray (128) lies in the middle of a bin: noise must not toss it from one into the other
    first, second = (
        np.minimum((lab[..., axis] * LEVELS[axis] + 128) // 256, LEVELS[axis] - 1)
        for axis in (1, 2)
    )
    return (light * LEVELS[1] + first) * LEVELS[2] + second
