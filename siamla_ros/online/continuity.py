"""Whether a large box goes on to show the same thing: texture without structure does not.

The network finds a box that shares borders with the image again, whatever the image shows. The
content of a real target resembles that of an image before; noise that is new in each image does
not (tools/nothing_to_track.py).
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box, cover
from siamla_ros.geometry.resemblance import Look, look_of, resemblance

MIN_COVER = 0.05  # share of the image: smaller boxes on noise are not confirmed anyway
MAX_GAP_S = 0.5  # over a longer one a real target may change
STEPS = 3  # between images: the best of so many counts, a fast target misses one


class Continuity:
    """What the box of one target showed on the images before."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._stamp_s = -math.inf
        self._recent: deque[float] = deque(maxlen=STEPS)

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
        look = look_of(image_bgr, box_xywh) if large else None
        before, gap_s = self._look, stamp_s - self._stamp_s
        self._look, self._stamp_s = look, stamp_s
        if look is None or before is None or not 0.0 <= gap_s <= MAX_GAP_S:
            return None
        self._recent.append(resemblance(before, look))
        return max(self._recent) if len(self._recent) == STEPS else None
