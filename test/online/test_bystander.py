"""A box that goes over to what stood beside the target is not confirmed; one that moved is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.bystander_scenes import (
    GROUND,
    OTHER,
    SECOND,
    SIZE,
    STEP_S,
    TARGET,
    THING,
    Judging,
    box_at,
    larger,
    scene,
)
from support.ros_doubles import IdentityTracker

from siamla_ros.online import bystander as online
from siamla_ros.online.bystander import Bystanders
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.evidence import Quality, Reason, assess
from siamla_ros.supervision.supervisor import (
    Decision,
    Observation,
    State,
    Supervisor,
    SupervisorConfig,
)
from siamla_ros.tracker import bystander
from siamla_ros.tracker.bystander import BystanderMemory, surroundings
from siamla_ros.tracker.results import TargetState, TrackResult


def confirm(known, image, place, stamp_s, memory=None):
    box = box_at(place)
    state = TargetState(box, None, bystanders=memory or BystanderMemory())
    known.confirm(image, TrackResult(box, 0.97, 0.97, 0.97, 0.0, 0.97, state), stamp_s)


def noted():
    known = Bystanders()
    confirm(known, scene(), TARGET, 0.0)
    return known


def test_a_box_that_goes_on_from_a_bystander_is_one_still_and_a_confirmed_box_ends_that():
    known = noted()
    assert known.shown(scene(target=None), box_at(OTHER), STEP_S)
    later = np.zeros_like(GROUND)  # it shows something else, and flow leads nowhere
    assert known.shown(later, box_at((OTHER[0] + 5, OTHER[1])), 2.0)
    assert not known.shown(later, box_at((20, 20)), 2.0)
    assert not known.shown(later, box_at(OTHER), bystander.FOLLOWED_S + 0.01)
    confirm(known, later, OTHER, 5.0)
    assert not known.shown(later, box_at(OTHER), 5.0 + STEP_S)


@pytest.mark.parametrize('later_s', [bystander.LONGEST_S + 0.01, 0.0, -1.0, 3600.0])
def test_too_long_after_the_last_confirmed_box_nothing_is_known(later_s):
    assert not noted().shown(scene(target=None), box_at(OTHER), later_s)


def test_nothing_is_known_of_images_of_another_size_nor_after_a_pause():
    known = noted()
    assert not known.shown(larger(scene(target=None)), box_at(OTHER), STEP_S)
    known = noted()
    known.forget()
    assert not known.shown(scene(target=None), box_at(OTHER), STEP_S)


def test_what_the_tracker_has_cut_out_is_not_cut_out_again(monkeypatch):
    memory = BystanderMemory(surroundings(scene(), box_at(TARGET)))
    monkeypatch.setattr(online, 'surroundings', None)
    known = Bystanders()
    confirm(known, None, TARGET, 0.0, memory)
    assert known.shown(scene(target=None), box_at(OTHER), STEP_S)


@pytest.mark.parametrize('cut_out', [(TARGET, 0.1), ((60, 40), 0.0)], ids=['before', 'elsewhere'])
def test_what_the_tracker_has_cut_out_of_another_image_or_box_is_not_taken(cut_out):
    place, age_s = cut_out
    memory = BystanderMemory(surroundings(scene(other=None), box_at(place)), age_s)
    known = Bystanders()
    confirm(known, scene(), TARGET, 0.0, memory)
    assert known.shown(scene(target=None), box_at(OTHER), STEP_S)


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
    monkeypatch.setattr(online, 'SAME_IOU', 1.1)  # each box is another one
    known = noted()
    for _ in range(3 * online.MOST_KNOWN):
        assert known.shown(scene(target=None), box_at(OTHER), STEP_S)
    assert len(known._known_xywh) == online.MOST_KNOWN


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


def test_images_may_be_overwritten_once_they_were_processed():
    """A camera that writes into one array: what it showed before must not be taken from that."""
    session, image = TrackingSession(SwitchingTracker()), scene(other=(60, 40))
    session.start('one', box_at(TARGET), image, 0.0)
    for number in range(1, 6):
        place = (TARGET[0] + 28 * (number > 2), TARGET[1])
        image[:] = scene(target=place, other=(60, 40))
        (output,) = session.step(image, number * STEP_S)
        assert output.confirmed and output.box_xywh == box_at(place)


class JudgingTracker(Judging, SwitchingTracker):
    """It weighs bystanders itself, too."""


@pytest.mark.parametrize('rate_hz', [15, 30])
@pytest.mark.parametrize(
    ('lost_s', 'last'), [(5.0, State.UNCERTAIN), (0.15, State.SEARCHING)], ids=['kept', 'pursued']
)
def test_a_rejected_box_on_a_bystander_stays_as_doubtful_as_at_first(lost_s, last, rate_hz):
    tracker = JudgingTracker()
    settings = build({**defaults(), 'supervisor.lost_s': lost_s})
    session = TrackingSession(tracker, settings)
    session.start('one', box_at(TARGET), scene(), 0.0)
    confidences = []
    for number in range(1, rate_hz + 1):
        (output,) = session.step(scene(target=None), number / rate_hz)
        confidences += [output.confidence] if output.result else []
    assert output.state is last
    assert len(tracker.noted) > 0.9 * rate_hz
    assert {memory.level for memory in tracker.noted} == {1.0}
    assert max(confidences) == pytest.approx(min(confidences)) and max(confidences) < 0.7
    target = session.engine.targets['one']
    known = (target.pursuit or target).state.bystanders
    assert known.age_s == pytest.approx(1.0)
