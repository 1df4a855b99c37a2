"""What a target looks like, described without a network: its colors, in two ways.

* `colors`: Lab, of the whole box, coarse. `identity` keeps several of them, compares answers of
  the tracker, whose boxes fit, with them, and finds a place in an image by them. Bands of the
  height told candidates apart less well on validation material.
* `colors_of_halves`: hue, saturation and value of both halves, smoothed. The answering node tells
  the people of a detector apart by it, from two looks alone: a red jacket over blue trousers is not
  blue over red.

They are two because neither serves both: the thresholds of `identity` are fitted to the first, and
the second tells the people of a detector apart better. Among the moving shapes of the demo's
pedestrian video (51 people followed; 40 to 110 frames later each compared with the others in sight,
network and colors together) the right one came first in 75 % of 611 comparisons, with Lab in the
same halves in 68 %. Cutting out, counting and comparing are the same.

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
SIGHT_SIDE_PX = 192  # the longer side of the image in which colors are looked for
LEAST_SIDE_PX = 2

HALF_LEVELS = (12, 6, 6)  # bins of hue, saturation and value
MIDDLE = (0.15, 0.85)  # share of the width that is looked at
HALVES = ((0.1, 0.5), (0.5, 0.9))  # shares of the height
DULL = 40  # saturation below which a hue means little, of 255

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


def color_likeness(first: Colors, second: Colors) -> float:
    """Bhattacharyya coefficient: 1 for the same colors, 0 for none shared."""
    return min(float(np.sqrt(first * second).sum()), 1.0)


def colors_of_halves(image_bgr: NDArray[np.uint8], box_xywh: Sequence[float]) -> Colors:
    """2 x bins: smoothed histograms in HSV of upper and lower half, the sum of each 1; zeros for a
    half without pixels.
    """
    x, y, w, h = box_xywh
    left, right = (int(x + share * w) for share in MIDDLE)
    rows = [(int(y + top * h), int(y + bottom * h)) for top, bottom in HALVES]
    return np.stack(
        [
            _hues(_cut(image_bgr, (left, top), (max(right, left + 1), max(bottom, top + 1))))
            for top, bottom in rows
        ]
    )


def likeness_of_halves(first: Colors, second: Colors) -> float:
    """Mean `color_likeness` of the halves, [0, 1]."""
    return float(np.mean([color_likeness(*pair) for pair in zip(first, second)]))


def colored_place(
    image_bgr: NDArray[np.uint8],
    target: Colors,
    size_wh: tuple[float, float],
    but: Sequence[Sequence[float]] = (),
) -> tuple[float, float] | None:
    """The center (x, y) of the box of that size that holds most of the target's `colors`.

    Colors that the whole image is full of count little. but: boxes round which not to look. None
    where nothing of the target's colors is in sight.
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


def _hues(patch_bgr: NDArray[np.uint8]) -> Colors:
    if patch_bgr.size == 0:
        return np.zeros(int(np.prod(HALF_LEVELS)), np.float32)
    hsv = cv2.cvtColor(np.ascontiguousarray(patch_bgr), cv2.COLOR_BGR2HSV).reshape(-1, 3)
    hsv = hsv.astype(np.int64)
    # what is dull has no hue to speak of: it goes to the first one, whatever noise made of it
    hsv[hsv[:, 1] < DULL, 0] = 0
    bins = np.ravel_multi_index((hsv * HALF_LEVELS // (180, 256, 256)).T, HALF_LEVELS)
    count = _counted(bins, HALF_LEVELS).reshape(HALF_LEVELS).astype(np.float64)
    return _shares(_blur(_blur(_blur(count, 0, wrap=True), 1), 2).ravel())


def _blur(counts: NDArray, axis: int, wrap: bool = False) -> NDArray:
    """A quarter of each bin goes to either neighbor, so that a color at the border of two bins
    does not jump; hues go round in a circle.
    """
    below, above = np.roll(counts, 1, axis), np.roll(counts, -1, axis)
    if not wrap:
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = 0, -1
        below[tuple(first)], above[tuple(last)] = counts[tuple(first)], counts[tuple(last)]
    return 0.5 * counts + 0.25 * (below + above)
