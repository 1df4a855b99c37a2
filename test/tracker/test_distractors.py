"""What has looked like a target counts against a box that shows it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import Decided
from siamla_ros.tracker.distractors import EVERY, KEPT, MOST_LEVEL, Distractors, descriptor_of
from siamla_ros.tracker.logistic import logit, sigmoid
from siamla_ros.tracker.results import TargetState, TrackResult
from siamla_ros.tracker.tracker import Tracker, load_tracker

IMAGE = np.full((120, 240, 3), 90, np.uint8)
BOX, OTHER = (60.0, 40.0, 30.0, 30.0), (140.0, 40.0, 30.0, 30.0)
WEIGHT = -4.0


class Twins:
    """The features of a crop say on which side of the image it lies; the network is sure of
    whatever it is asked for, and shows the other one as second peak.
    """

    device, name, gives_backbone = 'cpu', 'twins', False

    def __init__(self):
        self.at, self.second_peak, self.crops = BOX, 0.4, 0

    def template(self, image, window, border):
        self.crops += 1
        features = np.zeros((2, 8, 8), np.float32)
        features[0 if window.cx < 120 else 1] = 1.0
        return features

    def boxes(self, image, windows, borders, templates, last, config):
        (x, y, w, h), other = self.at, OTHER if self.at == BOX else BOX
        rows = [
            [x + w / 2 - window.cx, y + h / 2 - window.cy, w, h, 0.9, 0.8, 0.7]
            + [self.second_peak, 0.75]
            + [other[0] + 15 - window.cx, other[1] + 15 - window.cy, *other[2:]]
            for window in windows
        ]
        return Decided(np.array(rows, np.float32), None)

    def similarities(self, *args):
        raise AssertionError('nothing here asks for it')

    respond = similarity = similarities


def made(weight=WEIGHT):
    tracker = Tracker(Twins(), ModelConfig(), DecodeConfig(distractor_weight=weight))
    return tracker, tracker.init(IMAGE, BOX)


def followed(tracker, state, updates):
    for _ in range(updates):
        (result,) = tracker.update(IMAGE, [state])
        state = result.state
    return result


def test_a_box_that_has_gone_over_to_a_distractor_is_not_believed():
    tracker, state = made()
    right = followed(tracker, state, 2 * EVERY)
    assert right.confidence == pytest.approx(0.9), 'it resembles the target'
    assert right.second_box_xywh == pytest.approx(OTHER)
    tracker.runtime.at, tracker.runtime.second_peak = OTHER, 0.0
    wrong = followed(tracker, right.state, EVERY)
    assert wrong.box_xywh == pytest.approx(OTHER)
    expected = sigmoid(logit(0.9) + WEIGHT * MOST_LEVEL)
    assert wrong.confidence == pytest.approx(expected, abs=1e-6)
    assert wrong.state.confidence == wrong.confidence
    still = followed(tracker, wrong.state, 50)
    assert still.confidence == pytest.approx(expected), 'nothing else is seen any more'
    tracker.runtime.at = BOX
    back = followed(tracker, still.state, EVERY)
    assert back.confidence == pytest.approx(0.9), 'it is the target again'


def test_without_the_weight_no_crop_is_taken():
    tracker, state = made(weight=0.0)
    crops = tracker.runtime.crops
    result = followed(tracker, state, 3 * EVERY)
    assert tracker.runtime.crops == crops and result.state.distractors == Distractors()


def test_nothing_alike_costs_nothing():
    tracker, state = made()
    tracker.runtime.second_peak, crops = 0.01, tracker.runtime.crops
    assert followed(tracker, state, 10 * EVERY).confidence == pytest.approx(0.9)
    assert tracker.runtime.crops == crops


def test_a_second_peak_beside_a_doubtful_box_may_be_the_target():
    result = TrackResult(BOX, 0.5, 0.5, 0.5, 0.4, 0.5, second_box_xywh=OTHER)
    memory = Distractors(updates=EVERY)
    assert not memory.after(result, pytest.fail, pytest.fail).seen


def test_the_memory_is_bounded_and_keeps_the_newest():
    memory, result = Distractors(), TrackResult(BOX, 0.9, 0.9, 0.9, 0.4, 0.9, second_box_xywh=OTHER)
    for number in range(EVERY * (KEPT + 7)):
        memory = memory.after(
            result, lambda: np.zeros(1), lambda box, n=number: np.full(1, n, np.float32)
        )
    assert len(memory.seen) == KEPT and memory.seen[-1][0] == number
    assert memory.level == MOST_LEVEL, 'cut: further out it says no more'


def test_the_target_of_a_new_template_has_no_distractors():
    tracker, state = made()
    state = followed(tracker, state, 2 * EVERY).state
    assert state.distractors.seen
    assert not tracker.init(IMAGE, BOX).distractors.seen
    (elsewhere,) = tracker.probe(IMAGE, replace(state), [BOX])
    assert elsewhere.confidence == pytest.approx(0.9), 'another place was not looked at'
    assert elsewhere.state.distractors.seen is state.distractors.seen, 'what was seen is kept'


def test_what_is_found_elsewhere_is_not_doubted_for_the_box_before_and_looked_at_at_once():
    tracker, state = made()
    state = followed(tracker, state, EVERY).state
    tracker.runtime.at, tracker.runtime.second_peak = OTHER, 0.0
    lost = followed(tracker, state, EVERY).state
    assert lost.distractors.level == MOST_LEVEL
    (found,) = tracker.probe(IMAGE, lost, [BOX])
    assert found.state.distractors.level == 0.0
    tracker.runtime.at = BOX
    assert followed(tracker, found.state, 1).confidence == pytest.approx(0.9)
    tracker.runtime.at = OTHER
    assert followed(tracker, found.state, 1).confidence < 0.5


def test_the_first_answer_is_not_doubted_for_what_a_wide_search_found():
    first = TrackResult(BOX, 0.4, 0.4, 0.4, 0.0, 0.4, TargetState(BOX, None))
    wide = TrackResult(OTHER, 0.9, 0.9, 0.9, 0.0, 0.9, TargetState(OTHER, None), first)
    seen = wide.beside_distractors(WEIGHT, Distractors(level=MOST_LEVEL))
    assert seen.confidence < 0.5 and seen.first.confidence == pytest.approx(0.4)
    assert seen.first.distractor_level == 0.0


@pytest.mark.parametrize('count', [1, 2, 3, 7, 8])
def test_targets_that_started_together_are_looked_at_in_turn(count):
    tracker, state = made()
    states, crops, known = [state] * count, [], []
    for _ in range(6 * EVERY):
        before = tracker.runtime.crops
        states = [result.state for result in tracker.update(IMAGE, states)]
        crops.append(tracker.runtime.crops - before)
        known.append([len(state.distractors.seen) for state in states])
    most = 2 * math.ceil(count / EVERY)
    assert max(crops) <= most, 'a look is at the box and at the second peak'
    assert sum(crops[EVERY:]) >= 2 * 5 * count - most, 'none is left out'
    assert min(known[-1]) >= 5 and max(known[-1]) <= 6
    assert max(max(row) - min(row) for row in known) <= 1


def test_a_descriptor_is_of_the_middle_and_of_length_one():
    features = np.zeros((3, 8, 8), np.float32)
    features[0], features[1, 2:6, 2:6] = 5.0, 5.0
    features[0, 2:6, 2:6] = 0.0
    assert descriptor_of(features) == pytest.approx([0.0, 1.0, 0.0])
    assert np.isfinite(descriptor_of(np.zeros((3, 8, 8), np.float32))).all()


def test_the_shipped_model_weighs_it():
    assert load_tracker().decode.distractor_weight < 0.0
