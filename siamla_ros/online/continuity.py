"""Whether a large box goes on to show the same thing: texture without structure does not.

The network finds a box that shares borders with the image again, whatever the image shows. The
content of a real target resembles that of an image before; noise that is new in each image does
not (tools/nothing_to_track.py).
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box, cover

MIN_COVER = 0.05  # share of the image: smaller boxes on noise are not confirmed anyway
MAX_GAP_S = 0.5  # over a longer one a real target may change
STEPS = 3  # between images: the best of so many counts, a fast target misses one
PATCH_SIDE = 16
MAX_SIDE_PX = 256  # a larger box is sampled
Patch = NDArray[np.float32]


class Continuity:
    """What the box of one target showed on the images before."""

    def __init__(self) -> None:
        self._patch: Patch | None = None
        self._stamp_s = -math.inf
        self._recent: deque[tuple[float, float]] = deque(maxlen=STEPS)  # stamp, resemblance

    def see(self, image_bgr: NDArray[np.uint8], box_xywh: Box, stamp_s: float) -> float | None:
        """Note what a box shows.

        Args:
            image_bgr: HxWx3 uint8.
            box_xywh: half-open, pixels.
            stamp_s: of the image.

        Returns:
            The best resemblance of recent neighboring images, [0, 1]; None where too few are
            known, or the box is small.
        """
        height, width = image_bgr.shape[:2]
        large = cover(box_xywh, (width, height)) >= MIN_COVER
        patch = patch_of(image_bgr, box_xywh) if large else None
        before, gap_s = self._patch, stamp_s - self._stamp_s
        self._patch, self._stamp_s = patch, stamp_s
        if not 0.0 <= gap_s <= MAX_GAP_S:
            self._recent.clear()
            return None
        if patch is None or before is None:
            return None
        self._recent.append((stamp_s, resemblance(before, patch)))
        known = [value for seen_s, value in self._recent if stamp_s - seen_s <= STEPS * MAX_GAP_S]
        return max(known) if len(known) == STEPS else None


def patch_of(image_bgr: NDArray[np.uint8], box_xywh: Box) -> Patch | None:
    """The content of a box, whatever its light and size: PATCH_SIDE x PATCH_SIDE x 3, mean 0,
    length 1.

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
    step_x, step_y = (math.ceil(side / MAX_SIDE_PX) for side in (right - left, bottom - top))
    region = np.ascontiguousarray(image_bgr[top:bottom:step_y, left:right:step_x])
    size = (PATCH_SIDE, PATCH_SIDE)
    patch = cv2.resize(region, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    patch -= patch.mean(axis=(0, 1))
    length = float(np.linalg.norm(patch))
    return patch / length if length > 1e-3 else None


def resemblance(first: Patch, second: Patch) -> float:
    """Correlation of two patches: 1 for the same content, about 0 for unrelated, at least 0."""
    return min(max(float(np.vdot(first, second)), 0.0), 1.0)
