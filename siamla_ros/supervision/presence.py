"""Is the box still on the target? The evidence of each frame, accumulated over frames.

One frame shows little: a confidence falls for a moment, a similarity because the target turns.
So each frame gives log odds (:func:`frame_log_odds`, a logistic model over the confidence, the
second peak and the target's appearance), and a forward filter of a two-state hidden Markov model
(:func:`update_presence`) sums them: the target may be lost, or come back, between two frames, and
evidence of consecutive frames counts less than that of independent ones.

Weights and thresholds belong to the weights of a network: `siamla calibrate` fits them on annotated
video and on episodes in which the target vanishes, and writes them into the checkpoint.

Pure functions over plain numbers: no torch, no ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from siamla_ros.configuration import Configuration, bounded
from siamla_ros.tracker.logistic import logit, peak_ratio, shortfall, sigmoid

LEAST_CONFIDENCE = 1e-3  # confidences are cut here, and as far below 1, before their logit is taken
MOST_FRAME_LOG_ODDS = 6.0  # of one frame
MOST_LOG_ODDS = 12.0  # of the accumulated evidence
LONGEST_INTERVAL_S = 1.0  # a longer pause says nothing more
START_LOG_ODDS = 4.0  # of a box that was given, or that a search has accepted


@dataclass(frozen=True)
class EvidenceWeights(Configuration):
    """Weights of a logistic model over what one frame shows of a box.

    The defaults were fitted to the shipped weights (docs/tuning.md).
    """

    confidence_weight: float = bounded(0.63, 0.0, 20.0, 'log odds a logit of the confidence')
    second_peak_weight: float = bounded(
        -3.61, -50.0, 0.0, 'log odds times the square root of second peak / confidence'
    )
    distractor_weight: float = bounded(
        -0.83, -50.0, 0.0, 'log odds times the resemblance to what has looked like the target'
    )
    filter_weight: float = bounded(
        0.0, -50.0, 0.0, 'log odds times what the response of the target filter lacks to 0.5'
    )
    similarity_weight: float = bounded(
        7.2, 0.0, 100.0, 'log odds times the similarity to the template'
    )
    color_weight: float = bounded(2.84, 0.0, 100.0, 'log odds times the similarity of the colors')
    bias: float = bounded(-5.19, -100.0, 100.0, 'log odds where everything else is 0')
    usual_similarity: float = bounded(
        0.46, 0.0, 1.0, 'similarity to the template where it was not measured, at confidence 0.5'
    )
    usual_similarity_slope: float = bounded(
        0.054, 0.0, 1.0, 'how much more it is a logit of the confidence'
    )
    usual_color: float = bounded(
        0.95, 0.0, 1.0, 'similarity of the colors where it was not measured'
    )


@dataclass(frozen=True)
class EvidenceModel(EvidenceWeights):
    """Whether a followed box is on the target: weights, time constants of the filter, thresholds
    on its log odds.
    """

    correlation_s: float = bounded(
        0.056, 1e-3, 10.0, 'time after which a frame counts for 63 % of an independent one'
    )
    loss_rate: float = bounded(1.0, 0.0, 100.0, 'losses expected a second')
    return_rate: float = bounded(0.3, 0.0, 100.0, 'returns expected a second')
    confirmed_above: float = bounded(
        1.0, -MOST_LOG_ODDS, MOST_LOG_ODDS, 'log odds that turn UNCERTAIN into TRACKING'
    )
    jump_weight: float = bounded(
        3.0, 0.0, 20.0, 'log odds more for that, times ln(1 + sides from the last confirmed box)'
    )
    uncertain_below: float = bounded(
        0.0, -MOST_LOG_ODDS, MOST_LOG_ODDS, 'log odds that turn TRACKING into UNCERTAIN'
    )
    lost_below: float = bounded(
        -1.0, -MOST_LOG_ODDS, MOST_LOG_ODDS, 'log odds that turn UNCERTAIN into LOST'
    )
    implausible: float = bounded(
        -3.0, -MOST_FRAME_LOG_ODDS, 0.0, 'most log odds of a frame whose box cannot be the target'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_order('lost_below', 'uncertain_below', 'confirmed_above')


def frame_log_odds(
    model: EvidenceWeights,
    confidence: float,
    second_peak: float,
    similarity: float | None = None,
    color: float | None = None,
    distractor_level: float = 0.0,
    filter_response: float = 1.0,
) -> float:
    """Log odds that a box is on the target, by one frame alone; 0 is undecided.

    Args:
        model: Weights.
        confidence: Calibrated confidence without distractors and filter against it, [0, 1].
        second_peak: Confidence of the best answer elsewhere in the window, [0, 1].
        similarity: To the first template, [0, 1]; None where it was not measured.
        color: Of the colors to the most similar view of the target, [0, 1]; None as above.
        distractor_level: How much the box looks like a distractor that was seen before, [0, 1].
        filter_response: Of the target's filter at the box, [0, 1]; 1 where it was not measured.
    """
    confidence = min(max(confidence, LEAST_CONFIDENCE), 1.0 - LEAST_CONFIDENCE)
    odds = logit(confidence, LEAST_CONFIDENCE)
    if similarity is None:
        similarity = model.usual_similarity + model.usual_similarity_slope * odds
    return (
        model.bias
        + model.confidence_weight * odds
        + model.second_peak_weight * float(peak_ratio(confidence, second_peak))
        + model.distractor_weight * distractor_level
        + model.filter_weight * float(shortfall(filter_response))
        + model.similarity_weight * similarity
        + model.color_weight * (model.usual_color if color is None else color)
    )


def update_presence(
    model: EvidenceModel, log_odds: float, frame: float, interval_s: float
) -> float:
    """Accumulated log odds after one more frame.

    Args:
        model: Rates and correlation time.
        log_odds: Accumulated before.
        frame: Log odds of this frame alone.
        interval_s: Seconds since the frame before, not negative.
    """
    step_s = min(max(interval_s, 0.0), LONGEST_INTERVAL_S)
    before = sigmoid(log_odds)
    stays, returns = math.exp(-model.loss_rate * step_s), math.exp(-model.return_rate * step_s)
    prior = before * stays + (1.0 - before) * (1.0 - returns)
    share = 1.0 - math.exp(-step_s / model.correlation_s)
    evidence = share * min(max(frame, -MOST_FRAME_LOG_ODDS), MOST_FRAME_LOG_ODDS)
    posterior = logit(prior) + evidence
    return min(max(posterior, -MOST_LOG_ODDS), MOST_LOG_ODDS)
