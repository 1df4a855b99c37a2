"""How alike two boxes are in colour: what tells two people apart when their shape does not.

Upper and lower half are compared by themselves (a red jacket over blue trousers is not blue over
red), on the middle of the box, where there is least background. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.results import BoxXYWH

BINS = (12, 6, 6)                     # hue, saturation, value
MIDDLE = (0.15, 0.85)                 # share of the width that is looked at
HALVES = ((0.1, 0.5), (0.5, 0.9))     # shares of the height
DULL = 40                             # saturation below which a hue means little, of 255


def colour_signature(image_bgr: NDArray[np.uint8], box_xywh: Sequence[float]) -> NDArray:
    """Smoothed HSV histograms of both halves, each summing to 1; zeros for a half without pixels.

    :param box_xywh: pixels, half-open; may reach over the border of the image
    :return: 2 x bins, float32
    """
    return np.stack([_histogram(_cut(image_bgr, box_xywh, rows)) for rows in HALVES])


def colour_similarity(first: NDArray, second: NDArray) -> float:
    """Bhattacharyya coefficient of two signatures, mean over the halves: [0, 1], 1 if equal."""
    return float(np.clip(np.sqrt(first * second).sum(axis=1).mean(), 0.0, 1.0))


def _cut(image_bgr: NDArray[np.uint8], box_xywh: BoxXYWH, rows: tuple[float, float]) -> NDArray:
    x, y, w, h = box_xywh
    height, width = image_bgr.shape[:2]
    left, right = (int(np.clip(x + share * w, 0, width)) for share in MIDDLE)
    top, bottom = (int(np.clip(y + share * h, 0, height)) for share in rows)
    return image_bgr[top:max(bottom, top + 1), left:max(right, left + 1)]


def _histogram(patch_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    if patch_bgr.size == 0:
        return np.zeros(int(np.prod(BINS)), np.float32)
    hsv = cv2.cvtColor(np.ascontiguousarray(patch_bgr), cv2.COLOR_BGR2HSV).reshape(-1, 3)
    hsv = hsv.astype(np.int64)
    # what is dull has no hue to speak of: it goes to the first one, whatever noise made of it
    hsv[hsv[:, 1] < DULL, 0] = 0
    bins = hsv * BINS // (180, 256, 256)
    flat = np.ravel_multi_index(bins.T, BINS)
    counts = np.bincount(flat, minlength=int(np.prod(BINS))).reshape(BINS).astype(np.float64)
    smooth = _blur(_blur(_blur(counts, 0, wrap=True), 1), 2)
    return (smooth / smooth.sum()).ravel().astype(np.float32)


def _blur(counts: NDArray, axis: int, wrap: bool = False) -> NDArray:
    """A quarter of each bin goes to either neighbour, so that a colour at the border of two bins
    does not jump; hues go round in a circle.
    """
    below, above = np.roll(counts, 1, axis), np.roll(counts, -1, axis)
    if not wrap:
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = 0, -1
        below[tuple(first)], above[tuple(last)] = counts[tuple(first)], counts[tuple(last)]
    return 0.5 * counts + 0.25 * (below + above)
