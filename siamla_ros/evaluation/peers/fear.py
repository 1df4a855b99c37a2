"""FEAR-XS from its two ONNX files: anisotropic crops (the box grows by a share of its own width and
height), neither window nor penalty, the box clipped to the image.

The authors' code rounds every box and window to whole pixels. Sub-pixel boxes score a little better
(docs/evaluation.md), so they are the default here, to the peer's advantage; `whole_pixels` rounds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from siamla_ros.evaluation.cells import Cells
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.peers.ort import THREADS, describe_files, open_session
from siamla_ros.evaluation.peers.sampling import sample, to_input
from siamla_ros.geometry.boxes import Box

TEMPLATE_SIZE, SEARCH_SIZE, STRIDE, SCORE_SIZE = 128, 256, 16, 16
TEMPLATE_MARGIN, SEARCH_MARGIN = 0.2, 2.0  # of the width and height, on each side
MIN_SIDE_PX = 3


def clip_box(box_xywh: np.ndarray, image_shape: tuple[int, ...]) -> np.ndarray:
    """The part of a box inside the image, at least 3 px a side: 4 float64."""
    limits = np.array([image_shape[1], image_shape[0]], np.float64)
    low = np.clip(box_xywh[:2], 0, limits)
    size = np.clip(box_xywh[:2] + box_xywh[2:], 0, limits) - low
    low -= np.where(size < MIN_SIDE_PX, np.maximum(0, low + MIN_SIDE_PX - limits), 0)
    return np.concatenate([low, np.maximum(size, MIN_SIDE_PX)])


def grow(box_xywh: np.ndarray, margin: float) -> np.ndarray:
    """The box with `margin` of its width and height added on each side, 4 float64."""
    return np.concatenate([box_xywh[:2] - margin * box_xywh[2:], (1 + 2 * margin) * box_xywh[2:]])


class FearTracker:
    """`fear:init.onnx,track.onnx`; `fear-rounded:...` with whole_pixels."""

    def __init__(
        self,
        init_model: str | Path,
        track_model: str | Path,
        whole_pixels: bool = False,
        name: str = 'fear',
        threads: int = THREADS,
    ) -> None:
        self.name = name
        self.whole_pixels, self._threads = whole_pixels, threads
        self._files = {'init': init_model, 'track': track_model}
        self._init_session = open_session(init_model, threads)
        self._track_session = open_session(track_model, threads)
        axis = (np.arange(SCORE_SIZE) - SCORE_SIZE // 2) * STRIDE + SEARCH_SIZE / 2
        self._cells_xy = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._box = np.zeros(4)
        self._fill = np.zeros(3)
        self._template = np.zeros(0, np.float32)

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Take the template and the mean color of the first image."""
        box = np.array(box_xywh, np.float64)
        self._last = None
        self._box = clip_box(np.trunc(box) if self.whole_pixels else box, image_bgr.shape)
        self._fill = image_bgr.mean(axis=(0, 1))
        crop = sample(image_bgr, self._window(TEMPLATE_MARGIN), TEMPLATE_SIZE, self._fill)
        feed = {'image': to_input(crop, rgb=True)}
        self._template = self._init_session.run(['features'], feed)[0]

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """The box at the best cell; confidence is that cell's sigmoid."""
        window = self._window(SEARCH_MARGIN)
        crop = sample(image_bgr, window, SEARCH_SIZE, self._fill)
        feed = {'image': to_input(crop, rgb=True), 'template_features': self._template}
        distances, logits = self._track_session.run(['bbox', 'cls'], feed)
        self._last = distances[0].reshape(4, -1).astype(np.float64), logits[0, 0].ravel(), window
        best = int(np.argmax(self._last[1]))
        found = self._image_boxes()[best]
        self._box = clip_box(np.round(found) if self.whole_pixels else found, image_bgr.shape)
        confidence = expit(float(self._last[1][best]))
        return Estimate(tuple(float(v) for v in self._box), float(confidence))

    def _image_boxes(self) -> np.ndarray:
        """The box of every cell of the last map, M x 4 in image pixels."""
        (left, top, right, bottom), _, window = self._last
        corner = self._cells_xy.T - np.stack([left, top])
        scale = window[2:, None] / SEARCH_SIZE
        size = np.stack([left + right, top + bottom]) * scale
        return np.concatenate([corner * scale + window[:2, None], size]).T

    def last_cells(self) -> Cells | None:
        """Boxes, places and logits of the last map."""
        if self._last is None:
            return None
        _, logits, window = self._last
        centers = self._cells_xy * window[2:] / SEARCH_SIZE + window[:2]
        return Cells(self._image_boxes(), centers, logits)

    def _window(self, margin: float) -> np.ndarray:
        window = grow(self._box, margin)
        return np.trunc(window) if self.whole_pixels else window

    def describe(self) -> dict[str, Any]:
        """Name, rounding, runtime and model files."""
        return {
            'name': self.name,
            'whole_pixels': self.whole_pixels,
            **describe_files(self._threads, **self._files),
        }
