"""Does the best score sit on the best box? Alignment over the cells of a response map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from siamla_ros.geometry import boxes


@dataclass(frozen=True)
class Cells:
    """Every cell of one response map, in image pixels.

    Attributes:
        boxes_xywh: M x 4, the box that the cell predicts.
        centers_xy: M x 2, where the cell lies.
        score: M, what the tracker ranks cells by, before any window or penalty.
    """

    boxes_xywh: np.ndarray
    centers_xy: np.ndarray
    score: np.ndarray


def alignment(cells: Cells, truth_xywh: np.ndarray) -> dict[str, float]:
    """How score and overlap go together among the cells inside the true box.

    Returns:
        alignment_gap: IoU of the best of these boxes minus IoU of the one with the highest score,
        >= 0; alignment_rank: Spearman correlation of score and IoU over them, NaN for fewer than 3
        cells or constant values. Empty where no cell lies in the true box.
    """
    x, y, w, h = (float(v) for v in truth_xywh)
    centers = np.asarray(cells.centers_xy)
    inside = (centers >= (x, y)).all(1) & (centers < (x + w, y + h)).all(1)
    if not inside.any():
        return {}
    found = np.nan_to_num(boxes.iou(np.asarray(cells.boxes_xywh)[inside], truth_xywh))
    score = np.asarray(cells.score, np.float64)[inside]
    return {
        'alignment_gap': float(found.max() - found[int(np.argmax(score))]),
        'alignment_rank': spearman(score, found),
    }


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation of two samples, ties by mean rank; NaN below 3 pairs or if one is constant.

    Pairs with a NaN are left out.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    valid = ~(np.isnan(a) | np.isnan(b))
    if valid.sum() < 3:
        return float('nan')
    a, b = a[valid], b[valid]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float('nan')
    return float(stats.spearmanr(a, b).statistic)
