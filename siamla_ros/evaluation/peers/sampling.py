"""Resampling for the peers: plain bilinear, as their authors do it; siamla avoids aliasing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from siamla_ros.geometry.crops import resample


def sample(
    image_bgr: np.ndarray, window_xywh: Sequence[float], size: int, fill_bgr: np.ndarray
) -> np.ndarray:
    """A window of the image, in pixels, as size x size x 3; one color beyond the border."""
    left, top, width, height = (float(v) for v in window_xywh)
    return resample(image_bgr, (left, top), (width / size, height / size), size, fill_bgr)


def to_input(crop_bgr: np.ndarray, rgb: bool) -> np.ndarray:
    """1 x 3 x H x W float32, 0..255, RGB or BGR."""
    channels = crop_bgr[:, :, ::-1] if rgb else crop_bgr
    return np.ascontiguousarray(channels.transpose(2, 0, 1)[None], dtype=np.float32)
