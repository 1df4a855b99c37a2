"""What a wide search finds counts only where it resembles the target."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.identity.appearance_model import AppearanceModel
from siamla_ros.tracker.distractors import Distractors
from siamla_ros.tracker.results import TargetState, TrackResult

IMAGE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
STATE = TargetState((20.0, 20.0, 30.0, 40.0), None)


class Likeness:
    """A tracker whose similarity is given."""

    def __init__(self, similarity: float) -> None:
        self.value, self.asked = similarity, 0

    def similarity(self, image_bgr, state, boxes_xywh):
        self.asked += len(boxes_xywh)
        return [self.value] * len(boxes_xywh)


def result(box, confidence, first=None) -> TrackResult:
    return TrackResult(box, confidence, confidence, confidence, 0.0, confidence, STATE, first)


@pytest.mark.parametrize(('similarity', 'taken'), [(0.95, True), (0.1, False)])
def test_a_wide_search_is_kept_where_it_resembles_the_target(similarity, taken):
    tracker = Likeness(similarity)
    appearance = AppearanceModel(tracker)
    known = appearance.begin(IMAGE, STATE)
    first = result((20.0, 20.0, 30.0, 40.0), 0.1)
    second = result((22.0, 20.0, 30.0, 40.0), 0.9, first)
    assert appearance.verified(known, IMAGE, STATE, second) is (second if taken else first)
    assert tracker.asked == 1


def test_a_first_answer_costs_nothing():
    tracker = Likeness(0.0)
    only = result((22.0, 20.0, 30.0, 40.0), 0.9)
    appearance = AppearanceModel(tracker)
    assert appearance.verified(appearance.begin(IMAGE, STATE), IMAGE, STATE, only) is only
    assert tracker.asked == 0


def test_distractors_count_once_by_how_much_the_box_resembles_them():
    """Not by the confidence, too, which has had them against it."""
    appearance = AppearanceModel(Likeness(0.9))
    seen = appearance.measure(
        appearance.begin(IMAGE, STATE), IMAGE, STATE, result((20.0, 20.0, 30.0, 40.0), 0.9)
    )._replace(distractor_level=0.5)
    alone = result((20.0, 20.0, 30.0, 40.0), 0.9)
    beside = alone.beside_distractors(-3.0, Distractors(level=0.5))
    assert beside.confidence < beside.alone == alone.alone == 0.9
    assert appearance.log_odds(beside, seen) == appearance.log_odds(alone, seen)
