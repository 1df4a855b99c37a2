"""A box that goes over to what stood beside the target is not confirmed; one that moved is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.ros_doubles import IdentityTracker

from siamla_ros.online import bystander
from siamla_ros.online.bystander import Bystanders, surroundings
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.evidence import Quality, Reason, assess
from siamla_ros.supervision.supervisor import (
    Decision,
    Observation,
    State,
    Supervisor,
    SupervisorConfig,
)

SIZE = (320, 240)
SIDE = 40
TARGET, OTHER = (120, 100), (172, 104)  # left, top
STEP_S = 1 / 30


def texture(seed, width, height):
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(120 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)


GROUND, THING, SECOND = texture(0, *SIZE), texture(1, SIDE, SIDE), texture(2, SIDE, SIDE)


def scene(target=TARGET, other=OTHER, shift=(0, 0), light=1.0):
    """The ground with both things on it; None leaves one out. The camera moves by `shift`."""
    image = GROUND.copy()
    for place, thing in ((other, SECOND), (target, THING)):
        if place is not None:
            x, y = place
            image[y : y + SIDE, x : x + SIDE] = thing
    moved = np.roll(image, shift, axis=(1, 0))
    return np.clip(moved * light, 0, 255).astype(np.uint8)


def box_at(place):
    return (*place, SIDE, SIDE)


def share(image, place, before=None):
    known = surroundings(scene() if before is None else before, box_at(TARGET), 0.0)
    return known.bystander_share(image, box_at(place))


@pytest.mark.parametrize('shift', [(0, 0), (9, 5), (-6, 8)])
@pytest.mark.parametrize('light', [0.9, 1.0, 1.1])
def test_what_stood_beside_the_target_is_known_again(shift, light):
    place = (OTHER[0] + shift[0], OTHER[1] + shift[1])
    assert share(scene(target=None, shift=shift, light=light), place) > 0.9


@pytest.mark.parametrize('factor', [2, 5, 8])
def test_it_is_known_again_in_large_images_of_which_pixels_are_left_out(factor):
    large = [cv2.resize(image, None, fx=factor, fy=factor) for image in (scene(), scene(None))]
    target, other = (tuple(factor * v for v in box_at(place)) for place in (TARGET, OTHER))
    assert surroundings(large[0], target, 0.0).bystander_share(large[1], other) > 0.9


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
    assert surroundings(scene(), box, 0.0) is None


def test_the_surroundings_are_small_whatever_the_image():
    large = np.zeros((2160, 3840, 3), np.uint8)
    assert surroundings(large, (1000, 500, 800, 900), 0.0).gray.size < 70_000


def noted(stamp_s=0.0):
    known = Bystanders()
    known.note(scene(), box_at(TARGET), stamp_s, confirmed=True)
    return known


def test_a_box_that_goes_on_from_a_bystander_is_one_still_and_a_confirmed_box_ends_that():
    known = noted()
    assert known.shown(scene(target=None), box_at(OTHER), STEP_S)
    later = np.zeros_like(GROUND)  # it shows something else, and flow leads nowhere
    assert known.shown(later, box_at((OTHER[0] + 5, OTHER[1])), 2.0)
    assert not known.shown(later, box_at((20, 20)), 2.0)
    assert not known.shown(later, box_at(OTHER), bystander.FOLLOWED_S + 0.01)
    known.note(later, box_at(OTHER), 5.0, confirmed=True)
    assert not known.shown(later, box_at(OTHER), 5.0 + STEP_S)


@pytest.mark.parametrize('later_s', [bystander.LONGEST_S + 0.01, 0.0, -1.0, 3600.0])
def test_too_long_after_the_last_confirmed_box_nothing_is_known(later_s):
    assert not noted().shown(scene(target=None), box_at(OTHER), later_s)


def test_nothing_is_known_of_images_of_another_size_nor_after_a_pause():
    known = noted()
    assert not known.shown(cv2.resize(scene(target=None), (640, 480)), box_at(OTHER), STEP_S)
    known = noted()
    known.forget()
    assert not known.shown(scene(target=None), box_at(OTHER), STEP_S)


def test_an_image_on_which_the_target_was_not_confirmed_is_not_taken_for_the_last():
    known = noted()
    known.note(scene(target=None, other=None), box_at(TARGET), STEP_S, confirmed=False)
    assert known.shown(scene(target=None), box_at(OTHER), 2 * STEP_S)


@pytest.mark.parametrize('bystander_shown', [False, True])
def test_a_bystander_is_a_bad_frame_of_a_distractor(bystander_shown):
    box = (100.0, 100.0, 40.0, 40.0)
    memory = Supervisor().start(0.0, box, SIZE).memory
    seen = Observation(STEP_S, 0.97, 0.0, box, SIZE, bystander=bystander_shown)
    evidence = assess(SupervisorConfig(), memory, seen)
    assert (evidence.quality is Quality.BAD) is bystander_shown
    assert (evidence.reason is Reason.DISTRACTOR) is bystander_shown


class SwitchingTracker(IdentityTracker):
    """Follows the target while it is there, and is as sure of the other one when it is not."""

    def update(self, image_bgr, states):
        return [self._answer(image_bgr, state) for state in states]

    def probe(self, image_bgr, state, boxes_xywh):
        return [self._answer(image_bgr, state) for _ in boxes_xywh]

    def _answer(self, image_bgr, state):
        found = []
        for thing in (THING, SECOND):
            match = cv2.matchTemplate(image_bgr, thing, cv2.TM_CCOEFF_NORMED)
            _, value, _, place = cv2.minMaxLoc(match)
            found.append((value > 0.8, place))
        place = next((place for there, place in found if there), None)
        box = state.box_xywh if place is None else box_at(place)
        return self._result(box, 0.02 if place is None else 0.97, state)


def steps(images):
    session = TrackingSession(SwitchingTracker())
    session.start('one', box_at(TARGET), scene(), 0.0)
    return [session.step(image, n * STEP_S)[0] for n, image in enumerate(images, 1)]


def test_a_target_that_vanishes_beside_another_is_lost_in_ten_images():
    outputs = steps([scene()] * 5 + [scene(target=None)] * 10)
    assert all(output.confirmed for output in outputs[:5])
    assert not any(output.confirmed for output in outputs[5:])
    assert outputs[5].reason is Reason.DISTRACTOR
    assert any(output.state in (State.LOST, State.SEARCHING) for output in outputs[5:])


def test_a_search_does_not_find_it_there_but_where_it_comes_back():
    outputs = steps([scene()] * 5 + [scene(target=None)] * 75 + [scene()] * 20)
    assert not any(output.confirmed for output in outputs[5:80])
    assert outputs[-1].confirmed and outputs[-1].box_xywh[:2] == TARGET


def test_no_more_bystanders_are_remembered_than_are_looked_through(monkeypatch):
    monkeypatch.setattr(bystander, 'SAME_IOU', 1.1)  # each box is another one
    known = noted()
    for _ in range(3 * bystander.MOST_KNOWN):
        assert known.shown(scene(target=None), box_at(OTHER), STEP_S)
    assert len(known._known_xywh) == bystander.MOST_KNOWN


def test_a_box_that_is_published_in_uncertain_is_not_taken_for_the_last_confirmed(monkeypatch):
    session = TrackingSession(SwitchingTracker())
    session.start('one', box_at(TARGET), scene(), 0.0)

    def doubtful(memory, seen):
        memory = replace(memory, state=State.UNCERTAIN, stamp_s=seen.stamp_s)
        return Decision(memory, confirmed=True, accept_state=True)

    monkeypatch.setattr(session.engine.supervisor, 'step', doubtful)
    session.step(scene(other=None), STEP_S)
    known = session.engine.targets['one'].bystanders
    assert known.shown(scene(target=None), box_at(OTHER), 2 * STEP_S)


def test_a_target_that_comes_back_beside_it_is_confirmed_again():
    outputs = steps([scene()] * 5 + [scene(target=None)] * 3 + [scene()] * 5)
    assert outputs[-1].confirmed and outputs[-1].box_xywh[:2] == TARGET


def test_a_target_that_jumps_away_from_another_is_confirmed_all_the_while():
    places = [(120, 100), (138, 100), (120, 116), (104, 100), (120, 100)]
    outputs = steps([scene(target=place, other=(60, 40)) for place in places])
    assert all(output.confirmed for output in outputs)
