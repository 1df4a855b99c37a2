"""The box of a lost target is followed on: how it comes back, and what must not."""

from dataclasses import replace

import pytest
from support.engines import lose, settings, started
from support.ros_doubles import ColorTracker
from support.scenes import SIDE
from support.state_scenes import CONFIG, IMAGE, MODEL, observe

from siamla_ros.online.engine import Engine
from siamla_ros.supervision.supervisor import (
    MORE_WHEN_LOST,
    Reason,
    State,
    Supervisor,
)

# The weights are given, so that the tests do not hang on those that calibration chooses.
HALF_ALIKE = {
    'evidence': {'similarity_weight': 7.0, 'color_weight': 0.0, 'bias': -4.0},
    'acceptance': {'similarity_weight': 7.0, 'color_weight': 0.0, 'bias': -4.0},
}
PURSUIT_S = 3.0
FRAMES = round(PURSUIT_S * 30)


class HalfAlikeTracker(ColorTracker):
    """The target never resembles its template much; no search accepts that."""

    calibration = HALF_ALIKE

    def similarity(self, image_bgr, state, boxes_xywh):
        return [0.55] * len(boxes_xywh)


def back_within(engine, film, frames, x=100):
    """Frames with the target, until it is confirmed; the last output."""
    for _ in range(frames):
        (output,) = engine.process(film.shoot(x))
        if output.confirmed:
            break
    return output


def lost(**changes):
    changes = {'redetection__mode': 'local', 'redetection__follow_on_s': PURSUIT_S, **changes}
    engine, film = started(HalfAlikeTracker(), **changes)
    for _ in range(20):
        engine.process(film.shoot(100))
    lose(engine, film)
    return engine, film


def test_a_box_that_is_followed_on_ends_a_loss_that_no_search_would_end():
    engine, film = lost()
    output = back_within(engine, film, 30)
    assert (output.state, output.reason) == (State.TRACKING, Reason.REACQUIRED)
    assert output.box_xywh == (100, 100, SIDE, SIDE)
    assert engine.process(film.shoot(103))[0].confirmed
    engine, film = lost(redetection__follow_on_s=0.0)
    assert not back_within(engine, film, 60).confirmed
    assert engine.targets['red'].pursuit is None


def test_nothing_is_confirmed_while_the_target_is_away_and_after_that_its_place_says_nothing():
    engine, film = lost()
    assert not any(engine.process(film.shoot(None))[0].confirmed for _ in range(FRAMES + 1))
    assert not back_within(engine, film, 60).confirmed


def test_the_last_confirmed_box_stays_what_is_reported():
    engine, film = lost()
    before = engine.targets['red'].output
    (output,) = engine.process(film.shoot(None))
    assert output.state is State.SEARCHING and output.result is None
    assert output.last_confirmed_xywh == before.last_confirmed_xywh
    assert engine.targets['red'].pursuit is not None
    engine.start('red', 'square', (100, 100, SIDE, SIDE), film.shoot(100), live=True)
    assert engine.targets['red'].pursuit is None


def test_a_tracker_that_fails_on_the_box_is_reported_and_the_search_outlives_it():
    engine, film = lost()
    whole = engine.tracker.update
    engine.tracker.update = lambda *_: (_ for _ in ()).throw(RuntimeError('out of memory'))
    (output,) = engine.process(film.shoot(100))
    assert output.state is State.SEARCHING and 'out of memory' in engine.last_error
    engine.tracker.update = whole
    assert back_within(engine, film, 30).confirmed


@pytest.mark.parametrize('rate_hz', [2, 10, 30])
def test_each_image_counts_as_the_time_since_the_one_before(rate_hz):
    engine, film = started(HalfAlikeTracker(), redetection__mode='local')
    film.period_ns = round(1e9 / rate_hz)
    for _ in range(20):
        engine.process(film.shoot(100))
    lose(engine, film)
    for images in (1, 2):
        engine.process(film.shoot(None))
        memory = engine.targets['red'].pursuit.memory
        assert memory.seconds_in_state == pytest.approx(images / rate_hz, abs=1e-6)


def test_an_image_of_another_size_begins_anew():
    engine, film = lost()
    engine.process(film.shoot(None))
    (output,) = engine.process(film.shoot(None, width=640, height=480))
    assert output.state is State.SEARCHING and not engine.last_error
    assert engine.targets['red'].pursuit.memory.image_size == (640, 480)


def test_the_place_is_carried_over_to_images_of_another_size():
    engine, film = lost()
    engine.process(film.shoot(None))
    big = {'width': 640, 'height': 480}
    engine.process(film.shoot(None, **big))
    assert any(
        engine.process(film.shoot(200, **big, y=200, side=2 * SIDE))[0].confirmed for _ in range(30)
    )


@pytest.mark.parametrize('jump_s', [60.0, -60.0])
def test_after_a_break_of_the_stamps_its_place_says_nothing(jump_s):
    engine, film = lost()
    engine.process(film.shoot(None))
    film.stamp_ns += int(jump_s * 1e9)
    assert not back_within(engine, film, 60).confirmed
    assert engine.targets['red'].pursuit is None


def test_without_a_search_a_lost_target_stays_lost():
    engine = Engine(HalfAlikeTracker(), settings(redetection__mode='off'))
    film = started()[1]
    engine.start('red', 'square', (100, 100, SIDE, SIDE), film.shoot(100), live=True)
    lose(engine, film)
    assert not back_within(engine, film, 60).confirmed


@pytest.fixture
def gone():
    """A supervisor, and what it knows of a target that was just lost."""
    supervisor = Supervisor(CONFIG, True, MODEL)
    memory = supervisor.start(0.0, observe('g', 0.0).box_xywh, IMAGE).memory
    return supervisor, replace(memory, state=State.SEARCHING, presence=-4.0)


def pursue(supervisor, memory, letters, rate_hz=30.0, **seen):
    decision = None
    for frame, letter in enumerate(letters, start=1):
        observation = replace(observe(letter, frame / rate_hz), **seen)
        decision = supervisor.pursue(memory, observation)
        memory = decision.memory
    return decision


def test_lost_takes_more_evidence_to_end_than_uncertain(gone):
    supervisor, memory = gone
    known = replace(memory, presence=supervisor.model.confirmed_above + 0.5 * MORE_WHEN_LOST - 1.0)
    uncertain = supervisor.step(replace(known, state=State.UNCERTAIN), observe('g', 1 / 30))
    lost = supervisor.pursue(known, observe('g', 1 / 30))
    assert (uncertain.state, lost.state) == (State.TRACKING, State.UNCERTAIN)
    assert pursue(supervisor, memory, 'g' * 30).state is State.TRACKING


@pytest.mark.parametrize('rate_hz', [2.0, 30.0])
def test_a_box_that_is_followed_on_is_never_lost_again(gone, rate_hz):
    decision = pursue(*gone, 'b' * 60, rate_hz)
    assert decision.state is State.UNCERTAIN and not decision.confirmed


def test_what_shows_something_else_on_each_image_is_never_confirmed(gone):
    assert pursue(*gone, 'g' * 60, continuity=0.1).state is State.UNCERTAIN
    assert pursue(*gone, 'g' * 60, continuity=0.9).state is State.TRACKING


@pytest.mark.parametrize(('least', 'comes_back'), [(0.0, True), (0.9, False)])
def test_a_box_in_other_colors_does_not_come_back_by_itself(least, comes_back):
    """The limit of what a search accepts holds here, too."""
    engine, film = lost(identity__min_return_color=least)
    paler = {'color': (38, 46, 212)}  # still followed, and another color to a histogram
    outputs = [engine.process(film.shoot(100, **paler))[0] for _ in range(30)]
    assert any(output.confirmed for output in outputs) is comes_back


def test_a_box_in_other_colors_is_not_the_one_that_was_confirmed_last():
    """Else the next box would be near enough to be confirmed on less evidence."""
    engine, film = lost(identity__min_return_color=0.9)
    paler = {'color': (38, 46, 212)}
    for _ in range(30):
        (output,) = engine.process(film.shoot(124, **paler))
    pursuit = engine.targets['red'].pursuit
    assert pursuit.state.box_xywh == pursuit.memory.box_xywh == (124, 100, SIDE, SIDE)
    assert pursuit.memory.state is State.TRACKING and output.state is State.SEARCHING
    assert (
        pursuit.memory.last_confirmed_xywh == output.last_confirmed_xywh == (100, 100, SIDE, SIDE)
    )
