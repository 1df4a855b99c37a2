"""Probabilities and their log odds: the only sigmoid and logit outside of networks and fits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

TINY = 1e-6  # probabilities are cut here, and as far below 1: their log odds stay finite
PEAK_KEPT = 0.985  # of a ratio of peaks, from update to update: half of it after 1.5 s at 30 Hz
UPDATES_PER_S = 30.0  # for which it was chosen
FAINT = 0.05  # below this confidence no box shows anything, and a second peak is no distractor
USUAL_RESPONSE = 0.5  # of a target's filter: from it on nothing speaks against a box
MOST_LOG_ODDS = 30.0  # log odds are cut here: further out float64 knows 0 and 1 only


def sigmoid(log_odds: float) -> float:
    """The probability, (0, 1), of log odds; 0.5 at 0."""
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -MOST_LOG_ODDS), MOST_LOG_ODDS)))


def logit(probability: float, least: float = TINY) -> float:
    """ln(p / (1 - p)), the log odds of a probability.

    Args:
        probability: [0, 1]; 0.5 has log odds 0.
        least: It is cut to [least, 1 - least] before.
    """
    value = min(max(probability, least), 1.0 - least)
    return math.log(value / (1.0 - value))


def platt(score: Any, scale: float, bias: float) -> Any:
    """Platt scaling ``sigmoid(scale * logit(score) + bias)``, of a score or of each in an array.

    Args:
        score: In [0, 1].
        scale: 1 with bias 0 leaves scores as they are.
        bias: Log odds that are added.
    """
    value = np.clip(score, TINY, 1.0 - TINY)
    return 1.0 / (1.0 + np.exp(-(scale * np.log(value / (1.0 - value)) + bias)))


def peak_ratio(confidence: Any, second_peak: Any) -> Any:
    """Square root of second peak / confidence, [0, 1], also of arrays: how much something else
    looks like the target. On a black image neither is anything.
    """
    return np.sqrt(np.minimum(np.maximum(second_peak, 0.0) / np.maximum(confidence, FAINT), 1.0))


def shortfall(response: Any) -> Any:
    """What the response of a target's filter at a box lacks to the usual, [0, `USUAL_RESPONSE`],
    also of arrays.
    """
    return np.maximum(USUAL_RESPONSE - response, 0.0)


def recent_peak_ratio(confidence: Any, second_peak: Any) -> Any:
    """`peak_ratio` (N,) of images in a row, each the highest lately, as `TargetState` keeps it."""
    ratios = np.array(peak_ratio(confidence, second_peak), np.float64)
    for index in range(1, len(ratios)):
        ratios[index] = max(ratios[index], PEAK_KEPT * ratios[index - 1])
    return ratios
