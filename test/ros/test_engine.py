"""The ROS-free core: many targets, one batch, loss and recovery, catch-up, and a tracker that
fails.
"""

import dataclasses

import pytest
from doubles import ColourTracker, FailingTracker, IdentityTracker
from scenes import SIDE, Film, frame, picture

from siamla_ros.ros.conversions import ImageError
from siamla_ros.ros.engine import Engine
from siamla_ros.ros.frame_buffer import FrameBuffer
from siamla_ros.ros.inits import InitCode, InitError
from siamla_ros.ros.parameters import build, defaults
from siamla_ros.supervisor import Reason, State


def settings(**changes):
    return build({**defaults(), **{name.replace('__', '.'): v for name, v in changes.items()}})


def started(tracker=None, x=100, **changes):
    engine, film = Engine(tracker or ColourTracker(), settings(**changes)), Film()
    engine.start('red', 'square', (x, 100, SIDE, SIDE), film.shoot(x), live=True)
    return engine, film


def test_without_targets_a_frame_gives_no_outputs_and_is_not_even_converted():
    engine, film = Engine(IdentityTracker(), settings()), Film()
    unusable = dataclasses.replace(film.shoot(), encoding='nonsense')
    assert engine.process(unusable) == []


def test_the_first_output_is_the_given_box_and_the_tracker_is_not_asked():
    engine, film = Engine(ColourTracker(), settings()), Film()
    first = film.shoot(100)
    engine.start('red', 'square', (98, 97, 30, 30), first, live=True)
    output, = engine.process(first)
    assert output.box_xywh == (98, 97, 30, 30) and output.believed
    assert (output.state, output.reason) == (State.TRACKING, Reason.INIT)
    assert (output.id, output.label, output.confidence) == ('red', 'square', 1.0)
    assert engine.tracker.batches == []


def test_a_moving_target_is_followed():
    engine, film = started()
    for x in range(103, 160, 3):
        output, = engine.process(film.shoot(x))
        assert output.believed and output.box_xywh == (x, 100, SIDE, SIDE)


def test_many_targets_take_one_batch():
    engine, film = started()
    same = film.shoot(100)
    engine.start('second', '', (100, 100, SIDE, SIDE), same, live=True)
    engine.process(same)
    outputs = engine.process(film.shoot(102))
    assert [output.id for output in outputs] == ['red', 'second']
    assert engine.tracker.batches == [1, 2]


def test_too_many_targets_are_refused_but_a_known_id_is_not():
    engine, film = started(max_targets=1)
    with pytest.raises(InitError) as refusal:
        engine.start('other', '', (10, 10, 20, 20), film.shoot(100), live=True)
    assert refusal.value.code is InitCode.TOO_MANY_TARGETS and '1' in str(refusal.value)
    again = film.shoot(100)
    engine.start('red', 'square', (100, 100, SIDE, SIDE), again, live=True)
    assert engine.process(again)[0].reason is Reason.REINITIALIZED


@pytest.mark.parametrize('box, code', [
    ((float('nan'), 0, 5, 5), InitCode.BOX_NOT_FINITE),
    ((0, 0, 1, 1), InitCode.BOX_TOO_SMALL),
    ((0, 0, -5, 5), InitCode.BOX_TOO_SMALL),
    ((5000, 0, 50, 50), InitCode.BOX_OUTSIDE),
    ((-49.5, 10, 50, 50), InitCode.BOX_OUTSIDE),
])
def test_bad_boxes_are_refused_and_the_old_target_goes_on(box, code):
    engine, film = started()
    with pytest.raises(InitError) as refusal:
        engine.start('red', '', box, film.shoot(100), live=True)
    assert refusal.value.code is code
    assert engine.process(film.shoot(103))[0].believed


def lose(engine, film, frames=40):
    """Frames without the target; outputs until it is missing."""
    for _ in range(frames):
        output, = engine.process(film.shoot(None))
        if output.state in (State.LOST, State.SEARCHING):
            return output
    raise AssertionError('not lost')


def test_a_hidden_target_is_not_believed_and_lost_exactly_once():
    engine, film = started()
    for x in (103, 106, 109):
        last, = engine.process(film.shoot(x))
    seen = []
    for _ in range(30):
        output, = engine.process(film.shoot(None))
        assert not output.believed
        seen.append(output.newly_lost)
    assert sum(seen) == 1
    assert output.trusted_xywh == last.box_xywh and output.trusted_ns < film.stamp_ns


def test_a_hidden_target_is_predicted_for_a_while_only():
    engine, film = started(recovery__mode='off')
    for x in range(103, 163, 3):
        engine.process(film.shoot(x))
    first, = engine.process(film.shoot(None))
    assert 155 < first.predicted_xywh[0] < 175, 'it moves on as before'
    for _ in range(300):
        output, = engine.process(film.shoot(None))
    assert output.predicted_xywh is None


def test_recovery_finds_the_target_where_it_reappears():
    engine, film = started(recovery__mode='local')
    lose(engine, film)
    states = []
    for _ in range(30):
        output, = engine.process(film.shoot(120))
        states.append(output.state)
        if output.believed:
            break
    assert State.SEARCHING in states and output.reason is Reason.REACQUIRED
    assert output.box_xywh == (120, 100, SIDE, SIDE)
    assert engine.process(film.shoot(123))[0].believed


DARKER_BGR = (20, 30, 175)  # the tracker of these tests takes it for the same red


class KeenTracker(ColourTracker):
    """Finds both reds alike, but sees that their looks differ a little."""

    def similarity(self, image_bgr, state, boxes_xywh):
        return [
            1.0 - abs(int(image_bgr[int(y + h / 2), int(x + w / 2), 2]) - 230) / 200
            for x, y, w, h in boxes_xywh
        ]


@pytest.mark.parametrize(('identity', 'taken'), [(True, False), (False, True)])
def test_who_looks_alike_to_the_tracker_is_not_taken_for_the_target(identity, taken):
    engine, film = started(KeenTracker(), recovery__mode='local', identity__enabled=identity)
    for _ in range(30):
        engine.process(film.shoot(100))
    lose(engine, film)
    believed = [
        engine.process(film.shoot(120, colour=DARKER_BGR))[0].believed for _ in range(40)
    ]
    assert any(believed) == taken
    for _ in range(20):
        output, = engine.process(film.shoot(110))
    assert output.believed, 'the target itself is'


def test_a_switch_while_tracking_is_noticed():
    engine, film = started(KeenTracker(), supervisor__identity_threshold=0.5)
    for _ in range(30):
        assert engine.process(film.shoot(100))[0].believed
    outputs = [engine.process(film.shoot(100, colour=DARKER_BGR))[0] for _ in range(20)]
    assert not outputs[-1].believed
    assert Reason.DISTRACTOR in [output.reason for output in outputs]


def test_what_is_remembered_is_bounded_and_a_new_box_begins_anew():
    engine, film = started()
    for _ in range(200):
        engine.process(film.shoot(100))
    known = engine.targets['red'].identity
    assert known.likeness.count > 10
    assert len(known.views) <= engine.settings.identity.views
    engine.start('red', 'square', (100, 100, SIDE, SIDE), film.shoot(100), live=True)
    assert engine.targets['red'].identity.likeness.count == 0


def test_looks_that_fail_are_survived_and_reported():
    class Blind(ColourTracker):
        def similarity(self, image_bgr, state, boxes_xywh):
            raise RuntimeError('CUDA out of memory')

    engine, film = started(Blind())
    believed = [engine.process(film.shoot(100))[0].believed for _ in range(40)]
    assert all(believed) and engine.errors > 0 and 'look' in engine.last_error


def test_without_recovery_only_a_new_box_brings_it_back():
    engine, film = started(recovery__mode='off')
    lose(engine, film)
    for _ in range(20):
        output, = engine.process(film.shoot(100))
        assert output.state is State.LOST
    back = film.shoot(100)
    engine.start('red', 'square', (100, 100, SIDE, SIDE), back, live=True)
    assert engine.process(back)[0].reason is Reason.REINITIALIZED


def test_a_failing_tracker_is_survived_and_reported():
    engine, film = started(FailingTracker())
    believed = []
    for _ in range(14):
        output, = engine.process(film.shoot(100))
        believed.append(output.believed)
    assert believed[:2] == [True, True] and not any(believed[2:10])
    assert engine.errors == 8 and 'CUDA out of memory' in engine.last_error
    assert engine.known('red')


def test_one_bad_target_does_not_starve_the_others():
    class Picky(IdentityTracker):
        def update(self, image_bgr, states):
            if any(state.box_xywh[0] == 10 for state in states):
                raise ValueError('box 10 cannot be tracked')
            return super().update(image_bgr, states)

    engine, film = started(Picky())
    both = film.shoot(100)
    engine.start('bad', '', (10, 10, 20, 20), both, live=True)
    engine.process(both)
    good, bad = engine.process(film.shoot(100))
    assert good.believed and not bad.believed


def test_init_that_fails_inside_the_tracker_is_refused():
    class Broken(IdentityTracker):
        def init(self, image_bgr, box_xywh):
            raise RuntimeError('no kernel image')

    with pytest.raises(InitError) as refusal:
        started(Broken())
    assert refusal.value.code is InitCode.INTERNAL and 'no kernel image' in str(refusal.value)


def test_an_unusable_image_changes_nothing():
    engine, film = started()
    before = engine.targets['red'].state
    with pytest.raises(ImageError):
        engine.process(dataclasses.replace(film.shoot(100), encoding='nonsense'))
    assert engine.targets['red'].state is before
    assert engine.process(film.shoot(103))[0].believed


def test_another_resolution_carries_the_box_over():
    engine, film = started()
    engine.process(film.shoot(100))
    for _ in range(8):
        output, = engine.process(
            film.shoot(200, y=200, width=640, height=480, side=2 * SIDE)
        )
    assert output.believed and output.box_xywh == (200, 200, 2 * SIDE, 2 * SIDE)


def test_clear_forgets_one_or_all():
    engine, film = started()
    engine.start('second', '', (10, 10, 20, 20), film.shoot(100), live=False)
    assert engine.clear('nobody') == []
    assert engine.clear('second') == ['second'] and not engine.catching
    assert engine.clear() == ['red'] and engine.process(film.shoot(100)) == []


def past(count=20, delay_s=0.0, **changes):
    """An engine, a film of a moving target in the buffer, and a start on its first frame."""
    engine, film = Engine(ColourTracker(delay_s=delay_s), settings(**changes)), Film()
    buffer = FrameBuffer(100, 10**9)
    frames = [film.shoot(100 + 3 * index) for index in range(count)]
    for item in frames:
        buffer.put(item)
    engine.start('red', '', (100, 100, SIDE, SIDE), frames[0], live=False)
    return engine, film, buffer, frames


def test_catch_up_goes_through_the_past_and_joins_the_present():
    engine, film, buffer, frames = past()
    assert engine.process(frames[-1]) == [], 'nothing to say while it is behind'
    for _ in range(len(frames)):
        engine.catch_up(buffer)
    assert not engine.catching
    now = film.shoot(160)
    buffer.put(now)
    output, = engine.process(now)
    assert output.believed and output.box_xywh[0] == 160


def test_catch_up_skips_images_to_keep_its_deadline():
    engine, film, buffer, frames = past(count=60, delay_s=0.02, catch_up_s=0.2)
    turns = 0
    while engine.catching:
        engine.catch_up(buffer)
        turns += 1
    assert turns <= 15, f'{turns} of 59 images at 20 ms each'


def test_a_start_on_the_newest_image_is_in_the_present_after_one_turn():
    engine, film, buffer, frames = past(count=1)
    engine.catch_up(buffer)
    assert not engine.catching and engine.known('red')


def test_identical_stamps_do_not_stop_the_tracker():
    engine = Engine(ColourTracker(), settings())
    first = frame(picture(100), 0, 1)
    engine.start('red', '', (100, 100, SIDE, SIDE), first, live=True)
    engine.process(first)
    for seq, x in enumerate(range(102, 130, 2), start=2):
        output, = engine.process(frame(picture(x), 0, seq))
    assert output.believed and output.box_xywh[0] == 128
