"""The state machine, as a table of scenes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.state_scenes import BOX, CONFIG, IMAGE, observe, play

from siamla_ros.supervision.supervisor import Observation, Reason, State, Supervisor

SHORT = {
    'T': State.TRACKING,
    'U': State.UNCERTAIN,
    'L': State.LOST,
    'S': State.SEARCHING,
    'I': State.IDLE,
}
SCENES = [
    # scene, states, reason of the last state
    ('gggg', 'TTTT', Reason.INIT),
    ('fffffffff', 'TTTTTTTTT', Reason.INIT),  # staying needs only the low threshold
    ('rrrr', 'TTTT', Reason.INIT),
    ('gb', 'TU', Reason.LOW_CONFIDENCE),
    ('gbg', 'TUU', Reason.LOW_CONFIDENCE),  # one good frame is no proof
    ('gbgg', 'TUUT', Reason.CONFIDENT),
    ('gbgbgg', 'TUUUUT', Reason.CONFIDENT),
    ('bffffff', 'UUUUUUT', Reason.CONFIDENT),  # settled
    ('brrrrrr', 'UUUUUUT', Reason.CONFIDENT),  # a rival only delays
    ('bfffbffffff', 'UUUUUUUUUUT', Reason.CONFIDENT),  # settling starts anew
    ('bbbbb', 'UUUUL', Reason.LOW_CONFIDENCE),
    ('bbbbgb', 'UUUUUU', Reason.LOW_CONFIDENCE),  # a good frame forgives
    ('bbfbbbb', 'UUUUUUL', Reason.LOW_CONFIDENCE),  # a fair one takes off only one
    ('bbbbbggg', 'UUUULLLL', Reason.LOW_CONFIDENCE),  # lost stays lost without help
    ('gj', 'TU', Reason.IMPLAUSIBLE_MOTION),
    ('gs', 'TU', Reason.IMPLAUSIBLE_SCALE),
    ('go', 'TU', Reason.LEFT_IMAGE),
    ('gooooo', 'TUUUUL', Reason.LEFT_IMAGE),
    ('gm', 'TT', Reason.INIT),
    ('gd', 'TU', Reason.DISTRACTOR),
    ('gdgg', 'TUUT', Reason.CONFIDENT),
    ('gjg', 'TUU', Reason.IMPLAUSIBLE_MOTION),
    ('gjgg', 'TUUT', Reason.CONFIDENT),
]


@pytest.mark.parametrize(('scene', 'states', 'reason'), SCENES, ids=[row[0] for row in SCENES])
def test_scene(scene, states, reason):
    decisions = play(scene)
    assert [d.state for d in decisions] == [SHORT[letter] for letter in states]
    assert decisions[-1].reason is reason
    for letter, decision in zip(scene, decisions):
        assert decision.believed == (decision.state is State.TRACKING and letter not in 'bjsod')
        assert decision.memory.state is decision.state
        assert decision.memory.reason is decision.reason


def test_values_are_those_of_the_message():
    assert [state.name for state in sorted(State)] == [
        'IDLE',
        'TRACKING',
        'UNCERTAIN',
        'LOST',
        'SEARCHING',
    ]
    assert [reason.value for reason in Reason] == list(range(14))
    assert Reason.STALE == 12 and Reason.LEFT_IMAGE == 7 and Reason.REINITIALIZED == 10


def test_box_follows_in_uncertain_but_template_stays():
    decisions = play('gbfrb')
    assert [d.accept_state for d in decisions] == [True, False, True, True, False]
    assert [d.template_ok for d in decisions] == [True, False, False, False, False]
    assert decisions[-1].memory.trusted_stamp_s == pytest.approx(1 / 30), 'the last believed image'


def test_lost_keeps_the_last_trusted_box():
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    moved = (310.0, 200.0, 40.0, 40.0)
    memory = supervisor.step(memory, Observation(0.03, 0.9, 0.0, moved, IMAGE)).memory
    for frame in range(2, 9):
        drift = (320.0, 200.0, 40.0, 40.0)
        decision = supervisor.step(memory, Observation(0.03 * frame, 0.1, 0.0, drift, IMAGE))
        memory = decision.memory
        assert not decision.accept_state
    assert decision.state is State.LOST
    assert memory.trusted_box_xywh == moved and memory.trusted_stamp_s == 0.03


@pytest.mark.parametrize(('rate_hz', 'lost_at'), [(5, 5), (30, 5), (60, 9), (100, 13)])
def test_lost_needs_frames_and_seconds(rate_hz, lost_at):
    states = [d.state for d in play('b' * 20, rate_hz=rate_hz)]
    assert states.index(State.LOST) + 1 == lost_at


@pytest.mark.parametrize(('rate_hz', 'back_at'), [(5, 3), (30, 3), (200, 8)])
def test_confirmation_needs_frames_and_seconds(rate_hz, back_at):
    states = [d.state for d in play('b' + 'g' * 12, rate_hz=rate_hz)]
    assert states.index(State.TRACKING) + 1 == back_at


def test_only_a_bad_frame_declares_a_loss():
    states = [d.state for d in play('b' * 12 + 'f' + 'b', rate_hz=100)]
    assert states[-2:] == [State.UNCERTAIN, State.LOST], 'the seconds were up on the fair one'


def test_a_target_lost_at_the_border_is_searched_for_in_its_full_size():
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(0.0, (560.0, 200.0, 60.0, 50.0), IMAGE).memory
    assert memory.search_box_xywh == (560.0, 200.0, 60.0, 50.0)
    cut = (620.0, 200.0, 20.0, 50.0)
    memory = supervisor.step(memory, Observation(0.03, 0.9, 0.0, cut, IMAGE)).memory
    assert memory.trusted_box_xywh == cut
    assert memory.search_box_xywh == (600.0, 200.0, 60.0, 50.0), 'its size, about the same center'
    inside = (580.0, 200.0, 50.0, 50.0)
    memory = supervisor.step(memory, Observation(0.06, 0.9, 0.0, inside, IMAGE)).memory
    assert memory.search_box_xywh == inside


def test_doubt_that_goes_on_times_out():
    decisions = play('bfbf' * 12)
    assert State.TRACKING not in [d.state for d in decisions]
    assert decisions[-1].state is State.LOST and decisions[-1].reason is Reason.TIMEOUT
    entered = [d.state for d in decisions].index(State.LOST)
    assert entered / 30.0 == pytest.approx(1.0, abs=0.05)
    assert play('bfbf' * 12, replace(CONFIG, uncertain_timeout_s=0.0))[-1].state is State.UNCERTAIN


def test_search_begins_after_lost_and_ends_in_lost():
    decisions = play('b' * 80, search=True)
    states = [d.state for d in decisions]
    assert states[4:7] == [State.LOST, State.SEARCHING, State.SEARCHING]
    assert decisions[5].reason is Reason.LOW_CONFIDENCE, 'why it is lost'
    over = states.index(State.LOST, 5)
    assert (over - 4) / 30.0 == pytest.approx(2.0, abs=0.05)
    assert decisions[over].reason is Reason.TIMEOUT
    assert set(states[over:]) == {State.LOST}, 'no second search'


def test_switching_the_search_off_ends_it():
    memory = play('b' * 7, search=True)[-1].memory
    assert memory.state is State.SEARCHING
    assert Supervisor(CONFIG, search=False).tick(memory, 1.0).state is State.LOST


def test_reacquire_only_while_searching():
    supervisor = Supervisor(CONFIG, search=True)
    memory = play('b' * 7, search=True)[-1].memory
    decision = supervisor.reacquire(memory, 1.0, (10.0, 10.0, 30.0, 30.0), IMAGE)
    assert (decision.state, decision.reason) == (State.TRACKING, Reason.REACQUIRED)
    assert decision.believed and decision.accept_state
    assert decision.memory.trusted_box_xywh == (10.0, 10.0, 30.0, 30.0)
    for scene in ('g', 'gb', 'bbbbb'):
        with pytest.raises(ValueError, match='must be SEARCHING'):
            supervisor.reacquire(play(scene, search=True)[-1].memory, 1.0, BOX, IMAGE)


def test_start_again_and_clear_from_any_state():
    supervisor = Supervisor(CONFIG)
    for scene in ('g', 'gb', 'bbbbb'):
        assert play(scene)[-1].memory.state is not State.IDLE
        decision = supervisor.start(9.0, BOX, IMAGE, again=True)
        assert (decision.state, decision.reason) == (State.TRACKING, Reason.REINITIALIZED)
    cleared = supervisor.clear()
    assert (cleared.state, cleared.reason, cleared.believed) == (State.IDLE, Reason.CLEARED, False)
    after = supervisor.step(cleared.memory, observe('g', 1.0))
    assert (after.state, after.believed, after.accept_state) == (State.IDLE, False, False)


@pytest.mark.parametrize('stamp_s', [-100.0, 100.0])
def test_break_in_the_stamps_suspends_belief_until_confirmed(stamp_s):
    supervisor = Supervisor(CONFIG)
    memory = play('ggg')[-1].memory
    elsewhere = (20.0, 20.0, 60.0, 60.0)  # a bag that loops shows it anywhere
    first = supervisor.step(memory, Observation(stamp_s, 0.9, 0.0, elsewhere, IMAGE))
    assert (first.state, first.reason) == (State.UNCERTAIN, Reason.STALE)
    assert first.accept_state and not first.believed
    second = supervisor.step(
        first.memory, Observation(stamp_s + 1 / 30, 0.9, 0.0, elsewhere, IMAGE)
    )
    assert second.state is State.TRACKING and second.believed


def test_change_of_image_size_suspends_belief():
    supervisor = Supervisor(CONFIG)
    memory = play('ggg')[-1].memory
    seen = Observation(4 / 30, 0.9, 0.0, (150.0, 100.0, 20.0, 20.0), (320, 240))
    decision = supervisor.step(memory, seen)
    assert (decision.state, decision.reason) == (State.UNCERTAIN, Reason.STALE)
    assert decision.memory.image_size == (320, 240)


@pytest.mark.parametrize('stamps', [[0.0] * 12, [-0.1 * k for k in range(12)], [5.0, 0.0] * 6])
def test_stamps_that_stand_or_run_back_do_not_break_the_hysteresis(stamps):
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(stamps[0], BOX, IMAGE).memory
    states = []
    for stamp in stamps:
        decision = supervisor.step(memory, observe('b', stamp))
        memory = decision.memory
        states.append(decision.state)
        assert not decision.believed
    assert 4 <= states.index(State.LOST) + 1 <= 6


def test_a_long_gap_does_not_time_a_target_out():
    supervisor = Supervisor(replace(CONFIG, uncertain_timeout_s=3.0))
    memory = play('gb')[-1].memory
    decision = supervisor.step(memory, observe('g', 600.0))
    assert decision.state is State.UNCERTAIN and decision.accept_state
    assert supervisor.step(decision.memory, observe('g', 600.1)).state is State.TRACKING


def test_tick_ages_without_belief():
    supervisor = Supervisor(CONFIG)
    memory = play('g')[-1].memory
    decision = supervisor.tick(memory, 0.1)
    assert decision.state is State.TRACKING and not decision.believed
    assert not decision.accept_state and decision.memory.frames_in_state == 3
    assert supervisor.tick(memory, 50.0).reason is Reason.STALE
    doubtful = play('gb')[-1].memory
    for frame in range(3, 40):
        doubtful = supervisor.tick(doubtful, frame / 30).memory
    assert (doubtful.state, doubtful.reason) == (State.LOST, Reason.TIMEOUT)


def test_uncertain_boxes_are_believed_only_by_choice_and_never_when_bad():
    scene = 'gbfbrg'
    shown = [d.believed for d in play(scene, replace(CONFIG, believe_uncertain=True))]
    assert shown == [True, False, True, False, True, True]


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 10.0), (math.nan, 0.0, 5.0, 5.0)])
def test_start_refuses_a_box_that_is_none(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        Supervisor().start(0.0, box, IMAGE)
