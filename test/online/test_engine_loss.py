"""The ROS-free core when a target is lost: belief, prediction, search, and who is taken back."""

from dataclasses import replace

import pytest
from support.engines import lose, started
from support.ros_doubles import ColorTracker
from support.scenes import RED_BGR, SIDE

from siamla_ros.supervision.supervisor import Reason, State


def test_a_hidden_target_is_not_confirmed_and_lost_exactly_once():
    engine, film = started()
    for x in (103, 106, 109):
        (last,) = engine.process(film.shoot(x))
    seen = []
    for _ in range(30):
        (output,) = engine.process(film.shoot(None))
        assert not output.confirmed
        seen.append(output.newly_lost)
    assert sum(seen) == 1
    assert output.last_confirmed_xywh == last.box_xywh and output.last_confirmed_ns < film.stamp_ns


def test_the_last_confirmed_box_and_its_stamp_are_of_one_image_where_uncertain_ones_are_shown():
    engine, film = started(supervisor__publish_uncertain=True)
    (last,) = engine.process(film.shoot(103))
    stamp_ns = film.stamp_ns
    film.stamp_ns += 60_000_000_000
    (output,) = engine.process(film.shoot(106))
    assert output.state is State.UNCERTAIN and output.confirmed
    assert (output.last_confirmed_xywh, output.last_confirmed_ns) == (last.box_xywh, stamp_ns)


def test_a_hidden_target_is_predicted_for_a_while_only():
    engine, film = started(redetection__mode='off')
    for x in range(103, 163, 3):
        engine.process(film.shoot(x))
    (first,) = engine.process(film.shoot(None))
    assert 155 < first.predicted_xywh[0] < 175, 'it moves on as before'
    for _ in range(300):
        (output,) = engine.process(film.shoot(None))
    assert output.predicted_xywh is None


def test_recovery_finds_the_target_where_it_reappears():
    engine, film = started(redetection__mode='local')
    lose(engine, film)
    (output,) = engine.process(film.shoot(None))
    assert output.state is State.SEARCHING and 1 <= len(output.searched_xywh) <= 4
    states = []
    for _ in range(30):
        (output,) = engine.process(film.shoot(120))
        states.append(output.state)
        if output.confirmed:
            break
    assert State.SEARCHING in states and output.reason is Reason.REACQUIRED
    assert output.box_xywh == (120, 100, SIDE, SIDE)
    assert output.searched_xywh == ()
    assert engine.process(film.shoot(123))[0].confirmed


DARKER_BGR = (20, 30, 175)  # the tracker of these tests takes it for the same red


# The weights are given, so that the tests do not hang on those that calibration chooses.
STRICT = {'evidence': {'similarity_weight': 12.0, 'bias': -12.0}}


class KeenTracker(ColorTracker):
    """Finds both reds alike, but sees that their appearances differ a little."""

    def similarity(self, image_bgr, state, boxes_xywh):
        return [
            1.0 - abs(int(image_bgr[int(y + h / 2), int(x + w / 2), 2]) - 230) / 200
            for x, y, w, h in boxes_xywh
        ]


@pytest.mark.parametrize(('identity', 'taken'), [(True, False), (False, True)])
def test_who_looks_alike_to_the_tracker_is_not_taken_for_the_target(identity, taken):
    tracker = KeenTracker()
    tracker.calibration = STRICT
    engine, film = started(tracker, redetection__mode='local', identity__enabled=identity)
    for _ in range(30):
        engine.process(film.shoot(100))
    lose(engine, film)
    confirmed = [engine.process(film.shoot(120, color=DARKER_BGR))[0].confirmed for _ in range(40)]
    assert any(confirmed) == taken
    for _ in range(20):
        (output,) = engine.process(film.shoot(110))
    assert output.confirmed, 'the target itself is'


def test_the_appearance_counts_in_the_evidence_of_a_tracked_box():
    tracker = KeenTracker()
    tracker.calibration = {
        'evidence': {
            'similarity_weight': 30.0,
            'usual_similarity': 0.9,
            'bias': -30.0,
        }
    }
    engine, film = started(tracker)
    for _ in range(30):
        assert engine.process(film.shoot(100))[0].confirmed
    outputs = [engine.process(film.shoot(100, color=DARKER_BGR))[0] for _ in range(20)]
    assert not outputs[-1].confirmed
    assert Reason.DISTRACTOR in [output.reason for output in outputs]


def test_what_is_remembered_is_bounded_and_a_new_box_begins_anew():
    engine, film = started()
    for _ in range(200):
        engine.process(film.shoot(100))
    known = engine.targets['red'].identity
    assert known.latest.similarity is not None
    assert len(known.views) <= engine.settings.identity.views
    engine.start('red', 'square', (100, 100, SIDE, SIDE), film.shoot(100), live=True)
    assert engine.targets['red'].identity.latest.similarity is None


def test_samples_that_fail_are_survived_and_reported():
    class Blind(ColorTracker):
        def similarity(self, image_bgr, state, boxes_xywh):
            raise RuntimeError('CUDA out of memory')

    engine, film = started(Blind())
    confirmed = [engine.process(film.shoot(100))[0].confirmed for _ in range(40)]
    assert all(confirmed) and engine.errors > 0 and 'verification' in engine.last_error


def test_without_recovery_only_a_new_box_brings_it_back():
    engine, film = started(redetection__mode='off')
    lose(engine, film)
    for _ in range(20):
        (output,) = engine.process(film.shoot(100))
        assert output.state is State.LOST
    back = film.shoot(100)
    engine.start('red', 'square', (100, 100, SIDE, SIDE), back, live=True)
    assert engine.process(back)[0].reason is Reason.REINITIALIZED


class SizedTracker(ColorTracker):
    """As a network does: the window is as large as the box, and what it finds, nearly."""

    def _find(self, image, state, around):
        sized = replace(state, template=(state.template[0], *around[2:]))
        found = super()._find(image, sized, around)
        fits = 0.6 <= found.box_xywh[2] / around[2] <= 1.7
        confidence = found.confidence if fits else 0.02
        return replace(found, confidence=confidence, state=state.moved(found.box_xywh, confidence))


@pytest.mark.parametrize('mode', ['local', 'global'])
@pytest.mark.parametrize('scale', [2, 4])
def test_a_target_is_found_again_in_images_of_another_size(mode, scale):
    """The camera changed its resolution while the target was away, longer than its box is followed
    on: the search went on in pixels of before.
    """
    engine, film = started(SizedTracker(), redetection__mode=mode)
    for _ in range(20):
        engine.process(film.shoot(100))
    lose(engine, film)
    for _ in range(120):
        engine.process(film.shoot(None))
    assert engine.targets['red'].pursuit is None
    before = engine.targets['red'].memory.last_confirmed_xywh
    big = {'width': 320 * scale, 'height': 240 * scale}
    assert not engine.process(film.shoot(None, **big))[0].confirmed
    assert engine.targets['red'].memory.last_confirmed_xywh == before, 'of the image of its stamp'
    place = {'x': 100 * scale, 'y': 100 * scale, 'side': SIDE * scale}
    outputs = [engine.process(film.shoot(**place, **big))[0] for _ in range(30)]
    assert outputs[-1].box_xywh == (100 * scale, 100 * scale, SIDE * scale, SIDE * scale)
    assert outputs[-1].confirmed


@pytest.mark.parametrize('mode', ['local', 'global'])
def test_a_target_that_is_lost_with_the_first_image_of_another_size_is_searched_for_in_its_place(
    mode,
):
    engine, film = started(SizedTracker(), redetection__mode=mode, redetection__follow_on_s=0.0)
    for _ in range(20):
        engine.process(film.shoot(100))
    big = {'width': 640, 'height': 480}
    for _ in range(40):
        (output,) = engine.process(film.shoot(None, **big))
    assert output.state is State.SEARCHING
    assert output.last_confirmed_xywh == (100, 100, SIDE, SIDE), 'of the image of its stamp'
    assert engine.targets['red'].search_box_xywh == (200, 200, 2 * SIDE, 2 * SIDE)
    place = {'x': 200, 'y': 200, 'side': 2 * SIDE}
    assert any(engine.process(film.shoot(**place, **big))[0].confirmed for _ in range(20))


def with_twin(x):
    """An engine that follows two squares of one look, at 100 and at x."""
    engine, film = started(redetection__mode='local')
    both = film.shoot(100)
    both.to_bgr()[100 : 100 + SIDE, x : x + SIDE] = RED_BGR
    engine.start('twin', 'square', (x, 100, SIDE, SIDE), both, live=True)
    assert [output.confirmed for output in engine.process(both)] == [True, True]
    return engine, film


@pytest.mark.parametrize('followed', [True, False])
def test_a_lost_target_is_not_found_in_the_box_of_another(followed):
    """Two who look alike: the one in sight is no second one, too; once nobody follows it, it may
    be the lost one.
    """
    engine, film = with_twin(190)
    for _ in range(40):
        outputs = engine.process(film.shoot(100))
    assert [output.state for output in outputs] == [State.TRACKING, State.SEARCHING]
    if not followed:
        engine.clear('red')
    found = [engine.process(film.shoot(140))[-1] for _ in range(40)]
    twins = [output for output in found if output.id == 'twin']
    assert any(output.confirmed for output in twins) is not followed


def test_a_target_that_is_found_is_compared_with_where_the_others_are_on_the_same_image():
    """The one in sight comes to the place of the lost one, which is searched for first."""
    engine, film = with_twin(210)
    for _ in range(40):
        outputs = engine.process(film.shoot(210))
    assert [output.state for output in outputs] == [State.SEARCHING, State.TRACKING]
    found = [engine.process(film.shoot(x)) for x in (175, 145, 115, *(85, 115) * 30)]
    assert [red.id for red, twin in found if red.confirmed and twin.confirmed] == []


def test_where_another_target_is_on_a_later_image_claims_nothing():
    """One that catches up is on an image of the past, the others are in the present."""
    engine, film = started()
    first = film.shoot(100)
    engine.start('twin', 'square', (100, 100, SIDE, SIDE), first, live=True)
    engine.process(first)
    red = engine.targets['red']
    assert red.claimed_by(engine.targets.values(), (100, 100, SIDE, SIDE))
    red.seq -= 1
    assert not red.claimed_by(engine.targets.values(), (100, 100, SIDE, SIDE))


def test_another_of_the_same_look_does_not_keep_a_target_from_being_found_beside_it():
    """The box of the lost one is followed on to the one in sight, and searches find that, too."""
    engine, film = with_twin(150)
    for _ in range(40):
        outputs = engine.process(film.shoot(100))
    assert [output.state for output in outputs] == [State.TRACKING, State.SEARCHING]
    found = []
    for _ in range(40):
        image = film.shoot(100)
        image.to_bgr()[150 : 150 + SIDE, 150 : 150 + SIDE] = RED_BGR
        found.append(engine.process(image)[1])
    assert {output.box_xywh for output in found if output.confirmed} == {(150, 150, SIDE, SIDE)}
