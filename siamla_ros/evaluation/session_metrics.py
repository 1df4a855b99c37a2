"""What a follower that vouches for its boxes is worth: figures as in VOT-LT, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from siamla_ros.evaluation.confidence import reliability
from siamla_ros.evaluation.followers import Trace
from siamla_ros.evaluation.metrics import judged_frames, overlap

RIGHT_IOU, WRONG_IOU = 0.5, 0.1
CONFIDENT = 0.5
RESAMPLES = 1000


@dataclass(frozen=True)
class TargetTally:
    """Sums over the frames of one target, the first excluded.

    Attributes:
        confirmed: Frames with a confirmed box on which the target is visible or known to be absent.
        confirmed_iou: Sum of their overlaps.
        visible: Frames on which the target is visible.
        visible_iou: Sum of the overlaps of the confirmed boxes on them.
        lost: Visible frames spent LOST.
        lost_while_right: Those of them before which the box was last on the target (IoU > 0.5).
        confirmed_wrong: Confirmed boxes at IoU < 0.1.
        wrong: Boxes at IoU < 0.1, confirmed or not, whose confidence is known.
        wrong_confident: Those of them with a confidence above 0.5.
        bins: Boxes by their confidence, confirmed or not, in equal bins over [0, 1]: how many, how
            many of them right (IoU > 0.5), sum of the confidences.
    """

    name: str
    confirmed: int
    confirmed_iou: float
    visible: int
    visible_iou: float
    lost: int
    lost_while_right: int
    confirmed_wrong: int
    wrong: int = 0
    wrong_confident: int = 0
    bins: tuple[tuple[float, float, float], ...] = ()


def tally(name: str, trace: Trace, truth_xywh: np.ndarray, absent: np.ndarray) -> TargetTally:
    """Count one target."""
    visible = judged_frames(truth_xywh)
    counted = visible | absent
    counted[:1] = False
    iou = np.where(visible, overlap(trace.boxes_xywh, truth_xywh), 0.0)
    confirmed = trace.confirmed & counted
    lost = trace.lost & visible
    known = counted & ~np.isnan(trace.confidence)
    wrong = known & (iou < WRONG_IOU)
    found = reliability(trace.confidence[known], iou[known] > RIGHT_IOU)
    return TargetTally(
        name=name,
        confirmed=int(confirmed.sum()),
        confirmed_iou=float(iou[confirmed].sum()),
        visible=int(visible.sum()),
        visible_iou=float(iou[confirmed & visible].sum()),
        lost=int(lost.sum()),
        lost_while_right=int((lost & _right_before(trace.lost, visible, iou)).sum()),
        confirmed_wrong=int((confirmed & (iou < WRONG_IOU)).sum()),
        wrong=int(wrong.sum()),
        wrong_confident=int((wrong & (trace.confidence > CONFIDENT)).sum()),
        bins=tuple(zip(*(part.tolist() for part in found.sums), strict=True)),
    )


def _right_before(lost: np.ndarray, visible: np.ndarray, iou: np.ndarray) -> np.ndarray:
    """(N,) whether the box was on the target when it was last followed with the target visible."""
    known = ~lost & visible
    known[:1] = True
    right = iou > RIGHT_IOU
    right[:1] = True
    last = np.maximum.accumulate(np.where(known, np.arange(len(lost)), 0))
    return right[last]


@dataclass(frozen=True)
class SessionFigures:
    """Over the frames of all targets together, [0, 1]; NaN where nothing could be counted.

    Attributes:
        precision: Mean overlap of the confirmed boxes, absent frames counting 0.
        recall: Mean overlap on the visible frames, 0 where no box is confirmed.
        f_score: Harmonic mean of both.
        f_score_mean: Mean of the targets' own F.
        visible_lost: Share of the visible frames spent LOST.
        visible_lost_while_right: Share of them spent LOST after the box had been on the target.
        confirmed_wrong: Share of the confirmed boxes at IoU < 0.1.
        confident_wrong: Share of all boxes at IoU < 0.1 whose confidence is above 0.5, of those
            whose confidence is known.
        ece: Expected calibration error of the confidence, of the same boxes.
    """

    precision: float
    recall: float
    f_score: float
    f_score_mean: float
    visible_lost: float
    visible_lost_while_right: float
    confirmed_wrong: float
    confident_wrong: float
    ece: float

    def as_dict(self) -> dict[str, float]:
        """Field name -> value."""
        return asdict(self)


def session_figures(tallies: Sequence[TargetTally]) -> SessionFigures:
    """The figures of some targets."""
    total = {
        name: sum(getattr(row, name) for row in tallies)
        for name in TargetTally.__dataclass_fields__
        if name not in ('name', 'bins')
    }
    precision = _ratio(total['confirmed_iou'], total['confirmed'])
    recall = _ratio(total['visible_iou'], total['visible'])
    own = [f_score(row) for row in tallies if row.visible]
    return SessionFigures(
        precision,
        recall,
        _harmonic(precision, recall),
        float(np.mean(own)) if own else math.nan,
        _ratio(total['lost'], total['visible']),
        _ratio(total['lost_while_right'], total['visible']),
        _ratio(total['confirmed_wrong'], total['confirmed']),
        _ratio(total['wrong_confident'], total['wrong']),
        _ece(tallies),
    )


def _ece(tallies: Sequence[TargetTally]) -> float:
    known = [np.array(row.bins) for row in tallies if row.bins]
    if not known:
        return math.nan
    count, right, confidence = np.sum(known, 0).T
    return _ratio(float(np.abs(right - confidence).sum()), float(count.sum()))


def f_score(row: TargetTally) -> float:
    """F of one target; 0 where nothing was ever confirmed."""
    precision = row.confirmed_iou / row.confirmed if row.confirmed else 0.0
    return _harmonic(precision, _ratio(row.visible_iou, row.visible))


def interval(
    tallies: Sequence[TargetTally], name: str, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % bootstrap interval of one of the figures, over targets."""
    random = np.random.default_rng(seed)
    values = [
        getattr(
            session_figures([tallies[i] for i in random.integers(0, len(tallies), len(tallies))]),
            name,
        )
        for _ in range(resamples)
    ]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def _harmonic(first: float, second: float) -> float:
    if math.isnan(first):
        return 0.0
    return 2 * first * second / (first + second) if first + second > 0 else 0.0


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan
