"""From the samples of searches to the model of what a search accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from siamla_ros.calibration.evidence_fit import (
    SIGNS,
    WEIGHTS,
    auroc,
    columns,
    logistic,
    weights_of,
)
from siamla_ros.calibration.search_samples import SearchSamples
from siamla_ros.supervision.acceptance import AcceptanceModel, against_others

MOST_OF_ONE = 20.0  # samples that a search counts for at most: those of one search are alike
ROUNDS = 4  # what the others are worth follows from the weights that are fitted
SCALE = 5.0  # a search then weighs as much as a sequence in the fit of the evidence
LEAST_OTHER = -10.0  # weight of the others: little material could drive it on from round to round
LEAST_SAMPLES = 20  # of each kind


@dataclass(frozen=True)
class AcceptanceFit:
    """A model, and how well it separates the places that it was fitted to.

    Attributes:
        model: Fitted, or the one of the start where there was too little to fit.
        auroc: Of its log odds, right places against wrong ones; NaN without both.
        right: Number of samples of the target.
        wrong: Number of samples of something else.
    """

    model: AcceptanceModel
    auroc: float
    right: int
    wrong: int


def fit_acceptance(
    searches: Sequence[SearchSamples], start: AcceptanceModel | None = None
) -> AcceptanceFit:
    """Fit the weights; with fewer than `LEAST_SAMPLES` samples of either kind they stay."""
    start = model = start or AcceptanceModel()
    usual = np.append(weights_of(start), start.other_weight)
    searches = [_known(item) for item in searches]
    counted = [item.right | item.wrong for item in searches]
    right = _joined([item.right[k] for item, k in zip(searches, counted)]).astype(bool)
    enough = min(right.sum(), (~right).sum()) >= LEAST_SAMPLES
    if enough:
        weight = np.concatenate([_weights(int(k.sum())) for k in counted]) * SCALE
        for _ in range(ROUNDS):
            parts = [_rows(model, item)[k] for item, k in zip(searches, counted)]
            theta = logistic(np.concatenate(parts), right, weight, usual, (*SIGNS, (None, 0.0)))
            model = _model(model, theta)
    scores = _joined([log_odds(model, item)[k] for item, k in zip(searches, counted)])
    return AcceptanceFit(model, auroc(scores, right), int(right.sum()), int((~right).sum()))


def log_odds(model: AcceptanceModel, item: SearchSamples) -> NDArray[np.float64]:
    """(N,) of each sample, the other places of its image against it, as a search computes them."""
    alone, found = _alone(model, item), np.zeros(len(item.frame))
    for frame in np.unique(item.frame):
        places = item.frame == frame
        found[places] = against_others(model, alone[places].tolist())
    return found


def _alone(model: AcceptanceModel, item: SearchSamples) -> NDArray[np.float64]:
    return columns(item.values) @ weights_of(model) + model.bias


def _rows(model: AcceptanceModel, item: SearchSamples) -> NDArray[np.float64]:
    """(N, 7): the columns of the evidence, and the probability of the likeliest other place."""
    unit = replace(model, other_weight=-1.0)
    others = _alone(model, item) - log_odds(unit, item)
    return np.column_stack([columns(item.values), others])


def _known(item: SearchSamples) -> SearchSamples:
    """Without samples whose appearance could not be measured."""
    known = np.isfinite(item.values).all(1)
    return SearchSamples(
        item.name, item.frame[known], item.values[known], item.right[known], item.wrong[known]
    )


def _weights(count: int) -> NDArray[np.float64]:
    return np.full(count, min(1.0, MOST_OF_ONE / max(count, 1)))


def _joined(parts: Sequence[NDArray]) -> NDArray:
    return np.concatenate(parts) if parts else np.zeros(0)


def _model(model: AcceptanceModel, theta: NDArray) -> AcceptanceModel:
    values = [round(float(value), 3) for value in theta]
    *weights, other, bias = values
    return replace(
        model,
        **dict(zip(WEIGHTS, weights, strict=True)),
        other_weight=max(other, LEAST_OTHER),
        bias=bias,
    )
