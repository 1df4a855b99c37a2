"""Response maps as small heat maps in a corner of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 96
SHARE = 4  # of the image's shorter side an inset takes at most one in so many
GAP_PX = 6  # to the image's edge and between insets


class Inset(NamedTuple):
    """A response map (H, W) in [0, 1], row 0 at the top of the search window, and its frame."""

    response: NDArray[np.floating]
    color_bgr: tuple[int, int, int]


def draw_insets(canvas: np.ndarray, insets: Sequence[Inset]) -> None:
    """From the lower right corner to the left, as many as fit; one color is the same confidence
    on every image.
    """
    height, width = canvas.shape[:2]
    side = min(SIDE_PX, min(height, width) // SHARE)
    if side < 3:  # a frame and a pixel in it
        return
    bottom, right = height - GAP_PX, width - GAP_PX
    for inset in insets:
        left, top = right - side, bottom - side
        if left < 0 or top < 0:
            return
        level = np.rint(np.clip(inset.response, 0.0, 1.0) * 255.0).astype(np.uint8)
        cells = cv2.resize(level, (side, side), interpolation=cv2.INTER_NEAREST)
        canvas[top:bottom, left:right] = cv2.applyColorMap(cells, cv2.COLORMAP_INFERNO)
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), inset.color_bgr, 1)
        right = left - GAP_PX
