"""Which box of a detector is the lost target: by class, distance, size and appearance. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siamla_ros.configuration import Configuration, bounded
from siamla_ros.geometry.boxes import Box, box_size, center, check_box, iou

SMALLEST_PX = 0.1
TAKEN_IOU = 0.5  # with the box in which another target is confirmed


@dataclass(frozen=True)
class Candidate:
    """One box of the detector."""

    box_xywh: Box
    class_id: str
    score: float


@dataclass(frozen=True)
class LostTarget:
    """What is known of a target that was lost `age_s` seconds before the candidates were seen."""

    label: str
    box_xywh: Box
    age_s: float


@dataclass(frozen=True)
class MatchingRules(Configuration):
    """When a candidate is taken for the target; every field is a parameter of the bridge."""

    min_score: float = bounded(0.4, 0.0, math.inf, 'of the detector')
    reach: float = bounded(
        2.0, 0.0, math.inf, 'distance allowed at once, in sides of the lost box; 0: anywhere'
    )
    speed: float = bounded(
        2.0, 0.0, math.inf, 'distance allowed for each second since the loss, in sides'
    )
    max_size_ratio: float = bounded(2.5, 1.0, math.inf, 'between the sides of old and new box')
    min_probability: float = bounded(
        0.0,
        0.0,
        math.inf,
        'that a box shows the target, by the tracker, 0.65 for example; 0: no scores are requested',
    )
    margin: float = bounded(
        0.05,
        0.0,
        math.inf,
        'lead of the best box over the second: in probability, or else in sides of distance',
    )


@dataclass(frozen=True)
class Match:
    """index: of the chosen candidate, None if there is none; why: in words."""

    index: int | None
    why: str


class ConsecutiveMatches:
    """Counts in how many arrays of candidates in a row the same box was chosen."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._count = 0

    def add(self, box_xywh: Box | None) -> int:
        """Note the choice of one more array, None if there was none; returns the count so far.

        A box is the same one if its center is within a side of where it was.
        """
        if box_xywh is None:
            self._count = 0
        elif self._count and self._box is not None and _apart(self._box, box_xywh) <= 1.0:
            self._count += 1
        else:
            self._count = 1
        self._box = box_xywh
        return self._count


def parse_aliases(texts: Sequence[str]) -> dict[str, str]:
    """Map the detector's class to the user's label: `person=0` gives `{'0': 'person'}`.

    Raises:
        ValueError: a text without =.
    """
    aliases = {}
    for text in texts:
        name, equals, other = text.partition('=')
        if not (name and equals and other):
            raise ValueError(f'class_aliases holds {text!r}, must be label=class_id')
        aliases[other] = name
    return aliases


def fitting(
    target: LostTarget,
    candidates: Sequence[Candidate],
    rules: MatchingRules,
    aliases: Mapping[str, str],
    taken: Sequence[Box] = (),
) -> list[int]:
    """Indices of the candidates that fit by class, score, place and size.

    taken: Boxes in which other targets are confirmed; what is there is no second one, too.
    """
    return [
        index
        for index, candidate in enumerate(candidates)
        if _fits(target, candidate, rules, aliases)
        and not (taken and (iou(candidate.box_xywh, taken) >= TAKEN_IOU).any())
    ]


def match_by_probability(
    fits: Sequence[int], probabilities: Sequence[float], rules: MatchingRules
) -> Match:
    """The most probable of the fitting candidates, if that is clear."""
    order = sorted(range(len(fits)), key=lambda i: -probabilities[i])
    best = probabilities[order[0]]
    if not best >= rules.min_probability:
        return Match(None, f'probability {best:.2f}, must be at least {rules.min_probability:g}')
    if len(order) > 1 and best - probabilities[order[1]] < rules.margin:
        return Match(None, f'two boxes are similar: {best:.2f} and {probabilities[order[1]]:.2f}')
    return Match(fits[order[0]], f'probability {best:.2f}')


def match_by_distance(
    target: LostTarget,
    candidates: Sequence[Candidate],
    fits: Sequence[int],
    rules: MatchingRules,
) -> Match:
    """The nearest of the fitting candidates, if that is clear."""
    distances = [_apart(target.box_xywh, candidates[i].box_xywh) for i in fits]
    order = sorted(range(len(fits)), key=lambda i: distances[i])
    best = distances[order[0]]
    if len(order) > 1 and distances[order[1]] - best < rules.margin:
        return Match(None, 'two boxes are equally near')
    return Match(fits[order[0]], f'{best:.1f} box sides away')


def is_box(box_xywh: Box) -> bool:
    """Whether a box is finite, and of a size and place that pixels can have."""
    try:
        check_box(box_xywh, SMALLEST_PX)
    except ValueError:
        return False
    return True


def _fits(
    target: LostTarget, candidate: Candidate, rules: MatchingRules, aliases: Mapping[str, str]
) -> bool:
    if not candidate.score >= rules.min_score or not is_box(candidate.box_xywh):
        return False
    label = aliases.get(candidate.class_id, candidate.class_id)
    if target.label and label != target.label:
        return False
    ratio = box_size(candidate.box_xywh) / box_size(target.box_xywh)
    if max(ratio, 1.0 / ratio) > rules.max_size_ratio:
        return False
    limit = rules.reach + rules.speed * max(target.age_s, 0.0)
    return rules.reach == 0.0 or _apart(target.box_xywh, candidate.box_xywh) <= limit


def _apart(box_xywh: Box, other_xywh: Box) -> float:
    """Distance between the centers, in sides of the first box."""
    return math.dist(center(box_xywh), center(other_xywh)) / box_size(box_xywh)
