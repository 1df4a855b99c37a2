"""From response maps to one box: penalties, score-weighted box voting, and the fused confidence
with the box_agreement of the cells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import Window
from siamla_ros.model.decode_config import SAME_PEAK_IOU, DecodeConfig
from siamla_ros.model.grid import CellGrid
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.logistic import platt
from siamla_ros.tracker.results import TrackResult

_TINY = 1e-6  # of a sum of weights, so that it divides


def decoded_row(row: NDArray[np.float32], window: Window) -> TrackResult:
    """What a runtime decided for one window: `runtime.step_layout.RESULT_FIELDS`."""
    x, y, w, h, confidence, p, q, second_peak, fused = (float(value) for value in row)
    box = boxes.from_center(window.cx + x, window.cy + y, w, h)
    return TrackResult(box, confidence, p, q, second_peak, fused)


def cell_boxes(
    ltrb: NDArray[np.float32], window: Window, size_px: int, grid: CellGrid
) -> NDArray[np.float64]:
    """Boxes (H, W, 4), xywh in image pixels, of all cells of one map (4, H, W)."""
    _, height, width = ltrb.shape
    sx, sy = window.scale(size_px)
    x = (np.arange(width) * grid.stride + grid.offset) / sx + window.cx - window.width / 2.0
    y = (np.arange(height) * grid.stride + grid.offset) / sy + window.cy - window.height / 2.0
    x, y = x[None, :], y[:, None]
    left, top, right, bottom = ltrb.astype(np.float64)
    return np.stack([x - left / sx, y - top / sy, (left + right) / sx, (top + bottom) / sy], -1)


def decode_box(
    maps: Maps,
    index: int,
    window: Window,
    size_px: int,
    grid: CellGrid,
    last_box_xywh: tuple[float, float, float, float],
    config: DecodeConfig,
) -> TrackResult:
    """The target's box in map ``index`` of a batch, not clipped, without its next state."""
    p = maps.classification[index].astype(np.float64)
    q = maps.quality[index].astype(np.float64)
    confidence = p ** (1.0 - config.fusion_exponent) * q**config.fusion_exponent
    candidates = cell_boxes(maps.ltrb[index], window, size_px, grid)
    ranking = confidence * _change_penalty(candidates, last_box_xywh, config.penalty_k)
    near = _cosine_window(p.shape, grid.middle(size_px))
    ranking = (1 - config.window_influence) * ranking + config.window_influence * near
    best = np.unravel_index(int(ranking.argmax()), ranking.shape)
    overlap = boxes.iou(candidates, candidates[best])
    box = (
        _vote(candidates, confidence, overlap, config.vote_iou)
        if config.vote_iou < 1
        else candidates[best]
    )
    score = float(confidence[best])
    distractors = np.where(overlap < SAME_PEAK_IOU, confidence, 0.0)
    distractor = np.unravel_index(int(distractors.argmax()), distractors.shape)
    reported = _reported(candidates, confidence, box, score, config)
    return TrackResult(
        _smooth_size(box, last_box_xywh, config.size_lr, score),
        reported,
        float(min(p[best], 1.0)),
        float(min(q[best], 1.0)),
        _reported(
            candidates, confidence, candidates[distractor], float(distractors[distractor]), config
        ),
        min(score, 1.0),
    )


def _reported(
    candidates: NDArray, confidence: NDArray, box: NDArray, score: float, config: DecodeConfig
) -> float:
    if config.agreement_exponent > 0:
        score *= box_agreement(candidates, confidence, box) ** config.agreement_exponent
    return float(platt(score, config.calibration_scale, config.calibration_bias))


def box_agreement(
    candidates: NDArray[np.float64], confidence: NDArray[np.float64], box_xywh: NDArray
) -> float:
    """How well the cells agree on a box, in [0, 1]: the mean IoU with it of the boxes (H, W, 4)
    that speak of the same object, weighted by their confidence (H, W).

    Every cell guesses the box for itself; where the guesses differ the box is uncertain, though
    each cell may be sure. It follows the true IoU better than p or Q alone (docs/training.md).
    """
    overlap = boxes.iou(candidates, box_xywh)
    weight = np.where(overlap >= SAME_PEAK_IOU, confidence, 0.0)
    return float((weight * overlap).sum() / max(weight.sum(), _TINY))


def _vote(candidates: NDArray, confidence: NDArray, overlap: NDArray, vote_iou: float) -> NDArray:
    """Mean of the boxes that agree with the best one, weighted by the square of their confidence.

    Neighboring cells see the same target; with a score that follows localization their mean is
    better than the box of any one of them (measured in docs/training.md).
    """
    weight = np.where(overlap >= vote_iou, np.maximum(confidence, 1e-6) ** 2, 0.0)
    return (candidates * weight[..., None]).sum((0, 1)) / weight.sum()


def _change_penalty(
    candidates: NDArray, last: tuple[float, float, float, float], k: float
) -> NDArray | float:
    if k == 0:
        return 1.0
    w, h = np.maximum(candidates[..., 2], 1e-6), np.maximum(candidates[..., 3], 1e-6)
    size = _at_least_one(_context_size(w, h) / _context_size(last[2], last[3]))
    aspect = _at_least_one((w / h) / (last[2] / last[3]))
    return np.exp(-k * (size * aspect - 1.0))


def _context_size(w: Any, h: Any) -> Any:
    padding = (w + h) / 2.0
    return np.sqrt((w + padding) * (h + padding))


def _at_least_one(ratio: NDArray) -> NDArray:
    return np.maximum(ratio, 1.0 / ratio)


@lru_cache(maxsize=16)
def _cosine_window(shape: tuple[int, int], middle: float) -> NDArray[np.float64]:
    """1 at the crop's center, which lies ``middle`` cells from cell 0. Shared: read only."""

    def axis(n: int) -> NDArray[np.float64]:
        return 0.5 + 0.5 * np.cos(np.pi * (np.arange(n) - middle) / (n / 2.0 + 1.0))

    window = np.outer(axis(shape[0]), axis(shape[1]))
    window.setflags(write=False)
    return window


def _smooth_size(
    box: NDArray, last: tuple[float, float, float, float], rate: float, confidence: float
) -> tuple[float, float, float, float]:
    """The center follows at once, the size at ``rate`` while the box is trusted, more slowly while
    it is not.
    """
    cx, cy = boxes.center(box)
    step = rate if rate >= 1.0 else rate * min(1.0, 0.4 + confidence)
    w = last[2] + step * (box[2] - last[2])
    h = last[3] + step * (box[3] - last[3])
    return boxes.as_box(boxes.from_center(cx, cy, w, h))
