"""Is what a search has found the target?

What a search finds is mostly something else than the target, and it finds several places in one
image. So it has a logistic model of its own over the evidence of a box
(:class:`~siamla_ros.supervision.presence.EvidenceWeights`), and one term more. There is only one
target: each place lowers the log odds of every other one, the more the more probable it is.

`siamla calibrate` fits it to searches that accept nothing. The defaults were fitted in that way to
the shipped weights on part of the fitting scenes (docs/research/supervision.md).

Pure functions over plain numbers: no torch, no ROS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siamla_ros.configuration import bounded, inherited
from siamla_ros.supervision.presence import EvidenceModel, EvidenceWeights
from siamla_ros.tracker.logistic import sigmoid


@dataclass(frozen=True)
class AcceptanceModel(EvidenceWeights):
    """Weights of the evidence of a box that a search or a detector has found."""

    confidence_weight: float = inherited(EvidenceWeights, 'confidence_weight', 0.45)
    second_peak_weight: float = inherited(EvidenceWeights, 'second_peak_weight', -2.92)
    distractor_weight: float = inherited(EvidenceWeights, 'distractor_weight', -4.0)
    filter_weight: float = inherited(EvidenceWeights, 'filter_weight', 0.0)
    similarity_weight: float = inherited(EvidenceWeights, 'similarity_weight', 12.89)
    color_weight: float = inherited(EvidenceWeights, 'color_weight', 2.97)
    bias: float = inherited(EvidenceWeights, 'bias', -9.37)
    other_weight: float = bounded(
        -4.42, -50.0, 0.0, 'log odds times the probability of the likeliest other place'
    )


def against_others(model: AcceptanceModel, log_odds: Sequence[float]) -> list[float]:
    """Log odds of places of one image once each has the others against it.

    Args:
        model: Says how much the others count.
        log_odds: Of each place by what is seen there.
    """
    return [
        beside(model, odds, [*log_odds[:index], *log_odds[index + 1 :]])
        for index, odds in enumerate(log_odds)
    ]


def beside(model: AcceptanceModel, odds: float, others: Sequence[float]) -> float:
    """Log odds of one place that has others, of their own log odds, against it."""
    return odds + model.other_weight * sigmoid(max(others)) if others else odds


def fitted_models(
    calibration: Mapping[str, Mapping[str, float]],
) -> tuple[EvidenceModel, AcceptanceModel]:
    """The models that were fitted to the weights of a checkpoint; the defaults where it has none.

    Raises:
        ValueError: A value that is out of range, or unknown.
    """
    try:
        return (
            EvidenceModel(**calibration.get('evidence', {})),
            AcceptanceModel(**calibration.get('acceptance', {})),
        )
    except TypeError as error:  # a name that none of them has
        raise ValueError(f'calibration of the weights: {error}') from error
