"""The boxes that all cells of a batch of response maps give, in pixels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.crops import Window
from siamla_ros.model.decode_config import SAME_PEAK_IOU
from siamla_ros.model.grid import CellGrid

FloatArray = NDArray[np.float64]
_TINY = 1e-6  # of a sum of weights, so that it divides
_LEAST_AREA = np.finfo(np.float64).tiny  # an area of 0 divides, and NaN stays NaN


class CellBoxes:
    """Boxes of B maps of N cells; their corners and areas are worked out once.

    Attributes:
        xywh: (B, 4, N), contiguous: left, top, width, height.
    """

    def __init__(self, xywh: FloatArray) -> None:
        self.xywh = xywh
        self._far = xywh[:, :2] + xywh[:, 2:]
        self._area = _area(self._far - xywh[:, :2])

    def at(self, index: NDArray[np.intp]) -> FloatArray:
        """The boxes (B, 4) of one cell each, by its number in the map."""
        return self.xywh[np.arange(len(index)), :, index]

    def iou(self, one_xywh: FloatArray) -> FloatArray:
        """Intersection over union (B, N) of each map's boxes with one box (B, 4)."""
        near, far = one_xywh[:, :2], one_xywh[:, :2] + one_xywh[:, 2:]
        shared = np.minimum(self._far, far[..., None])
        shared -= np.maximum(self.xywh[:, :2], near[..., None])
        intersection = _area(shared)
        union = self._area + _area(far - near)[:, None] - intersection
        return intersection / np.maximum(union, _LEAST_AREA)

    def agreement(self, confidence: FloatArray, one_xywh: FloatArray) -> FloatArray:
        """How well the cells agree on a box (B, 4), (B,) in [0, 1]: the mean IoU with it of the
        boxes of the same object, weighted by their confidence (B, N).

        Every cell guesses the box for itself; where the guesses differ the box is uncertain, though
        each cell may be sure. It follows the true IoU better than p or Q alone (docs/training.md).
        """
        overlap = self.iou(one_xywh)
        weight = np.where(overlap >= SAME_PEAK_IOU, confidence, 0.0)
        return (weight * overlap).sum(1) / np.maximum(weight.sum(1), _TINY)


def batch_boxes(
    ltrb: NDArray[np.float32], windows: Sequence[Window], size_px: int, grid: CellGrid
) -> CellBoxes:
    """Boxes of maps (B, 4, H, W) of distances, map `i` being that of window `i`."""
    batch, _, height, width = ltrb.shape
    scale = np.array([window.scale(size_px) for window in windows])
    middle = np.array([(window.cx, window.cy) for window in windows])
    half = np.array([(window.width, window.height) for window in windows]) / 2.0
    centers = _centers(height, width, grid) / scale[..., None] + middle[..., None] - half[..., None]
    reach = ltrb.reshape(batch, 2, 2, -1).astype(np.float64)
    reach /= scale[:, None, :, None]
    return CellBoxes(np.concatenate([centers - reach[:, 0], reach[:, 0] + reach[:, 1]], 1))


def cell_boxes(
    ltrb: NDArray[np.float32], window: Window, size_px: int, grid: CellGrid
) -> FloatArray:
    """Boxes (H, W, 4), xywh in image pixels, of all cells of one map (4, H, W)."""
    found = batch_boxes(ltrb[None], [window], size_px, grid).xywh[0]
    return np.ascontiguousarray(found.T).reshape(*ltrb.shape[1:], 4)


def _area(sides: FloatArray) -> FloatArray:
    """Product (B, ...) of sides (B, 2, ...); 0 where one is negative."""
    sides = np.maximum(sides, 0.0)
    return sides[:, 0] * sides[:, 1]


@lru_cache(maxsize=16)
def _centers(height: int, width: int, grid: CellGrid) -> FloatArray:
    """Centers (2, N) of the cells in crop pixels, x before y. Shared: read only."""
    x = np.arange(width) * grid.stride + grid.offset
    y = np.arange(height) * grid.stride + grid.offset
    centers = np.stack([np.tile(x, height), np.repeat(y, width)])
    centers.setflags(write=False)
    return centers
