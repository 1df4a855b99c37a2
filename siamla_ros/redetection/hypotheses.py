"""Hypotheses of where a lost target is, and for how long each has been confirmed.

Pure functions for `redetector`; boxes are half-open x, y, w, h in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box, box_size
from siamla_ros.tracker.logistic import logit, sigmoid
from siamla_ros.tracker.results import TrackResult

MAX_HYPOTHESES = 3  # of an image that are verified
SAME_PLACE_IOU = 0.3
AVERAGED_SAMPLES = 8  # over which the evidence of a hypothesis is averaged
# A hypothesis may move on between two samples, in box sizes and in box sizes a second.
MOTION_SLACK = 0.4
MAX_SPEED = 10.0


@dataclass(frozen=True)
class Hypothesis:
    """A place that may be the target's.

    Attributes:
        box_xywh: Of the last sample.
        confidence: Of the last sample.
        log_odds: That it is the target: mean of its last samples.
        samples: How many there were.
        confirmed_frames: Images in a row on which that mean was above the accept threshold.
        confirmed_s: Seconds that these images span.
    """

    box_xywh: Box
    confidence: float
    log_odds: float = 0.0
    samples: int = 0
    confirmed_frames: int = 0
    confirmed_s: float = 0.0


class HypothesisSample(NamedTuple):
    """A result that is worth verifying: its index, and the hypothesis that it was aimed at."""

    index: int
    result: TrackResult
    known: Hypothesis | None


class RankedHypothesis(NamedTuple):
    """A hypothesis as this image shows it, and the index of the result that shows it."""

    hypothesis: Hypothesis
    index: int


def check_confidences(found: Sequence[TrackResult]) -> None:
    """Raise ValueError for a confidence outside [0, 1]; NaN is outside, too."""
    for index, result in enumerate(found):
        if not 0.0 <= result.confidence <= 1.0:
            raise ValueError(
                f'confidence of result {index} is {result.confidence!r}, must lie in [0, 1]'
            )


def update_hypothesis(
    sample: HypothesisSample, probability: float, required: float, interval_s: float
) -> Hypothesis:
    """The hypothesis after one more sample, by which it is the target with that probability.

    required: the log odds that the mean of its samples must reach.
    """
    box, known, odds = tuple(sample.result.box_xywh), sample.known, logit(probability)
    if known is not None and not _moved_on(known, box, interval_s):
        known = None
    count = known.samples + 1 if known else 1
    if known:
        odds = known.log_odds + (odds - known.log_odds) / min(count, AVERAGED_SAMPLES)
    if odds < required:
        return Hypothesis(box, sample.result.confidence, odds, count)
    if known is None or known.confirmed_frames == 0:
        return Hypothesis(box, sample.result.confidence, odds, count, 1)
    return Hypothesis(
        box,
        sample.result.confidence,
        odds,
        count,
        known.confirmed_frames + 1,
        known.confirmed_s + interval_s,
    )


def non_maximum_suppression(samples: Sequence[HypothesisSample]) -> list[HypothesisSample]:
    """The most promising samples, at most `MAX_HYPOTHESES`, one where several overlap."""
    # at one place the sample that was sampled for long outranks a new one
    ranked = sorted(
        samples,
        key=lambda sample: (
            -(sample.known.confirmed_frames if sample.known else 0),
            -sample.result.confidence,
        ),
    )
    kept: list[HypothesisSample] = []
    for sample in ranked:
        if all(_apart(sample.result, other.result) for other in kept):
            kept.append(sample)
    return kept[:MAX_HYPOTHESES]


def ambiguous(ranked: Sequence[RankedHypothesis], ratio: float) -> bool:
    """Whether another place is at least `ratio` times as likely the target as the first."""
    limit = ratio * probability_of(ranked[0].hypothesis)
    return any(probability_of(place.hypothesis) >= limit for place in ranked[1:])


def probability_of(hypothesis: Hypothesis) -> float:
    """That a hypothesis is the target, by its samples so far."""
    return sigmoid(hypothesis.log_odds)


def size_fits(box_xywh: Box, lost_size: float, limit: float) -> bool:
    """Whether the side of a box is within `limit` times, either way, of the lost target's side."""
    size = box_size(box_xywh)
    return size > 0.0 and lost_size / limit <= size <= lost_size * limit


def _moved_on(known: Hypothesis, box_xywh: Box, interval_s: float) -> bool:
    if float(boxes.iou(known.box_xywh, box_xywh)) >= SAME_PLACE_IOU:
        return True
    (old_x, old_y), (x, y) = boxes.center(known.box_xywh), boxes.center(box_xywh)
    size = min(box_size(known.box_xywh), box_size(box_xywh))
    return math.hypot(x - old_x, y - old_y) <= size * (MOTION_SLACK + MAX_SPEED * interval_s)


def _apart(first: TrackResult, second: TrackResult) -> bool:
    return float(boxes.iou(first.box_xywh, second.box_xywh)) < SAME_PLACE_IOU
