"""From samples to the evidence model: weights by logistic regression, the threshold by trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import rankdata

from siamla_ros.calibration.frame_samples import FrameSamples
from siamla_ros.supervision.presence import (
    LEAST_CONFIDENCE,
    START_LOG_ODDS,
    EvidenceModel,
    EvidenceWeights,
    frame_log_odds,
    update_presence,
)
from siamla_ros.supervision.supervisor import SupervisorConfig
from siamla_ros.tracker.logistic import peak_ratio, shortfall

LEAST_SPREAD = 1e-3  # of a column; one that hardly varies keeps about the weight of the start
RIDGE = 30.0  # pull to the weights of the start, standardized; a sequence weighs 100
EPISODE_WEIGHT = 0.5  # of a made episode against a recorded sequence
SEQUENCE_WEIGHT = 100.0
LOST_BELOW = (-3.0, -2.0, -1.0, -0.5)  # tried
WITHIN_FRAMES = 10
FALSE_LOSS_COST = 2.0  # of a share of targets lost needlessly, against one of losses seen in time
FRAME_S = 1.0 / 30.0
# More of it never speaks against, or for it.
SIGNS = ((0.0, None), (None, 0.0), (0.0, None), (0.0, None), (None, 0.0), (None, 0.0))
WEIGHTS = (
    'confidence_weight',
    'second_peak_weight',
    'similarity_weight',
    'color_weight',
    'distractor_weight',
    'filter_weight',
)  # of the columns


@dataclass(frozen=True)
class EvidenceFit:
    """A model and what it does on the samples that it was fitted to.

    Attributes:
        model: Fitted.
        auroc: Of the log odds of single frames, right boxes against wrong ones.
        auroc_confident: The same among frames of confidence 0.5 and above.
        lost_in_time: Share of long absences on which presence falls below `lost_below` within
            ten frames.
        lost_falsely: Share of the sequences on which it does so first at a right box.
    """

    model: EvidenceModel
    auroc: float
    auroc_confident: float
    lost_in_time: float
    lost_falsely: float


def fit_evidence(
    samples: Sequence[FrameSamples], start: EvidenceModel | None = None
) -> EvidenceFit:
    """Fit weights and `lost_below`; time constants and the other thresholds stay those of `start`.

    Raises:
        ValueError: Some of right and wrong boxes are missing.
    """
    start = start or EvidenceModel()
    rows, right, weight = _labeled(samples)
    if not 0 < right.sum() < len(right):
        raise ValueError(
            f'samples hold {int(right.sum())} right boxes and {int((~right).sum())} wrong ones, '
            'must hold both'
        )
    known = np.isfinite(rows).all(1)
    theta = logistic(rows[known], right[known], weight[known], weights_of(start), SIGNS)
    slope, usual = np.polyfit(rows[known, 0], rows[known, 2], 1)
    model = replace(
        start,
        **{name: round(float(value), 3) for name, value in zip(WEIGHTS, theta)},
        bias=round(float(theta[-1]), 3),
        usual_similarity=round(float(usual), 3),
        usual_similarity_slope=round(max(float(slope), 0.0), 4),
        usual_color=round(float(np.median(rows[known & right, 3])), 3),
    )
    score = rows[known] @ theta[:-1]
    sure = rows[known, 0] >= 0.0
    tried = {below: _outcome(replace(model, lost_below=below), samples) for below in LOST_BELOW}
    best = max(tried, key=lambda below: tried[below][0] - FALSE_LOSS_COST * tried[below][1])
    return EvidenceFit(
        replace(model, lost_below=best),
        auroc(score, right[known]),
        auroc(score[sure], right[known][sure]),
        *tried[best],
    )


def auroc(score: NDArray, right: NDArray) -> float:
    """Probability that a right one scores above a wrong one; NaN without both."""
    count = int(right.sum())
    if not 0 < count < len(right):
        return float('nan')
    ranks = rankdata(score)[right].sum()
    return float((ranks - count * (count + 1) / 2) / (count * (len(right) - count)))


def _labeled(samples: Sequence[FrameSamples]) -> tuple[NDArray, NDArray, NDArray]:
    """(N, 6) columns of the model, (N,) labels, (N,) weights: sequences count the same."""
    rows, right, weight = [], [], []
    for item in samples:
        counted = item.right | item.wrong
        if not counted.any():
            continue
        share = SEQUENCE_WEIGHT * (1.0 if item.gone is None else EPISODE_WEIGHT)
        rows.append(columns(item.values[counted]))
        right.append(item.right[counted])
        weight.append(np.full(counted.sum(), share / counted.sum()))
    if not rows:
        return np.zeros((0, len(WEIGHTS))), np.zeros(0, bool), np.zeros(0)
    return np.concatenate(rows), np.concatenate(right), np.concatenate(weight)


def columns(values: NDArray) -> NDArray:
    """(N, 6) as the evidence model weighs them: logit, root of the peak ratio, similarities, level
    of distractors, and what the filter's response lacks.
    """
    confidence = np.clip(values[:, 0], LEAST_CONFIDENCE, 1.0 - LEAST_CONFIDENCE)
    ratio = peak_ratio(confidence, values[:, 1])
    lacking = shortfall(values[:, 5])
    return np.column_stack([logit(confidence), ratio, values[:, 2:5], lacking])


def logistic(
    rows: NDArray, right: NDArray, weight: NDArray, start: NDArray, signs: Sequence[tuple]
) -> NDArray:
    """Weights of K columns and a bias by maximum likelihood, with a pull to those of the start,
    which decide where there is little material, and with their known signs.

    Args:
        rows: (N, K).
        right: (N,) bool.
        weight: (N,) of each row.
        start: (K,) weights of the columns.
        signs: K limits (low, high) of the weights, None for none.
    """
    count = rows.shape[1]
    mean, spread = rows.mean(0), rows.std(0)
    spread = np.maximum(spread, LEAST_SPREAD)
    design = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    sign = np.where(right, 1.0, -1.0)
    usual = spread * start

    def loss(theta: NDArray) -> tuple[float, NDArray]:
        odds = design @ theta
        wrong = expit(-sign * odds)
        value = weight @ np.logaddexp(0.0, -sign * odds) + RIDGE / 2 * float(
            ((theta[:count] - usual) ** 2).sum()
        )
        gradient = design.T @ (-weight * sign * wrong)
        gradient[:count] += RIDGE * (theta[:count] - usual)
        return float(value), gradient

    found = minimize(
        loss, np.zeros(count + 1), jac=True, method='L-BFGS-B', bounds=(*signs, (None, None))
    ).x
    weights = found[:count] / spread
    return np.append(weights, found[count] - weights @ mean)


def weights_of(model: EvidenceWeights) -> NDArray:
    """(6,) in the order of the columns."""
    return np.array([getattr(model, name) for name in WEIGHTS])


def _outcome(model: EvidenceModel, samples: Sequence[FrameSamples]) -> tuple[float, float]:
    """(share of long absences LOST in time, share of sequences LOST falsely)."""
    in_time, falsely = [], []
    for item in samples:
        below = presence_of(model, item) < model.lost_below
        first = int(np.argmax(below)) if below.any() else len(below)
        if item.gone is None:
            falsely.append(first < len(below) and bool(item.right[first]))
        elif not below[: item.gone].any():
            in_time.append(below[item.gone : item.gone + WITHIN_FRAMES].any())
    return (
        float(np.mean(in_time)) if in_time else float('nan'),
        float(np.mean(falsely)) if falsely else float('nan'),
    )


def presence_of(model: EvidenceModel, item: FrameSamples) -> NDArray[np.float64]:
    """(N,) accumulated log odds at 30 frames a second, as the supervisor sums them."""
    low = SupervisorConfig().low_threshold
    found, presence = np.zeros(len(item.values)), START_LOG_ODDS
    for number, row in enumerate(item.values):
        confidence, peak, *similarities, distractor_level, response, _ = row
        known = (None if np.isnan(v) else float(v) for v in similarities)
        odds = frame_log_odds(model, confidence, peak, *known, distractor_level, response)
        if confidence < low:
            odds = min(odds, 0.0)
        presence = update_presence(model, presence, odds, FRAME_S)
        found[number] = presence
    return found
