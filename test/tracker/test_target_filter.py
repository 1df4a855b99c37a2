"""What a filter learns of a target and its surroundings, and what the tracker makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.networks import textured_image

from siamla_ros.geometry.crops import context_window
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.model.grid import CellGrid
from siamla_ros.tracker.logistic import USUAL_RESPONSE, logit, shortfall, sigmoid
from siamla_ros.tracker.target_filter import (
    EVERY,
    MIN_CONFIDENCE,
    Sight,
    TargetFilter,
    waiting,
)
from siamla_ros.tracker.tracker import load_tracker

GRID, SIZE = CellGrid(16, 0.0, 15), 192
BOX, BESIDE = (100.0, 80.0, 40.0, 40.0), (148.0, 80.0, 40.0, 40.0)
TARGET, ALIKE, RIM, D = [1.0, 0.0], [0.75, 0.65], [0.0, 0.0, 1.0], 32
SURE = MIN_CONFIDENCE + 0.05
IMAGE = textured_image()


def sight(things, place=BOX, seed=0):
    """Noise, and where a box lies one direction in its middle that gives way to that of a rim."""
    window = context_window(place, 4.0)
    features = np.random.default_rng(seed).normal(0, 0.3, (D, 12, 12)).astype(np.float32)
    centers = np.arange(12) * 16.0 - SIZE / 2
    for (left, top, w, h), direction in things:
        x = (window.cx + centers * window.width / SIZE - left) / w - 0.5
        y = (window.cy + centers * window.height / SIZE - top) / h - 0.5
        middle = np.exp(-(x[None] ** 2 + y[:, None] ** 2) / (2 * 0.3**2))
        inside = (np.abs(x[None]) < 0.5) & (np.abs(y[:, None]) < 0.5)
        shown = middle * _channels(direction)
        shown += (1.0 - middle) * _channels(RIM)
        features = np.where(inside, shown, features).astype(np.float32)
    return Sight(features, window, SIZE, GRID)


def _channels(first):
    return np.pad(np.array(first, np.float32), (0, D - len(first)))[:, None, None]


def start():
    return TargetFilter.start([sight([(BOX, TARGET)], seed=seed) for seed in range(3)], BOX)


def test_it_tells_the_target_from_its_surroundings():
    known, seen = start(), sight([(BOX, TARGET)], seed=7)
    assert known.response(seen, BOX) > 0.4
    assert known.response(seen, BESIDE) < 0.1
    # Wherever it is in the window, and in a window that is not square.
    moved = sight([(BOX, TARGET)], (110.0, 60.0, 50.0, 30.0), seed=8)
    assert known.response(moved, BOX) > 0.4


def test_it_learns_what_something_alike_that_came_later_looks_like():
    known = start()
    both = [(BOX, TARGET), (BESIDE, ALIKE)]
    seen = sight(both, seed=99)
    before = known.response(seen, BESIDE)
    for step in range(40 * EVERY):
        known = known.after(sight(both, seed=step), BOX, SURE)
    assert known.response(seen, BESIDE) < 0.8 * before
    assert known.response(seen, BESIDE) < 0.75 * known.response(seen, BOX)


def test_the_first_image_is_not_forgotten():
    """A box that has gone over to something else teaches that to be the target, half."""
    known, seen = start(), sight([(BOX, TARGET)], seed=500)
    before = known.response(seen, BOX)
    for step in range(200 * EVERY):
        known = known.after(sight([(BESIDE, ALIKE)], seed=step), BESIDE, SURE)
    assert known.response(seen, BOX) > 0.85 * before


def test_each_third_box_teaches_if_it_is_sure():
    first, seen = start(), sight([(BOX, TARGET), (BESIDE, ALIKE)])
    steps = [first]
    for _ in range(EVERY):
        steps.append(steps[-1].after(seen, BOX, SURE))
    assert [np.array_equal(s.weights, first.weights) for s in steps] == [True] * EVERY + [False]
    unsure = first
    for _ in range(5 * EVERY):
        unsure = unsure.after(seen, BOX, MIN_CONFIDENCE - 0.01)
    assert np.array_equal(unsure.weights, first.weights)
    assert not np.array_equal(unsure.after(seen, BOX, SURE).weights, first.weights)  # at once


@pytest.mark.parametrize('count', [1, 2, 3, 7, 8])
def test_targets_that_started_together_learn_in_turn(count):
    """As many in each image; unsure ones keep no sure one waiting."""
    seen = sight([(BOX, TARGET)])
    known, lessons = [start()] * (count + 2), []
    sure = [SURE] * count + [MIN_CONFIDENCE - 0.1] * 2
    for _ in range(4 * EVERY):
        parts = zip(known, sure, waiting(known, sure), strict=True)
        after = [one.after(seen, BOX, confidence, wait) for one, confidence, wait in parts]
        lessons.append([a.lately is not b.lately for a, b in zip(after, known, strict=True)])
        known = after
    late = np.array(lessons)[EVERY:]
    assert late.sum(1).max() <= -(-count // EVERY)
    assert (late[:, :count].sum(0) >= 2).all()
    assert not late[:, count:].any()
    assert waiting([], []) == [] and waiting([None], [1.0]) == [False]


def test_a_target_whose_states_are_rejected_keeps_no_other_waiting():
    """It takes a turn each time, and its lesson is thrown away; the other's count goes on."""
    seen = sight([(BOX, TARGET)])
    rejected = other = replace(start(), updates=5 * EVERY)
    lessons = 0
    for _ in range(8 * EVERY):
        _, wait = waiting([rejected, other], [SURE, SURE])
        after = other.after(seen, BOX, SURE, wait)
        lessons += after.lately is not other.lately
        other = after
    assert lessons >= 1


def test_a_filter_is_bounded_and_a_response_lies_between_0_and_1():
    known = start()
    for step in range(10 * EVERY):
        known = known.after(sight([(BOX, TARGET)], seed=step), BOX, SURE)
    assert known.lately.features.shape == known.first.features.shape == (D + 1, D + 1)
    seen = sight([(BOX, [5.0] * 8)])
    for box in (BOX, (101.0, 83.0, 0.5, 0.5), (900.0, 900.0, 20.0, 20.0)):
        assert 0.0 <= known.response(seen, box) <= 1.0


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_do_not_spoil_a_filter(value):
    """It would stay spoiled: every later update of the target would fail."""
    known, seen = start(), sight([(BOX, TARGET)], seed=7)
    seen.features[1, 6, 6] = value
    assert 0.0 <= known.response(seen, BOX) <= 1.0
    learned = replace(known, updates=EVERY).after(seen, BOX, SURE)
    assert learned.updates == 0
    assert np.isfinite(learned.weights).all()
    assert np.isfinite(TargetFilter.start([seen], BOX).weights).all()


def test_nothing_speaks_against_a_usual_response():
    assert [float(shortfall(r)) for r in (1.0, USUAL_RESPONSE, 0.2)] == [0.0, 0.0, 0.3]


@pytest.fixture(scope='module')
def tracker():
    return load_tracker(runtime='torch', threads=1, filter_weight=-4.0)


def test_a_low_response_lowers_the_confidence_and_no_box(tracker):
    plain = load_tracker(runtime='torch', threads=1, filter_weight=0.0)
    box = (100.0, 60.0, 40.0, 30.0)
    state, bare = tracker.init(IMAGE, box), plain.init(IMAGE, box)
    assert state.filter is not None
    assert bare.filter is None
    other = np.ascontiguousarray(IMAGE[::-1, ::-1])
    found, without = tracker.update(other, [state])[0], plain.update(other, [bare])[0]
    assert found.filter_response < USUAL_RESPONSE
    assert without.filter_response == 1.0
    assert found.box_xywh == without.box_xywh
    assert found.alone == without.alone == pytest.approx(without.confidence)
    odds = logit(found.alone) - 4.0 * (USUAL_RESPONSE - found.filter_response)
    assert found.confidence == pytest.approx(sigmoid(odds), abs=1e-6)
    assert found.state.confidence == found.confidence < found.supervised == found.alone
    assert found.sight is None  # nothing large stays


def test_on_the_target_the_response_is_higher_than_beside_it(tracker):
    box = (100.0, 60.0, 40.0, 30.0)
    state = tracker.init(IMAGE, box)
    for shift in (2, 4, 6):
        moved = np.roll(IMAGE, shift, 1)
        result = tracker.update(moved, [state])[0]
        (other,) = tracker.probe(moved, state, [(20.0, 80.0, 40.0, 30.0)])
        assert result.filter_response > other.filter_response + 0.1
        state = result.state
    assert state.filter.updates == 0  # the third box was sure


def test_a_probe_reports_it_and_learns_nothing(tracker):
    box = (100.0, 60.0, 40.0, 30.0)
    state = tracker.init(IMAGE, box)
    result = tracker.probe(IMAGE, state, [box])[0]
    assert 0.0 < result.filter_response < 1.0
    assert result.confidence == result.supervised == result.alone
    assert result.state.filter is state.filter


def test_a_rejected_result_teaches_nothing(tracker):
    state = tracker.init(IMAGE, (100.0, 60.0, 40.0, 30.0))
    before = state.filter.weights.copy()
    for _ in range(2 * EVERY):
        tracker.update(IMAGE, [state])
    assert np.array_equal(state.filter.weights, before)


def test_a_box_that_shows_nothing_is_not_measured(tracker):
    state = tracker.init(IMAGE, (100.0, 60.0, 40.0, 30.0))
    result = tracker.probe(IMAGE, state, [(100.0, 60.0, 40.0, 30.0)])[0]
    gone = replace(result, box_xywh=(0.0, 60.0, 0.0, 30.0), filter_response=1.0, sight=None)
    assert gone.beside_filter(-4.0).filter_response == 1.0


def test_the_shipped_model_weighs_it():
    assert load_tracker().decode.filter_weight < 0.0
    assert DecodeConfig().filter_weight == 0.0
