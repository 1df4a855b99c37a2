"""A filter that is learned on the way: what tells a target from what surrounds it in this video.

The network compares a box with the first image of the target; what stands beside it there was
never shown to it. So a linear filter over the backbone's features is fitted to the target and its
surroundings, by ridge regression, as discriminative correlation filters are (MOSSE, Bolme et al.,
CVPR 2010; ATOM, Danelljan et al., CVPR 2019): its response is near 1 in the middle of the target
and near 0 beside it. A box at which it is low may show something else.

Pure functions over NumPy; a filter is immutable. Positions are image pixels, x right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box, center
from siamla_ros.geometry.crops import Window
from siamla_ros.model.grid import CellGrid

FloatArray = NDArray[np.float64]

EVERY = 3  # updates from lesson to lesson: neighboring images show the same
KEPT = 0.955  # of earlier lessons, from lesson to lesson: half of it after 1.5 s at 30 Hz
FIRST_SHARE = 0.5  # of the first image, which is known to show the target
MIN_CONFIDENCE = 0.85  # below it a box teaches nothing
SPREAD = 0.35  # of the response wanted of the target, in sides of its box
RIDGE = 0.01  # of the mean square of a feature
NORM = 10.0  # of the features of a cell
ROWS = 16  # of a product: so few that one thread does it
MIDDLE = 0.4  # the response at a box is the highest within so many of its sides from its center
SHIFTS = ((0.0, 0.0), (0.9, 0.9), (-0.9, 0.9), (0.9, -0.9), (-0.9, -0.9))
"""Where windows lie on the first image, in sides of the box: the target must be told from its
surroundings wherever in a window it is.
"""


class Sight(NamedTuple):
    """What the network has seen of one window.

    Args:
        features: (D, H, W) float32 of the backbone.
        window: Of the image.
        size_px: Side of its crop.
        grid: Where the cells lie in the crop.
    """

    features: NDArray[np.float32]
    window: Window
    size_px: int
    grid: CellGrid


class Moments(NamedTuple):
    """Sums that the regression needs: (D+1, D+1) of features, (D+1,) of features and wanted
    response; the last feature is 1.
    """

    features: FloatArray
    wanted: FloatArray

    def mixed(self, other: Moments, share: float) -> Moments:
        """With a share of others."""
        pairs = zip(self, other, strict=True)
        return Moments(*((1.0 - share) * mine + share * theirs for mine, theirs in pairs))


@dataclass(frozen=True)
class TargetFilter:
    """The filter of one target; bounded: two matrices and a vector.

    Attributes:
        first: Moments of the first image.
        lately: Of it and of what was learned since.
        weights: (D+1,) of the filter.
        updates: Since the last lesson.
    """

    first: Moments = field(repr=False)
    lately: Moments = field(repr=False)
    weights: FloatArray = field(repr=False)
    updates: int = 0

    @classmethod
    def start(cls, sights: Iterable[Sight], box_xywh: Box) -> TargetFilter:
        """From windows of the target's first image, at least one."""
        found = [_moments(sight, box_xywh) for sight in sights]
        first = Moments(*(np.mean(sums, 0) for sums in zip(*found, strict=True)))
        return cls(first, first, _solved(first))

    def response(self, sight: Sight, box_xywh: Box) -> float:
        """How much a box within the window looks like the target and not like its surroundings,
        [0, 1].
        """
        x, y = _from_center(sight, box_xywh)
        inside = (np.abs(x) < MIDDLE) & (np.abs(y) < MIDDLE)
        if not inside.any():  # a box smaller than a cell
            inside = np.hypot(x, y) == np.hypot(x, y).min()
        found = float((_cells(sight, inside) @ self.weights).max())
        return min(max(found, 0.0), 1.0)

    def after(
        self, sight: Sight, box_xywh: Box, confidence: float, wait: bool = False
    ) -> TargetFilter:
        """After an update; it learns from each third one, if the box is sure.

        wait: A lesson that is due is left for the next update (`waiting`).
        """
        if wait or self.updates + 1 < EVERY or confidence < MIN_CONFIDENCE:
            return replace(self, updates=self.updates + 1)
        lately = self.lately.mixed(_moments(sight, box_xywh), 1.0 - KEPT)
        weights = _solved(lately.mixed(self.first, FIRST_SHARE))
        return TargetFilter(self.first, lately, weights)


def waiting(filters: Sequence[TargetFilter | None], confidences: Sequence[float]) -> list[bool]:
    """Which targets of one image wait with a lesson that may be due: all but as many of the sure
    ones as keep each to its turn. Those that started together would else learn together, and every
    third image would take longer.
    """
    sure = {
        index: known.updates
        for index, (known, confidence) in enumerate(zip(filters, confidences, strict=True))
        if known is not None and confidence >= MIN_CONFIDENCE
    }
    order = sorted(sure, key=lambda index: -sure[index])
    later = set(order[math.ceil(len(order) / EVERY) :])
    return [index in later for index in range(len(filters))]


def _cells(sight: Sight, which: NDArray[np.bool_] | slice = slice(None)) -> FloatArray:
    """(N, D+1): features of all cells or of some, of the same length everywhere, and 1. What is not
    finite (float16 that overflowed) is cut, as a filter that has learned from it stays spoiled.
    """
    channels = np.nan_to_num(sight.features.reshape(len(sight.features), -1)[:, which].T)
    cells = np.ones((len(channels), channels.shape[1] + 1))
    length = np.sqrt(np.einsum('ij,ij->i', channels, channels, dtype=np.float64))
    cells[:, :-1] = channels * (NORM / np.maximum(length, 1e-6))[:, None]
    return cells


def _from_center(sight: Sight, box_xywh: Box) -> tuple[FloatArray, FloatArray]:
    """(N,) each: from the center of a box to each cell, in sides of the box."""
    window, size_px, (cx, cy) = sight.window, sight.size_px, center(box_xywh)
    rows, columns = sight.features.shape[1:]
    scale_x, scale_y = window.scale(size_px)
    offset, stride = sight.grid.offset - size_px / 2.0, sight.grid.stride
    x = (window.cx + (np.arange(columns) * stride + offset) / scale_x - cx) / box_xywh[2]
    y = (window.cy + (np.arange(rows) * stride + offset) / scale_y - cy) / box_xywh[3]
    return np.tile(x, rows), np.repeat(y, columns)


def _moments(sight: Sight, box_xywh: Box) -> Moments:
    x, y = _from_center(sight, box_xywh)
    wanted = np.exp(-(x * x + y * y) / (2.0 * SPREAD**2))
    cells, count = _cells(sight), len(wanted)
    parts = (cells[first : first + ROWS] for first in range(0, count, ROWS))
    # One product would be shared out to threads that wait for each other: 0.1 ms alone, 20 ms and
    # more on a busy machine.
    squares = sum((part.T @ part for part in parts), np.zeros((cells.shape[1],) * 2))
    return Moments(squares / count, np.einsum('i,ij->j', wanted, cells) / count)


def _solved(moments: Moments) -> FloatArray:
    """Weights of the ridge regression, by Cholesky's factors, whose rows are solved one by one for
    the same reason.
    """
    count = len(moments.wanted)
    ridge = RIDGE * np.trace(moments.features) / count * np.eye(count)
    lower = np.linalg.cholesky(moments.features + ridge)
    weights = moments.wanted.copy()
    for i in range(count):
        weights[i] = (weights[i] - lower[i, :i] @ weights[:i]) / lower[i, i]
    upper = np.ascontiguousarray(lower.T)
    for i in reversed(range(count)):
        weights[i] = (weights[i] - upper[i, i + 1 :] @ weights[i + 1 :]) / upper[i, i]
    return weights
