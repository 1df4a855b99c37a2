"""What a confidence is worth: agreement with the overlap, calibration, present against absent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from siamla_ros.evaluation.cells import spearman
from siamla_ros.evaluation.runner import Run

ECE_BINS = 15
CORRECT_IOU = 0.5
KEPT_SHARE = 0.95  # the threshold to fall below keeps this share of the frames on the target


@dataclass(frozen=True)
class Absence:
    """How a confidence behaves when the target goes, over the sequences of one kind.

    Attributes:
        auroc: Frames on the target (IoU > 0.5) against frames without it.
        threshold: The value that 95 % of the frames on the target exceed.
        fall_median, fall_worst: Frames without the target until the confidence is below the
            threshold; 1: at once, infinite: never.
        never: Sequences in which it does not fall so far.
        sequences: How many there are.
    """

    auroc: float
    threshold: float
    fall_median: float
    fall_worst: float
    never: int
    sequences: int
    median_present: float
    median_absent: float

    def as_dict(self) -> dict[str, float]:
        """Field name -> value."""
        return asdict(self)


@dataclass(frozen=True)
class Reliability:
    """The bins of a reliability diagram: how often right, how confident, how many frames."""

    accuracy: np.ndarray
    confidence: np.ndarray
    count: np.ndarray

    @property
    def ece(self) -> float:
        """Expected calibration error, NaN without frames."""
        total = self.count.sum()
        gaps = np.abs(np.nan_to_num(self.accuracy - self.confidence))
        return float((gaps * self.count).sum() / total) if total else math.nan

    @property
    def sums(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each bin: frames, frames that are right, confidence."""
        sums = (np.nan_to_num(part) * self.count for part in (self.accuracy, self.confidence))
        return self.count, *sums


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = ECE_BINS) -> Reliability:
    """Equal bins over [0, 1]; frames without a confidence (NaN) are left out."""
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    known = ~np.isnan(confidence)
    confidence, right = confidence[known], right[known]
    place = np.clip((confidence * bins).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    safe = np.where(count > 0, count, np.nan)
    return Reliability(
        np.bincount(place, right, bins) / safe, np.bincount(place, confidence, bins) / safe, count
    )


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive value exceeds a negative one, ties half; NaN if one is empty."""
    positive, negative = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    if not len(positive) or not len(negative):
        return math.nan
    wins = stats.mannwhitneyu(positive, negative, method='asymptotic').statistic
    return float(wins / (len(positive) * len(negative)))


def pooled(runs: Iterable[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and overlap of every judged frame that has a confidence."""
    parts = [(run.confidence[run.judged], run.iou[run.judged]) for run in runs]
    confidence = np.concatenate([part[0] for part in parts])
    overlap = np.concatenate([part[1] for part in parts])
    known = ~np.isnan(confidence)
    return confidence[known], overlap[known]


def agreement(runs: list[Run]) -> dict[str, float]:
    """Spearman of confidence and IoU, ECE, and the alignment of cells where the tracker shows them.

    Values are NaN for a tracker without a confidence.
    """
    confidence, overlap = pooled(runs)
    result = {
        'spearman': spearman(confidence, overlap),
        'ece': reliability(confidence, overlap > CORRECT_IOU).ece,
    }
    for key in ('alignment_gap', 'alignment_rank'):
        values = np.concatenate([run.extra[key] for run in runs if key in run.extra] or [[]])
        result[key] = float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
    return result


def absence(runs: list[Run]) -> Absence | None:
    """The figures of one kind of spliced sequences; None for a tracker without a confidence."""
    present = np.concatenate([run.confidence[run.judged & (run.iou > CORRECT_IOU)] for run in runs])
    absent = np.concatenate([run.confidence[run.absent] for run in runs])
    if np.isnan(absent).any() or not len(present) or not len(absent):
        return None
    threshold = float(np.quantile(present, 1.0 - KEPT_SHARE))
    falls = np.array([frames_until_below(run.confidence[run.absent], threshold) for run in runs])
    return Absence(
        auroc=auroc(present, absent),
        threshold=threshold,
        fall_median=float(np.median(falls)),
        fall_worst=float(falls.max()),
        never=int(np.isinf(falls).sum()),
        sequences=len(runs),
        median_present=float(np.median(present)),
        median_absent=float(np.median(absent)),
    )


def frames_until_below(confidence: np.ndarray, threshold: float) -> float:
    """Frames until a value is below the threshold, 1 if the first one is; infinite for never."""
    below = np.flatnonzero(np.asarray(confidence) < threshold)
    return float(below[0] + 1) if len(below) else math.inf
