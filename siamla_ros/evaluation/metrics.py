"""Overlap and precision figures of one-pass evaluation (OPE).

Every function takes N x 4 arrays of predicted and true boxes (x, y, w, h in pixels, half-open), one
row a frame. The first frame is excluded (the tracker was given its box) and so is every frame
without ground truth (NaN or no area).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from siamla_ros.geometry import boxes

SUCCESS_THRESHOLDS = np.arange(21) / 20.0  # overlap 0, 0.05 ... 1: the OTB curve
PRECISION_THRESHOLDS = np.arange(51.0)  # center error in pixels
NORMALISED_THRESHOLDS = (
    np.arange(51) / 100.0
)  # center error in units of the true box's width and height
PRECISION_AT_PX = 20


@dataclass(frozen=True)
class Scores:
    """Figures in [0, 1]; the names are those of the benchmarks."""

    success_auc: float
    precision_20px: float
    normalized_precision: float
    ao: float
    sr_050: float
    sr_075: float
    frames: int

    def as_dict(self) -> dict[str, float]:
        """Field name -> value, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Curves:
    """Shares of frames over SUCCESS_, PRECISION_ and NORMALISED_THRESHOLDS."""

    success: np.ndarray
    precision: np.ndarray
    normalized: np.ndarray


def overlap(predicted_xywh: np.ndarray, truth_xywh: np.ndarray) -> np.ndarray:
    """Row-wise intersection over union, N values in [0, 1]; 0 where either box is missing."""
    return np.nan_to_num(boxes.iou(predicted_xywh, truth_xywh))


def center_error(
    predicted_xywh: np.ndarray, truth_xywh: np.ndarray, normalized: bool = False
) -> np.ndarray:
    """Distance of the centers, N values in pixels or true sizes; infinite without a prediction."""
    predicted, truth = np.asarray(predicted_xywh, np.float64), np.asarray(truth_xywh, np.float64)
    offset = predicted[:, :2] + predicted[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    if normalized:
        offset = offset / truth[:, 2:]
    error = np.hypot(offset[:, 0], offset[:, 1])
    return np.where(np.isnan(error), np.inf, error)


def judged_frames(truth_xywh: np.ndarray) -> np.ndarray:
    """N bool: frames that count (not the first one, and with a true box)."""
    truth = np.asarray(truth_xywh, np.float64)
    judged = np.isfinite(truth).all(1) & (np.nan_to_num(truth[:, 2:]) > 0).all(1)
    judged[:1] = False
    return judged


def curves(predicted_xywh: np.ndarray, truth_xywh: np.ndarray) -> Curves:
    """The curves of one sequence; ValueError when shapes differ or no frame can be judged."""
    predicted, truth = np.asarray(predicted_xywh, np.float64), np.asarray(truth_xywh, np.float64)
    if predicted.shape != truth.shape:
        raise ValueError(f'predicted boxes have shape {predicted.shape}, true boxes {truth.shape}')
    judged = judged_frames(truth)
    if not judged.any():
        raise ValueError('no frame after the first has a true box: nothing to judge')
    found = overlap(predicted[judged], truth[judged])
    pixels = center_error(predicted[judged], truth[judged])
    relative = center_error(predicted[judged], truth[judged], normalized=True)
    return Curves(
        success=(found[:, None] > SUCCESS_THRESHOLDS).mean(0),
        precision=(pixels[:, None] <= PRECISION_THRESHOLDS).mean(0),
        normalized=(relative[:, None] <= NORMALISED_THRESHOLDS).mean(0),
    )


def sequence_scores(predicted_xywh: np.ndarray, truth_xywh: np.ndarray) -> Scores:
    """All figures of one sequence; ValueError as for `curves`."""
    curve = curves(predicted_xywh, truth_xywh)
    judged = judged_frames(truth_xywh)
    found = overlap(np.asarray(predicted_xywh)[judged], np.asarray(truth_xywh)[judged])
    return Scores(
        success_auc=float(curve.success.mean()),
        precision_20px=float(curve.precision[PRECISION_AT_PX]),
        normalized_precision=float(curve.normalized.mean()),
        ao=float(found.mean()),
        sr_050=float((found > 0.5).mean()),
        sr_075=float((found > 0.75).mean()),
        frames=int(judged.sum()),
    )


def mean_scores(scores: Iterable[Scores], pooled: bool = False) -> Scores:
    """Mean over sequences (each counts the same), or frames if `pooled`; ValueError on none."""
    rows = list(scores)
    if not rows:
        raise ValueError('no sequence scores to average')
    weights = np.array([row.frames if pooled else 1 for row in rows], np.float64)
    names = [name for name in rows[0].as_dict() if name != 'frames']
    table = np.array([[getattr(row, name) for name in names] for row in rows])
    means = weights @ table / weights.sum()
    return Scores(**dict(zip(names, map(float, means))), frames=sum(row.frames for row in rows))
