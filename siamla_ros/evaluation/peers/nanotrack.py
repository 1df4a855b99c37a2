"""NanoTrack V2 and V3 from their ONNX files, with the penalties and the smoothing of their authors.

The authors' code cuts whole-pixel windows whose center is up to a pixel off. Sub-pixel windows
score a little better (docs/evaluation.md), so they are the default here, to the peer's advantage;
`whole_pixels` cuts as published.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from siamla_ros.evaluation.peers.base import Estimate, TrackerUnavailable, read_model
from siamla_ros.evaluation.peers.ort import THREADS, describe_files, open_session
from siamla_ros.evaluation.peers.sampling import sample, to_input
from siamla_ros.geometry.boxes import Box

TEMPLATE_SIZE, SEARCH_SIZE, STRIDE, CONTEXT = 127, 255, 16, 0.5
MIN_SIDE_PX = 10


@dataclass(frozen=True)
class NanoSettings:
    """Published post-processing: cosine window weight, scale-change penalty, size rate."""

    window: float
    penalty: float
    size_lr: float


SETTINGS = {'v2': NanoSettings(0.490, 0.150, 0.385), 'v3': NanoSettings(0.455, 0.138, 0.348)}


def template_backbone(path: str | Path) -> bytes:
    """The backbone with a 127 px input (the file fixes 255), as the content of an ONNX file."""
    try:
        import onnx
    except ImportError as error:
        raise TrackerUnavailable(
            'NanoTrack needs the `onnx` package to give its backbone a 127 px input'
        ) from error
    model = onnx.load_model_from_string(read_model(path))
    for value, side in ((model.graph.input[0], TEMPLATE_SIZE), (model.graph.output[0], 8)):
        for axis in (2, 3):
            value.type.tensor_type.shape.dim[axis].dim_value = side
    del model.graph.value_info[:]  # sizes inferred for 255 px
    return model.SerializeToString()


def context_side(size_wh: np.ndarray) -> float:
    """Side in pixels of the square that holds the target and its context."""
    margin = CONTEXT * size_wh.sum()
    return float(np.sqrt((size_wh[0] + margin) * (size_wh[1] + margin)))


def _padded_size(w: np.ndarray | float, h: np.ndarray | float) -> np.ndarray:
    pad = (w + h) * 0.5
    return np.sqrt((w + pad) * (h + pad))


def _change(ratio: np.ndarray) -> np.ndarray:
    return np.maximum(ratio, 1.0 / ratio)


class NanoTracker:
    """`nanotrack:v2:backbone.onnx,head.onnx` or `v3`; `nanotrack-rounded:...` with whole_pixels."""

    def __init__(
        self,
        version: str,
        backbone: str | Path,
        head: str | Path,
        whole_pixels: bool = False,
        name: str | None = None,
        threads: int = THREADS,
    ) -> None:
        if version not in SETTINGS:
            raise TrackerUnavailable(
                f'NanoTrack version must be one of {", ".join(SETTINGS)}, got {version!r}'
            )
        self.name = name or f'nanotrack-{version}'
        self.settings = SETTINGS[version]
        self.whole_pixels, self._threads = whole_pixels, threads
        self._files = {'backbone': backbone, 'head': head}
        self._search_session = open_session(backbone, threads)
        self._template_session = open_session(template_backbone(backbone), threads)
        self._head_session = open_session(head, threads)
        self._head_inputs = [item.name for item in self._head_session.get_inputs()]
        self._set_grid(self._head_session.get_outputs()[0].shape[-1])

    def _set_grid(self, n: int) -> None:
        axis = (np.arange(n) - n // 2) * float(STRIDE)
        self._xs, self._ys = (part.ravel() for part in np.meshgrid(axis, axis))
        self._cosine = np.outer(np.hanning(n), np.hanning(n)).ravel()

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Take the template and the mean color of the first image."""
        x, y, w, h = box_xywh
        self._size = np.array([w, h], np.float64)
        self._center = np.array([x, y]) + (self._size - (1 if self.whole_pixels else 0)) / 2
        self._fill = image_bgr.mean(axis=(0, 1))
        window = self._window(context_side(self._size))
        crop = sample(image_bgr, window, TEMPLATE_SIZE, self._fill)
        self._template = self._template_session.run(None, {'input': to_input(crop, rgb=False)})[0]

    def _window(self, side: float) -> np.ndarray:
        if not self.whole_pixels:
            return np.array([*(self._center - side / 2), side, side])
        side = max(1, round(side))
        return np.array([*np.floor(self._center - (side + 1) / 2 + 0.5), side, side])

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """The smoothed box of the best cell; confidence: its softmax before penalty and window."""
        side = context_side(self._size)
        window = self._window(side * SEARCH_SIZE / TEMPLATE_SIZE)
        crop = sample(image_bgr, window, SEARCH_SIZE, self._fill)
        features = self._search_session.run(None, {'input': to_input(crop, rgb=False)})[0]
        feed = dict(zip(self._head_inputs, (self._template, features)))
        logits, distances = self._head_session.run(None, feed)
        score, boxes_cxcywh = self._decode(logits[0], distances[0])
        best, penalty = self._choose(score, boxes_cxcywh, TEMPLATE_SIZE / side)
        rate = penalty * float(score[best]) * self.settings.size_lr
        self._smooth(boxes_cxcywh[:, best] * side / TEMPLATE_SIZE, rate, image_bgr.shape)
        corner = self._center - self._size / 2
        return Estimate((*map(float, corner), *map(float, self._size)), float(score[best]))

    def _decode(self, logits: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n*n) and boxes (4 x n*n: cx, cy, w, h in search pixels about the center)."""
        flat = logits.reshape(2, -1).astype(np.float64)
        score = expit(flat[1] - flat[0])
        left, top, right, bottom = distances.reshape(4, -1).astype(np.float64)
        cx, cy = self._xs + (right - left) / 2, self._ys + (bottom - top) / 2
        return score, np.stack([cx, cy, left + right, top + bottom])

    def _choose(self, score: np.ndarray, boxes: np.ndarray, scale: float) -> tuple[int, float]:
        """Index of the best cell after penalty and window, and its penalty."""
        w, h = self._size * scale
        with np.errstate(divide='ignore', invalid='ignore'):
            size_change = _change(_padded_size(boxes[2], boxes[3]) / _padded_size(w, h))
            ratio_change = _change((w / h) / (boxes[2] / boxes[3]))
            change = size_change * ratio_change
        penalty = np.nan_to_num(np.exp(-(change - 1) * self.settings.penalty))
        weight = self.settings.window
        best = int(np.argmax(penalty * score * (1 - weight) + self._cosine * weight))
        return best, float(penalty[best])

    def _smooth(self, box: np.ndarray, rate: float, image_shape: tuple[int, ...]) -> None:
        limits = np.array([image_shape[1], image_shape[0]], np.float64)
        self._center = np.clip(self._center + box[:2], 0, limits)
        size = np.minimum(self._size * (1 - rate) + box[2:] * rate, limits)
        self._size = np.maximum(MIN_SIDE_PX, size)

    def describe(self) -> dict[str, Any]:
        """Name, settings, runtime and model files."""
        settings = {**asdict(self.settings), 'whole_pixels': self.whole_pixels}
        return {
            'name': self.name,
            'settings': settings,
            **describe_files(self._threads, **self._files),
        }
