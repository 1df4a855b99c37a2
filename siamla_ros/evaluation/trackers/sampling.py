"""Resampling for the peers: plain bilinear, as their authors do it; siamla avoids aliasing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def sample(
    image_bgr: np.ndarray, window_xywh: Sequence[float], size: int, fill_bgr: np.ndarray
) -> np.ndarray:
    """A window of the image, in pixels, as size x size x 3; one colour beyond the border."""
    left, top, width, height = (float(v) for v in window_xywh)
    step_x, step_y = width / size, height / size
    # Destination pixel j has its centre at j + 1/2, and so has the source pixel.
    inverse = np.array(
        [[step_x, 0.0, left + 0.5 * step_x - 0.5], [0.0, step_y, top + 0.5 * step_y - 0.5]]
    )
    return cv2.warpAffine(
        image_bgr,
        inverse,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[float(v) for v in fill_bgr],
    )


def to_input(crop_bgr: np.ndarray, rgb: bool) -> np.ndarray:
    """1 x 3 x H x W float32, 0..255, RGB or BGR."""
    channels = crop_bgr[:, :, ::-1] if rgb else crop_bgr
    return np.ascontiguousarray(channels.transpose(2, 0, 1)[None], dtype=np.float32)
