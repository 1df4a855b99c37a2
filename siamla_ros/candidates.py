"""Places where a lost target may be, and how long each has stood the test.

Pure functions for `recovery`; boxes are half-open x, y, w, h in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from siamla_ros import boxes
from siamla_ros.evidence import Box, box_size

MOST_CANDIDATES = 3
SAME_PLACE_IOU = 0.3
# A candidate may move on between two looks, in box sizes and in box sizes a second.
MOTION_SLACK = 0.4
MAX_SPEED = 10.0


class Found(Protocol):
    """What the search needs of a tracker's answer; `TrackResult` has it."""

    @property
    def box_xywh(self) -> Box: ...

    @property
    def confidence(self) -> float: ...


@dataclass(frozen=True)
class Candidate:
    """A place that may be the target's.

    confidence: of the last look. proven_frames, proven_s: how long it has kept above the accept
    threshold without a break; the first look counts a frame and no time.
    """

    box_xywh: Box
    confidence: float
    proven_frames: int = 0
    proven_s: float = 0.0


class Hit(NamedTuple):
    """A candidate as this image shows it, and the index of the answer that shows it."""

    candidate: Candidate
    index: int


def check_confidences(found: Sequence[Found]) -> None:
    """Raise ValueError for a confidence outside [0, 1]; NaN is outside, too."""
    for index, answer in enumerate(found):
        if not 0.0 <= answer.confidence <= 1.0:
            raise ValueError(
                f'confidence of answer {index} is {answer.confidence!r}, must lie in [0, 1]'
            )


def look_again(
    known: Candidate | None, answer: Found, accept_threshold: float, interval_s: float
) -> Candidate:
    """The candidate after one more look; `known` is what it was, if the look was aimed at it."""
    box, confidence = tuple(answer.box_xywh), answer.confidence
    if confidence < accept_threshold:
        return Candidate(box, confidence)
    if known is None or known.proven_frames == 0 or not _moved_on(known, box, interval_s):
        return Candidate(box, confidence, 1)
    return Candidate(box, confidence, known.proven_frames + 1, known.proven_s + interval_s)


def one_a_place(hits: Sequence[Hit]) -> list[Hit]:
    """The most confident hits, at most `MOST_CANDIDATES`, one where several overlap."""
    # at one place the hit that was proven for long outranks a fresh look
    ranked = sorted(hits, key=lambda hit: (-hit.candidate.proven_frames, -hit.candidate.confidence))
    places: list[Hit] = []
    for hit in ranked:
        if all(_apart(hit.candidate, other.candidate) for other in places):
            places.append(hit)
    return sorted(places, key=lambda hit: -hit.candidate.confidence)[:MOST_CANDIDATES]


def rivalled(places: Sequence[Hit], ratio: float) -> bool:
    """Whether another place is at least `ratio` times as confident as the first."""
    limit = ratio * places[0].candidate.confidence
    return any(hit.candidate.confidence >= limit for hit in places[1:])


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


def _apart(first: Candidate, second: Candidate) -> bool:
    return float(boxes.iou(first.box_xywh, second.box_xywh)) < SAME_PLACE_IOU
