"""Places where a lost target may be, and how long each has stood the test.

Pure functions for `recovery`; boxes are half-open x, y, w, h in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.supervision.evidence import box_size
from siamla_ros.tracker.results import BoxAnswer

MOST_PLACES = 3  # of an image that are looked at twice
SAME_PLACE_IOU = 0.3
LOOKS = 8  # over which the evidence of a candidate is averaged
TINY = 1e-6
# A candidate may move on between two looks, in box sizes and in box sizes a second.
MOTION_SLACK = 0.4
MAX_SPEED = 10.0


@dataclass(frozen=True)
class Candidate:
    """A place that may be the target's.

    confidence: of the last look. log_odds: that it is the target, mean of its last looks, of which
    there were `looks`. proven_frames, proven_s: how long that mean has kept above the accept
    threshold without a break; the first look counts a frame and no time.
    """

    box_xywh: Box
    confidence: float
    log_odds: float = 0.0
    looks: int = 0
    proven_frames: int = 0
    proven_s: float = 0.0


class Hit(NamedTuple):
    """An answer that is worth a second look: its index, and the candidate that it was aimed at."""

    index: int
    answer: BoxAnswer
    known: Candidate | None


class Place(NamedTuple):
    """A candidate as this image shows it, and the index of the answer that shows it."""

    candidate: Candidate
    index: int


def check_confidences(found: Sequence[BoxAnswer]) -> None:
    """Raise ValueError for a confidence outside [0, 1]; NaN is outside, too."""
    for index, answer in enumerate(found):
        if not 0.0 <= answer.confidence <= 1.0:
            raise ValueError(
                f'confidence of answer {index} is {answer.confidence!r}, must lie in [0, 1]'
            )


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), cut at a millionth: 0 is undecided."""
    value = min(max(probability, TINY), 1.0 - TINY)
    return math.log(value / (1.0 - value))


def look_again(hit: Hit, probability: float, asked: float, interval_s: float) -> Candidate:
    """The candidate after one more look, by which it is the target with that probability.

    asked: the log odds that the mean of its looks must reach.
    """
    box, known, odds = tuple(hit.answer.box_xywh), hit.known, log_odds(probability)
    if known is not None and not _moved_on(known, box, interval_s):
        known = None
    looks = known.looks + 1 if known else 1
    if known:
        odds = known.log_odds + (odds - known.log_odds) / min(looks, LOOKS)
    if odds < asked:
        return Candidate(box, hit.answer.confidence, odds, looks)
    if known is None or known.proven_frames == 0:
        return Candidate(box, hit.answer.confidence, odds, looks, 1)
    return Candidate(
        box,
        hit.answer.confidence,
        odds,
        looks,
        known.proven_frames + 1,
        known.proven_s + interval_s,
    )


def one_a_place(hits: Sequence[Hit]) -> list[Hit]:
    """The most promising hits, at most `MOST_PLACES`, one where several overlap."""
    # at one place the hit that was looked at for long outranks a fresh look
    ranked = sorted(
        hits,
        key=lambda hit: (-(hit.known.proven_frames if hit.known else 0), -hit.answer.confidence),
    )
    places: list[Hit] = []
    for hit in ranked:
        if all(_apart(hit.answer, other.answer) for other in places):
            places.append(hit)
    return places[:MOST_PLACES]


def rivalled(places: Sequence[Place], ratio: float) -> bool:
    """Whether another place is at least `ratio` times as likely the target as the first."""
    limit = ratio * probability_of(places[0].candidate)
    return any(probability_of(place.candidate) >= limit for place in places[1:])


def probability_of(candidate: Candidate) -> float:
    """That a candidate is the target, by its looks so far."""
    return 1.0 / (1.0 + math.exp(-candidate.log_odds))


def size_fits(box_xywh: Box, lost_size: float, limit: float) -> bool:
    """Whether the side of a box is within `limit` times, either way, of the lost target's side."""
    size = box_size(box_xywh)
    return size > 0.0 and lost_size / limit <= size <= lost_size * limit


def _moved_on(known: Candidate, box_xywh: Box, interval_s: float) -> bool:
    if float(boxes.iou(known.box_xywh, box_xywh)) >= SAME_PLACE_IOU:
        return True
    (old_x, old_y), (x, y) = boxes.center(known.box_xywh), boxes.center(box_xywh)
    size = min(box_size(known.box_xywh), box_size(box_xywh))
    return math.hypot(x - old_x, y - old_y) <= size * (MOTION_SLACK + MAX_SPEED * interval_s)


def _apart(first: BoxAnswer, second: BoxAnswer) -> bool:
    return float(boxes.iou(first.box_xywh, second.box_xywh)) < SAME_PLACE_IOU
