"""From response maps to one box: penalties, score-weighted box voting, and the fused confidence
with the agreement of the cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import Window
from siamla_ros.model.decode_config import SAME_PEAK_IOU, DecodeConfig
from siamla_ros.model.grid import CellGrid
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.cell_boxes import CellBoxes, batch_boxes
from siamla_ros.tracker.logistic import platt
from siamla_ros.tracker.results import TrackResult


def decoded_row(row: NDArray[np.float32], window: Window) -> TrackResult:
    """What a runtime decided for one window: `runtime.step_layout.RESULT_FIELDS`."""
    x, y, w, h, confidence, p, q, second_peak, fused, *second = (float(value) for value in row)
    box = boxes.from_center(window.cx + x, window.cy + y, w, h)
    other = boxes.from_center(window.cx + second[0], window.cy + second[1], *second[2:])
    return TrackResult(box, confidence, p, q, second_peak, fused, second_box_xywh=other)


def fused(
    p: NDArray[np.floating], q: NDArray[np.floating], config: DecodeConfig
) -> NDArray[np.float64]:
    """SiamLA's confidence of each cell, from its classification score and localization quality."""
    p, q = p.astype(np.float64, copy=False), q.astype(np.float64, copy=False)
    return p ** (1.0 - config.fusion_exponent) * q**config.fusion_exponent


def decode_boxes(
    maps: Maps,
    windows: Sequence[Window],
    size_px: int,
    grid: CellGrid,
    last_boxes_xywh: Sequence[Box],
    config: DecodeConfig,
) -> list[TrackResult]:
    """The target's box in each map of a batch; window and last box `i` belong to map `i`.

    Not clipped, and without their next states.
    """
    shape, rows = maps.classification.shape[1:], np.arange(len(windows))
    p = maps.classification.reshape(len(windows), -1).astype(np.float64)
    q = maps.quality.reshape(len(windows), -1).astype(np.float64)
    confidence = fused(p, q, config)
    cells = batch_boxes(maps.ltrb, windows, size_px, grid)
    last = np.array(last_boxes_xywh, np.float64)
    ranking = confidence * _change_penalty(cells.xywh[:, 2:], last[:, 2:], config.penalty_k)
    near = _cosine_window(shape, grid.middle(size_px))
    ranking = (1 - config.window_influence) * ranking + config.window_influence * near
    best = ranking.argmax(1)
    box, score = cells.at(best), confidence[rows, best]
    overlap = cells.iou(box)
    if config.vote_iou < 1:
        box = _vote(cells, confidence, overlap, config.vote_iou)
    distractors = np.where(overlap < SAME_PEAK_IOU, confidence, 0.0)
    other = distractors.argmax(1)
    other_box = cells.at(other)
    columns = (
        _smooth_size(box, last, config.size_lr, score),
        _calibrated(cells, confidence, box, score, config),
        np.minimum(p[rows, best], 1.0),
        np.minimum(q[rows, best], 1.0),
        _calibrated(cells, confidence, other_box, distractors[rows, other], config),
        np.minimum(score, 1.0),
        other_box,
    )
    found = zip(*(column.tolist() for column in columns), strict=True)
    return [
        TrackResult(boxes.as_box(xywh), c, p, q, s, f, second_box_xywh=boxes.as_box(second))
        for xywh, c, p, q, s, f, second in found
    ]


def decode_box(
    maps: Maps,
    index: int,
    window: Window,
    size_px: int,
    grid: CellGrid,
    last_box_xywh: Box,
    config: DecodeConfig,
) -> TrackResult:
    """The same for map ``index`` of a batch alone."""
    one = Maps(*(part[index : index + 1] for part in maps[:3]))
    return decode_boxes(one, [window], size_px, grid, [last_box_xywh], config)[0]


def _calibrated(
    cells: CellBoxes, confidence: NDArray, box: NDArray, score: NDArray, config: DecodeConfig
) -> NDArray:
    """Calibrated confidence (B,): Platt scaling of a score times the agreement of the cells."""
    if config.agreement_exponent > 0:
        score = score * cells.agreement(confidence, box) ** config.agreement_exponent
    return platt(score, config.calibration_scale, config.calibration_bias)


def _vote(cells: CellBoxes, confidence: NDArray, overlap: NDArray, vote_iou: float) -> NDArray:
    """Mean (B, 4) of the boxes that agree with the best one, weighted by the square of their
    confidence.

    Neighboring cells see the same target; with a score that follows localization their mean is
    better than the box of any one of them (measured in docs/research/training_log.md).
    """
    weight = np.where(overlap >= vote_iou, np.maximum(confidence, 1e-6) ** 2, 0.0)
    return (cells.xywh @ weight[..., None])[..., 0] / weight.sum(1, keepdims=True)


def _change_penalty(sides: NDArray, last: NDArray, k: float) -> NDArray | float:
    """Of widths and heights (B, 2, N) after the last ones (B, 2)."""
    if k == 0:
        return 1.0
    sides = np.maximum(sides, 1e-6)
    w, h, last_w, last_h = sides[:, 0], sides[:, 1], last[:, :1], last[:, 1:]
    size = _at_least_one(_context_size(w, h) / _context_size(last_w, last_h))
    aspect = _at_least_one((w / h) / (last_w / last_h))
    return np.exp(-k * (size * aspect - 1.0))


def _context_size(w: NDArray, h: NDArray) -> NDArray:
    padding = (w + h) / 2.0
    return np.sqrt((w + padding) * (h + padding))


def _at_least_one(ratio: NDArray) -> NDArray:
    return np.maximum(ratio, 1.0 / ratio)


@lru_cache(maxsize=16)
def _cosine_window(shape: tuple[int, int], middle: float) -> NDArray[np.float64]:
    """(N,), 1 at the crop's center, ``middle`` cells from cell 0. Shared: read only."""

    def axis(n: int) -> NDArray[np.float64]:
        return 0.5 + 0.5 * np.cos(np.pi * (np.arange(n) - middle) / (n / 2.0 + 1.0))

    window = np.outer(axis(shape[0]), axis(shape[1])).ravel()
    window.setflags(write=False)
    return window


def _smooth_size(box: NDArray, last: NDArray, rate: float, confidence: NDArray) -> NDArray:
    """The center follows at once, the size at ``rate`` where confidence is high, more slowly
    where it is low. Boxes (B, 4), confidence (B,).
    """
    step = np.full(len(box), rate)
    if rate < 1.0:
        step = rate * np.minimum(1.0, 0.4 + confidence)
    size = last[:, 2:] + step[:, None] * (box[:, 2:] - last[:, 2:])
    return np.concatenate([box[:, :2] + box[:, 2:] / 2.0 - size / 2.0, size], 1)
