"""What stood beside a target is known again, and lowers the confidence of a box that shows it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.bystander_scenes import GROUND, OTHER, SIDE, STEP_S, TARGET, box_at, larger, scene

from siamla_ros.geometry.crops import context_window
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.tracker import bystander, target_filter
from siamla_ros.tracker.bystander import BystanderMemory, surroundings
from siamla_ros.tracker.logistic import PEAK_KEPT, logit, sigmoid
from siamla_ros.tracker.results import TargetState, TrackResult
from siamla_ros.tracker.tracker import load_tracker


def share(image, place, before=None):
    known = surroundings(scene() if before is None else before, box_at(TARGET))
    return known.bystander_share(image, box_at(place))


@pytest.mark.parametrize('shift', [(0, 0), (9, 5), (-6, 8)])
@pytest.mark.parametrize('light', [0.9, 1.0, 1.1])
def test_what_stood_beside_the_target_is_known_again(shift, light):
    place = (OTHER[0] + shift[0], OTHER[1] + shift[1])
    assert share(scene(target=None, shift=shift, light=light), place) > 0.9


@pytest.mark.parametrize('factor', [2, 3, 5, 8])
def test_it_is_known_again_in_large_images_of_which_pixels_are_left_out(factor):
    large = [cv2.resize(image, None, fx=factor, fy=factor) for image in (scene(), scene(None))]
    target, other = (tuple(factor * v for v in box_at(place)) for place in (TARGET, OTHER))
    assert surroundings(large[0], target).bystander_share(large[1], other) > 0.9


@pytest.mark.parametrize('to', [(140, 100), (120, 122), (150, 122), (92, 80)])
def test_a_target_that_has_moved_leads_back_into_its_own_box(to):
    assert share(scene(target=to, other=(60, 40)), to) < 0.2


def test_what_was_not_there_before_is_no_bystander():
    alone = scene(other=None)
    assert share(scene(target=None), OTHER, before=alone) <= bystander.MOST_SHARE


def test_a_target_that_has_blurred_says_nothing():
    blurred = cv2.blur(scene(target=(150, 100), other=None), (31, 1))
    assert share(blurred, (150, 100)) <= bystander.MOST_SHARE


def test_a_box_that_has_hardly_moved_or_lies_beyond_what_is_known_is_not_judged():
    assert share(scene(target=None), (TARGET[0] + 10, TARGET[1])) == 0.0
    assert share(scene(), (270, 190)) == 0.0
    assert share(scene(), (310, 230)) == 0.0  # beyond the image in part


@pytest.mark.parametrize('box', [(0, 0, 1, 1), (400, 300, 40, 40), (100, 100, 0.5, 90)])
def test_a_box_that_shows_next_to_nothing_has_no_surroundings(box):
    assert surroundings(scene(), box) is None


def test_the_surroundings_are_small_whatever_the_image():
    large = np.zeros((2160, 3840, 3), np.uint8)
    assert surroundings(large, (1000, 500, 800, 900)).gray.size < 70_000


def sure(image=None, place=TARGET):
    return BystanderMemory(surroundings(scene() if image is None else image, box_at(place)))


def test_a_box_that_goes_over_to_a_bystander_has_a_level_of_one_and_one_that_goes_on_from_it():
    memory = sure().after(scene(target=None), box_at(OTHER), 0.97)
    assert memory.level == 1.0
    later = np.zeros_like(GROUND)  # it shows something else, and flow leads nowhere
    memory = memory.after(later, box_at((OTHER[0] + 5, OTHER[1])), 0.97)
    assert memory.level == 1.0
    memory = memory.after(later, box_at((20, 20)), 0.97)
    assert memory.level == pytest.approx(bystander.KEPT)


def test_a_target_that_stays_or_moves_has_none():
    memory = sure()
    for place in [TARGET, (140, 100), (158, 112), (176, 120)]:
        memory = memory.after(scene(target=place, other=(60, 40)), box_at(place), 0.97)
        assert memory.level == 0.0 and memory.shown_xywh is None


def test_surroundings_are_those_of_the_last_sure_box():
    alone, both = scene(other=None), scene()
    unsure = sure(alone).after(both, box_at(TARGET), bystander.MIN_CONFIDENCE - 0.01)
    assert unsure.after(scene(target=None), box_at(OTHER), 0.97).level == 0.0
    known = sure(alone).after(both, box_at(TARGET), bystander.MIN_CONFIDENCE)
    assert known.after(scene(target=None), box_at(OTHER), 0.97).level == 1.0


def test_a_box_that_shows_a_bystander_is_never_sure():
    memory = sure()
    for _ in range(3):
        memory = memory.after(scene(target=None), box_at(OTHER), 1.0)
    assert memory.surroundings is not None and memory.surroundings.box_xywh == box_at(TARGET)


@pytest.mark.parametrize(
    ('wait_s', 'level'),
    [(bystander.LONGEST_S - 1e-3, 1.0), (bystander.LONGEST_S + 1e-3, 0.0), (3600.0, 0.0)],
)
def test_long_after_the_last_sure_box_nothing_is_known(wait_s, level):
    memory = sure().waited(wait_s)
    assert memory.after(scene(target=None), box_at(OTHER), 0.97).level == level


def test_a_level_falls_in_the_same_time_at_any_rate_of_images():
    elsewhere = box_at((20, 20))
    shown = sure().after(scene(target=None), box_at(OTHER), 0.97)
    fast = slow = shown
    for _ in range(6):
        fast = fast.after(GROUND, elsewhere, 0.5)
    for _ in range(2):
        slow = slow.waited(3 * STEP_S).after(GROUND, elsewhere, 0.5)
    assert slow.level == pytest.approx(fast.level) and slow.level < 1.0
    assert slow.age_s == pytest.approx(fast.age_s)
    assert shown.waited(1e-3).level <= 1.0


def test_a_box_goes_on_from_a_bystander_for_three_seconds():
    memory = sure().after(scene(target=None), box_at(OTHER), 0.97)
    late_s = bystander.FOLLOWED_S - memory.age_s
    for wait_s, shown in ((late_s - 1e-3, box_at(OTHER)), (late_s + 1e-3, None)):
        later = memory.waited(wait_s)
        assert later.after(GROUND, box_at(OTHER), 0.97).shown_xywh == shown


def test_images_of_another_size_are_not_compared():
    shown = sure().after(scene(target=None), box_at(OTHER), 0.97)
    for memory in (sure(), shown):
        assert memory.after(larger(scene(target=None)), box_at(OTHER), 0.5).shown_xywh is None


def test_a_box_that_shows_nothing_is_not_judged():
    assert sure().after(scene(target=None), (*OTHER, 0.0, SIDE), 0.97).level == 0.0


def state_of(memory):
    return TargetState(box_at(TARGET), None, peak_ratio=1.0, bystanders=memory)


@pytest.mark.parametrize('steps', [1, 3])
def test_the_state_before_a_rejected_one_knows_what_that_showed_and_its_age_counts_once(steps):
    """On every image, and on each third one: both after half a second and more."""
    state, each_s = state_of(sure()), steps * STEP_S
    for _ in range(30 // steps):
        waited = state.waited(each_s)
        memory = waited.bystanders.after(scene(target=None), box_at(OTHER), 0.97)
        assert memory.level == 1.0
        other = replace(waited.moved(box_at(OTHER), 0.4), bystanders=memory)
        state = state.rejecting(other, each_s)
    assert (state.box_xywh, state.confidence) == (box_at(TARGET), 1.0)
    assert state.bystanders.surroundings.box_xywh == box_at(TARGET)
    assert state.bystanders.age_s == pytest.approx(1.0)
    assert state.peak_ratio == pytest.approx(PEAK_KEPT**30)


def test_what_stood_beside_a_rejected_box_is_not_taken_over():
    first = state_of(replace(sure(), level=0.8, shown_xywh=box_at(OTHER)))
    memory = first.bystanders.after(scene(other=None), box_at((250, 190)), 0.97)
    assert memory.surroundings.box_xywh == box_at((250, 190))
    known = first.rejecting(replace(first, bystanders=memory), STEP_S).bystanders
    assert known.surroundings is first.bystanders.surroundings
    assert known.shown_xywh == box_at(OTHER) and known.level == pytest.approx(0.8 * bystander.KEPT)
    assert known.age_s == pytest.approx(STEP_S)


def test_only_surroundings_of_the_last_box_are_those_of_its_image():
    memory = sure()
    assert memory.cut_out is memory.surroundings
    assert memory.waited(2 * STEP_S).after(GROUND, box_at(TARGET), 0.5).cut_out is None
    anew = memory.after(scene(), box_at(TARGET), 0.97)
    assert anew.cut_out is anew.surroundings is not memory.surroundings


@pytest.fixture(scope='module')
def tracker():
    return load_tracker(runtime='torch', threads=1, bystander_weight=-3.0)


def answers(monkeypatch, tracker, place, first=None):
    """Let the network be sure of a box, which a wide search may have given."""

    def found(image, states, places, wide=False):
        return [result(state) for state in states]

    def result(state):
        before = None if first is None else sure_of(first, state)
        return replace(sure_of(place, state), first=before)

    monkeypatch.setattr(tracker._windows, 'search', found)


def sure_of(place, state):
    box = box_at(place)
    return TrackResult(box, 0.97, 0.97, 0.97, 0.0, 0.97, state.moved(box, 0.97))


def test_a_bystander_lowers_the_confidence_but_not_that_of_the_states(monkeypatch, tracker):
    state = tracker.init(scene(), box_at(TARGET))
    answers(monkeypatch, tracker, OTHER)
    (result,) = tracker.update(scene(target=None), [state])
    assert result.bystander_level == 1.0
    assert result.supervised == result.alone == pytest.approx(0.97)
    assert result.confidence == pytest.approx(sigmoid(logit(0.97) - 3.0))
    assert result.state.confidence == result.confidence
    assert result.state.bystanders.shown_xywh == box_at(OTHER)


def test_the_target_itself_keeps_its_confidence(monkeypatch, tracker):
    state = tracker.init(scene(other=None), box_at(TARGET))
    answers(monkeypatch, tracker, OTHER)
    (result,) = tracker.update(scene(target=OTHER, other=None), [state])
    assert result.bystander_level == 0.0
    assert result.confidence == pytest.approx(0.97)


def test_the_first_answer_beside_a_wide_one_is_judged_by_its_own_box(monkeypatch, tracker):
    state = tracker.init(scene(), box_at(TARGET))
    answers(monkeypatch, tracker, OTHER, first=TARGET)
    (result,) = tracker.update(scene(target=None), [state])
    assert result.bystander_level == 1.0
    assert result.first.bystander_level == 0.0
    assert result.first.confidence == pytest.approx(0.97)


def test_a_filter_learns_nothing_of_a_bystander(monkeypatch, tracker):
    state = tracker.init(scene(), box_at(TARGET))
    sight = state_sight(tracker, state)
    over = sure().after(scene(target=None), box_at(OTHER), 0.97)
    seen = replace(sure_of(OTHER, state), sight=sight)
    for memory, lessons in ((sure(), 1), (over, 0)):
        due = replace(state, filter=replace(state.filter, updates=target_filter.EVERY - 1))
        result = replace(seen, state=due).beside_bystanders(-3.0, [memory]).beside_filter(-4.0)
        assert (result.state.filter.updates == 0) is bool(lessons)


def test_a_target_on_a_bystander_keeps_no_other_waiting_with_its_lesson(monkeypatch, tracker):
    first = tracker.init(scene(), box_at(TARGET))
    sight = state_sight(tracker, first)

    def found(image, states, places, wide=False):
        pairs = zip((OTHER, TARGET), states)
        return [replace(sure_of(place, state), sight=sight) for place, state in pairs]

    monkeypatch.setattr(tracker._windows, 'search', found)
    states, lessons = [first, first], 0
    for _ in range(2 * target_filter.EVERY):
        results = tracker.update(scene(target=None), states)
        assert [result.bystander_level for result in results] == [1.0, 0.0]
        lessons += results[1].state.filter.lately is not states[1].filter.lately
        states = [result.state for result in results]
    assert lessons == 2 and states[0].filter.lately is first.filter.lately


def state_sight(tracker, state):
    """What the network sees of the target's window."""
    places = [state.box_xywh]
    window = context_window(state.box_xywh, tracker.search_context, tracker.model.isotropic)
    (found,) = tracker._windows._decided(scene(), [state], places, [window])
    return found.sight


def test_a_search_judges_its_boxes_itself(monkeypatch, tracker):
    state = tracker.init(scene(), box_at(TARGET))
    answers(monkeypatch, tracker, OTHER)
    (result,) = tracker.probe(scene(target=None), state, [box_at(OTHER)])
    assert result.bystander_level == 0.0
    assert result.state.bystanders.surroundings is None


def test_without_a_weight_nothing_is_compared(monkeypatch):
    plain = load_tracker(runtime='torch', threads=1, bystander_weight=0.0)
    state = plain.init(scene(), box_at(TARGET))
    assert state.bystanders.surroundings is None
    answers(monkeypatch, plain, OTHER)
    assert plain.update(scene(target=None), [state])[0].bystander_level == 0.0


def test_the_image_may_be_overwritten_after_an_update(monkeypatch, tracker):
    image = scene()
    state = tracker.init(image, box_at(TARGET))
    image[:] = 0
    answers(monkeypatch, tracker, OTHER)
    assert tracker.update(scene(target=None), [state])[0].bystander_level == 1.0


def test_the_shipped_model_weighs_it():
    assert load_tracker().decode.bystander_weight < 0.0
    assert DecodeConfig().bystander_weight == 0.0
