"""The ROS-free core: many targets, one batch, catch-up, and a tracker that fails."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from support.engines import settings, started
from support.ros_doubles import ColorTracker, FailingTracker, IdentityTracker
from support.scenes import SIDE, Film, frame, picture

from siamla_ros.online import engine as engine_module
from siamla_ros.online.engine import Engine
from siamla_ros.online.frame_buffer import FrameBuffer
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import InitCode, InitError
from siamla_ros.supervision.supervisor import Reason, State


def test_without_targets_a_frame_gives_no_outputs_and_is_not_even_converted():
    engine, film = Engine(IdentityTracker(), settings()), Film()
    unusable = dataclasses.replace(film.shoot(), encoding='nonsense')
    assert engine.process(unusable) == []


def test_the_first_output_is_the_given_box_and_the_tracker_is_not_asked():
    engine, film = Engine(ColorTracker(), settings()), Film()
    first = film.shoot(100)
    engine.start('red', 'square', (98, 97, 30, 30), first, live=True)
    (output,) = engine.process(first)
    assert output.box_xywh == (98, 97, 30, 30) and output.confirmed
    assert (output.state, output.reason) == (State.TRACKING, Reason.INIT)
    assert (output.id, output.label, output.confidence) == ('red', 'square', 1.0)
    assert engine.tracker.batches == []


def test_a_moving_target_is_followed():
    engine, film = started()
    for x in range(103, 160, 3):
        (output,) = engine.process(film.shoot(x))
        assert output.confirmed and output.box_xywh == (x, 100, SIDE, SIDE)


@pytest.mark.parametrize('rate_hz, confirmed', [(0.5, True), (0.0, False)])
def test_the_pause_of_a_rate_that_was_asked_for_is_no_gap(rate_hz, confirmed):
    """Below a rate of 1 / stale_after_s no target was ever confirmed."""
    engine, film = started(max_rate_hz=rate_hz)
    engine.process(film.shoot(100))
    for _ in range(3):
        image = film.shoot(100)
        for _ in range(59):  # two seconds
            image = film.shoot(100)
        (output,) = engine.process(image)
        assert output.confirmed is confirmed
    assert Engine(IdentityTracker(), settings(max_rate_hz=1e-4)).supervisor is not None


def test_many_targets_take_one_batch():
    engine, film = started()
    same = film.shoot(100)
    engine.start('second', '', (100, 100, SIDE, SIDE), same, live=True)
    engine.process(same)
    outputs = engine.process(film.shoot(102))
    assert [output.id for output in outputs] == ['red', 'second']
    assert engine.tracker.batches == [1, 2]


def test_targets_that_started_together_are_not_all_sampled_on_the_same_image():
    engine, film = started(max_targets=9)
    first = film.shoot(100)
    for number in range(8):
        engine.start(f'{number}', '', (100, 100, SIDE, SIDE), first, live=True)
    similarity, asked, sampled = engine.tracker.similarity, [], {}

    def counted(image_bgr, state, boxes_xywh):
        asked[-1] += 1
        return similarity(image_bgr, state, boxes_xywh)

    engine.tracker.similarity = counted
    for number in range(30):
        asked.append(0)
        engine.process(film.shoot(100))
        for target in engine.targets.values():
            if target.identity.frames == 0:
                sampled.setdefault(target.id, []).append(number)
    assert max(asked) == 3 and sum(asked) == 3 * 9
    gaps = np.diff(list(sampled.values()))
    assert len(sampled) == 9 and (gaps.min(), gaps.max()) == (9, 9)


def test_too_many_targets_are_refused_but_a_known_id_is_not():
    engine, film = started(max_targets=1)
    with pytest.raises(InitError) as refusal:
        engine.start('other', '', (10, 10, 20, 20), film.shoot(100), live=True)
    assert refusal.value.code is InitCode.TOO_MANY_TARGETS and '1' in str(refusal.value)
    again = film.shoot(100)
    engine.start('red', 'square', (100, 100, SIDE, SIDE), again, live=True)
    assert engine.process(again)[0].reason is Reason.REINITIALIZED


@pytest.mark.parametrize(
    'box, code',
    [
        ((float('nan'), 0, 5, 5), InitCode.BOX_NOT_FINITE),
        ((0, 0, 1, 1), InitCode.BOX_TOO_SMALL),
        ((0, 0, -5, 5), InitCode.BOX_TOO_SMALL),
        ((5000, 0, 50, 50), InitCode.BOX_OUTSIDE),
        ((-49.5, 10, 50, 50), InitCode.BOX_OUTSIDE),
    ],
)
def test_bad_boxes_are_refused_and_the_old_target_goes_on(box, code):
    engine, film = started()
    with pytest.raises(InitError) as refusal:
        engine.start('red', '', box, film.shoot(100), live=True)
    assert refusal.value.code is code
    assert engine.process(film.shoot(103))[0].confirmed


def test_a_failing_tracker_is_survived_and_reported():
    engine, film = started(FailingTracker())
    confirmed = []
    for _ in range(14):
        (output,) = engine.process(film.shoot(100))
        confirmed.append(output.confirmed)
    assert confirmed[:2] == [True, True] and not any(confirmed[2:10])
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
    assert good.confirmed and not bad.confirmed


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
    assert engine.process(film.shoot(103))[0].confirmed


def test_another_resolution_carries_the_box_over():
    engine, film = started()
    engine.process(film.shoot(100))
    for _ in range(8):
        (output,) = engine.process(film.shoot(200, y=200, width=640, height=480, side=2 * SIDE))
    assert output.confirmed and output.box_xywh == (200, 200, 2 * SIDE, 2 * SIDE)


def test_clear_forgets_one_or_all():
    engine, film = started()
    engine.start('second', '', (10, 10, 20, 20), film.shoot(100), live=False)
    assert engine.clear('nobody') == []
    assert engine.clear('second') == ['second'] and not engine.catching
    assert engine.clear() == ['red'] and engine.process(film.shoot(100)) == []


class Clockwork(IdentityTracker):
    """Counts the time that its updates would take."""

    spent_s = 0.0

    def __init__(self, step_s):
        super().__init__()
        self.step_s = step_s

    def update(self, image_bgr, states):
        self.spent_s += self.step_s
        return super().update(image_bgr, states)


def past(tracker=None, count=20, **changes):
    """An engine, a film of a moving target in the buffer, and a start on its first frame."""
    engine, film = Engine(tracker or ColorTracker(), settings(**changes)), Film()
    buffer = FrameBuffer(100, 10**9)
    frames = [film.shoot(100 + 3 * index) for index in range(count)]
    for item in frames:
        buffer.put(item)
    engine.start('red', '', (100, 100, SIDE, SIDE), frames[0], live=False)
    return engine, film, buffer, frames


def test_catch_up_goes_through_the_past_and_joins_the_present():
    engine, film, buffer, frames = past(catch_up_s=20.0)
    assert engine.process(frames[-1]) == [], 'nothing to say while it is behind'
    for _ in range(len(frames)):
        engine.catch_up(buffer)
    assert not engine.catching
    now = film.shoot(160)
    buffer.put(now)
    (output,) = engine.process(now)
    assert output.confirmed and output.box_xywh[0] == 160


def test_catch_up_skips_images_to_keep_its_deadline(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: tracker.spent_s)
    monkeypatch.setattr(engine_module, 'time', clock)
    tracker = Clockwork(step_s=0.02)
    engine, film, buffer, _ = past(tracker, count=60, catch_up_s=0.2)
    while engine.catching:
        engine.catch_up(buffer)
    assert len(tracker.batches) == 10, 'of 59 images at 20 ms each'
    assert tracker.spent_s == pytest.approx(0.2)
    assert engine.targets['red'].seq == film.seq


def test_a_start_on_the_newest_image_is_in_the_present_after_one_turn():
    engine, film, buffer, frames = past(count=1)
    engine.catch_up(buffer)
    assert not engine.catching and engine.known('red')


def test_identical_stamps_do_not_stop_the_tracker():
    engine = Engine(ColorTracker(), settings())
    first = frame(picture(100), 0, 1)
    engine.start('red', '', (100, 100, SIDE, SIDE), first, live=True)
    engine.process(first)
    for seq, x in enumerate(range(102, 130, 2), start=2):
        (output,) = engine.process(frame(picture(x), 0, seq))
    assert output.confirmed and output.box_xywh[0] == 128


def test_a_target_kept_over_a_pause_must_be_confirmed_again():
    engine, film = started()
    for _ in range(5):
        (output,) = engine.process(film.shoot(100))
    assert output.confirmed
    engine.suspend()
    (output,) = engine.process(film.shoot(None))
    assert (output.state, output.confirmed) == (State.UNCERTAIN, False)
    assert all(not engine.process(film.shoot(None))[0].confirmed for _ in range(300))


def test_an_output_is_given_for_its_own_image_only():
    engine, film = started()
    first, second = film.shoot(100), film.shoot(100)
    assert len(engine.process(second)) == 1
    assert engine.process(first) == [], 'the box belongs to a later image'


@pytest.mark.parametrize('level', [0, 128])
def test_a_featureless_box_is_refused_and_the_old_target_goes_on(level):
    engine, film = started()
    flat = film.shoot(100)
    flat = dataclasses.replace(flat, data=np.full_like(flat.data, level))
    with pytest.raises(InitError, match='contrast .* 0.00 gray levels, must be >= 3') as refusal:
        engine.start('red', '', (100, 100, SIDE, SIDE), flat, live=True)
    assert refusal.value.code is InitCode.FEATURELESS
    assert engine.process(film.shoot(103))[0].confirmed
