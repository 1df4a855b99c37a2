"""Which of a detector's boxes is the lost target? By class, distance, size and appearance. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from siamla_ros.geometry.boxes import Box

FAR_PX, TINY_PX = 1e6, 0.1


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
class AnswerRules:
    """When a candidate is good enough.

    :param min_score: of the detector
    :param reach, speed: how far, in sides of the lost box, the target may have got: reach +
        speed * age_s; reach 0: anywhere
    :param max_size_ratio: between the sides of the candidate and of the lost box
    :param min_similarity: of appearance, [0, 1]; 0: appearance is not looked at
    :param margin: lead that the best candidate must have over the second, in similarity;
        without appearance, in sides of distance
    """

    min_score: float = 0.4
    reach: float = 2.0
    speed: float = 2.0
    max_size_ratio: float = 2.5
    min_similarity: float = 0.0
    margin: float = 0.05


class Answer(NamedTuple):
    """index: of the chosen candidate, None if there is none; why: in words."""

    index: int | None
    why: str


class Proof:
    """Counts in how many arrays of candidates in a row the same box has won."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._wins = 0

    def add(self, box_xywh: Box | None) -> int:
        """The winner of one more array, None if there was none; returns the wins so far.

        A box is the same one if its center is within a side of where it was.
        """
        if box_xywh is None:
            self._wins = 0
        elif self._wins and _apart(self._box, box_xywh) <= 1.0:
            self._wins += 1
        else:
            self._wins = 1
        self._box = box_xywh
        return self._wins


def parse_aliases(texts: Sequence[str]) -> dict[str, str]:
    """`person=0` means that the detector says 0 for what the tracker's user calls person.

    :raises ValueError: a text without =
    """
    aliases = {}
    for text in texts:
        name, equals, other = text.partition('=')
        if not (name and equals and other):
            raise ValueError(f'class_aliases holds {text!r}, must be label=class_id')
        aliases[other] = name
    return aliases


def choose(
    target: LostTarget,
    candidates: Sequence[Candidate],
    rules: AnswerRules,
    aliases: Mapping[str, str],
    similarity: Callable[[list[Box]], list[float]] | None = None,
) -> Answer:
    """The candidate that is the target, if that is clear.

    :param similarity: appearance of boxes against the target's template, [0, 1]; asked only for
        those that pass everything else
    """
    fits = [
        index
        for index, candidate in enumerate(candidates)
        if _fits(target, candidate, rules, aliases)
    ]
    if not fits:
        return Answer(None, f'none of {len(candidates)} boxes fits by class, score, place and size')
    if rules.min_similarity > 0.0 and similarity is not None:
        return _by_appearance(fits, similarity([candidates[i].box_xywh for i in fits]), rules)
    return _by_distance(fits, [_distance(target, candidates[i].box_xywh) for i in fits], rules)


def _fits(
    target: LostTarget, candidate: Candidate, rules: AnswerRules, aliases: Mapping[str, str]
) -> bool:
    if not candidate.score >= rules.min_score or not is_box(candidate.box_xywh):
        return False
    label = aliases.get(candidate.class_id, candidate.class_id)
    if target.label and label != target.label:
        return False
    ratio = _side(candidate.box_xywh) / _side(target.box_xywh)
    if max(ratio, 1.0 / ratio) > rules.max_size_ratio:
        return False
    limit = rules.reach + rules.speed * max(target.age_s, 0.0)
    return rules.reach == 0.0 or _distance(target, candidate.box_xywh) <= limit


def _by_appearance(fits: list[int], scores: list[float], rules: AnswerRules) -> Answer:
    order = sorted(range(len(fits)), key=lambda i: -scores[i])
    best = scores[order[0]]
    if best < rules.min_similarity:
        return Answer(None, f'similarity {best:.2f}, must be at least {rules.min_similarity:g}')
    if len(order) > 1 and best - scores[order[1]] < rules.margin:
        return Answer(None, f'two boxes look alike: {best:.2f} and {scores[order[1]]:.2f}')
    return Answer(fits[order[0]], f'similarity {best:.2f}')


def _by_distance(fits: list[int], distances: list[float], rules: AnswerRules) -> Answer:
    order = sorted(range(len(fits)), key=lambda i: distances[i])
    best = distances[order[0]]
    if len(order) > 1 and distances[order[1]] - best < rules.margin:
        return Answer(None, 'two boxes are equally near')
    return Answer(fits[order[0]], f'{best:.1f} box sides away')


def is_box(box_xywh: Box) -> bool:
    """Finite, and of a size and place that pixels can have: nothing overflows later."""
    return max(map(abs, box_xywh)) <= FAR_PX and min(box_xywh[2:]) >= TINY_PX


def _side(box_xywh: Box) -> float:
    return math.sqrt(box_xywh[2] * box_xywh[3])


def _distance(target: LostTarget, box_xywh: Box) -> float:
    return _apart(target.box_xywh, box_xywh)


def _apart(box_xywh: Box, other_xywh: Box) -> float:
    """Between the centers, in sides of the first box."""
    x, y, w, h = box_xywh
    other_x, other_y, other_w, other_h = other_xywh
    dx, dy = other_x + other_w / 2 - x - w / 2, other_y + other_h / 2 - y - h / 2
    return math.hypot(dx, dy) / _side(box_xywh)
