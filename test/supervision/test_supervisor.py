"""The state machine, as a table of scenes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.state_scenes import BOX, CONFIG, IMAGE, MODEL, observe, play

from siamla_ros.supervision.supervisor import (
    EvidenceModel,
    Observation,
    Reason,
    State,
    Supervisor,
)

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
    ('rrrr', 'TTTT', Reason.INIT),  # a distractor alone does not end it
    ('gb', 'TU', Reason.LOW_CONFIDENCE),
    ('gbg', 'TUT', Reason.CONFIDENT),  # one bad frame is soon forgotten
    ('bffff', 'UTTTT', Reason.CONFIDENT),
    ('bbbbg', 'UUUUT', Reason.CONFIDENT),
    ('bbbbbg', 'UUUUUU', Reason.LOW_CONFIDENCE),  # after many, one good frame is not enough
    ('bbbbbgg', 'UUUUUUT', Reason.CONFIDENT),
    ('bbbbbbb', 'UUUUUUL', Reason.LOW_CONFIDENCE),
    ('bbbbbgb', 'UUUUUUU', Reason.LOW_CONFIDENCE),  # a good frame speaks for it
    ('bbbbbbbggg', 'UUUUUULLLL', Reason.LOW_CONFIDENCE),  # lost stays lost without help
    ('gj', 'TU', Reason.IMPLAUSIBLE_MOTION),
    ('gs', 'TU', Reason.IMPLAUSIBLE_SCALE),
    ('go', 'TU', Reason.LEFT_IMAGE),
    ('gooooo', 'TUUUUL', Reason.LEFT_IMAGE),
    ('gm', 'TT', Reason.INIT),
    ('gd', 'TU', Reason.DISTRACTOR),
    ('gdg', 'TUT', Reason.CONFIDENT),
    ('gjg', 'TUT', Reason.CONFIDENT),
]


@pytest.mark.parametrize(('scene', 'states', 'reason'), SCENES, ids=[row[0] for row in SCENES])
def test_scene(scene, states, reason):
    decisions = play(scene)
    assert [d.state for d in decisions] == [SHORT[letter] for letter in states]
    assert decisions[-1].reason is reason
    for letter, decision in zip(scene, decisions):
        assert decision.confirmed == (decision.state is State.TRACKING and letter not in 'bjsod')
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
    decisions = play('gbbbbbfb')
    assert [d.accept_state for d in decisions] == [True] * 7 + [False], 'the last one is LOST'
    assert [d.confirmed for d in decisions] == [True, *[False] * 7]
    assert [d.learn_appearance for d in decisions] == [True, *[False] * 7]
    assert decisions[-1].memory.last_confirmed_s == pytest.approx(1 / 30), 'last confirmed image'


def test_lost_keeps_the_last_confirmed_box():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    moved = (310.0, 200.0, 40.0, 40.0)
    memory = supervisor.step(memory, Observation(0.03, 0.9, 0.0, moved, IMAGE)).memory
    for frame in range(2, 9):
        drift = (320.0, 200.0, 40.0, 40.0)
        decision = supervisor.step(memory, Observation(0.03 * frame, 0.1, 0.0, drift, IMAGE))
        memory = decision.memory
        assert decision.accept_state is (decision.state is State.UNCERTAIN)
        assert not decision.confirmed
    assert decision.state is State.LOST
    assert memory.last_confirmed_xywh == moved and memory.last_confirmed_s == 0.03


@pytest.mark.parametrize('rate_hz', [5, 30, 60, 100])
def test_lost_needs_evidence_and_seconds(rate_hz):
    decisions = play('b' * 60, rate_hz=rate_hz)
    lost_at = [d.state for d in decisions].index(State.LOST) + 1
    assert decisions[lost_at - 1].memory.presence < MODEL.lost_below
    assert (lost_at - 1) / rate_hz >= CONFIG.lost_s
    assert lost_at / rate_hz <= max(0.3, 2 / rate_hz)


STRANGE = EvidenceModel(
    confidence_weight=1.0, second_peak_weight=-4.0, similarity_weight=6.0, color_weight=2.0,
    bias=-4.0, lost_below=-1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ('second_peak', 'confidence', 'ended'), [(0.0, 0.9, False), (0.8, 0.9, True), (0.0, 0.5, True)]
)
def test_appearance_alone_never_ends_a_track_but_with_other_evidence_it_does(
    second_peak, confidence, ended
):
    supervisor = Supervisor(CONFIG, model=STRANGE)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    states = []
    for frame in range(1, 40):
        seen = Observation(frame / 30, confidence, second_peak, BOX, IMAGE, 0.4, 0.3)
        memory = supervisor.step(memory, seen).memory
        states.append(memory.state)
    assert (State.LOST in states) is ended
    assert memory.reason is (Reason.DISTRACTOR if ended else Reason.INIT)


def test_a_target_lost_at_the_border_is_searched_for_in_its_full_size():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, (560.0, 200.0, 60.0, 50.0), IMAGE).memory
    assert memory.search_box_xywh == (560.0, 200.0, 60.0, 50.0)
    cut = (620.0, 200.0, 20.0, 50.0)
    memory = supervisor.step(memory, Observation(0.03, 0.9, 0.0, cut, IMAGE)).memory
    assert memory.last_confirmed_xywh == cut
    assert memory.search_box_xywh == (600.0, 200.0, 60.0, 50.0), 'its size, about the same center'
    inside = (580.0, 200.0, 50.0, 50.0)
    memory = supervisor.step(memory, Observation(0.06, 0.9, 0.0, inside, IMAGE)).memory
    assert memory.search_box_xywh == inside


@pytest.mark.parametrize(('timeout_s', 'ended'), [(1.0, True), (0.0, False)])
def test_uncertainty_that_goes_on_times_out(timeout_s, ended):
    config = replace(CONFIG, uncertain_timeout_s=timeout_s)
    supervisor = Supervisor(config, model=replace(MODEL, lost_below=-12.0))
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    states = []
    for frame in range(1, 60):
        memory = supervisor.step(memory, observe('b', frame / 30)).memory
        states.append(memory.state)
    assert State.TRACKING not in states
    assert (State.LOST in states) is ended
    if ended:
        assert memory.reason is Reason.TIMEOUT
        assert states.index(State.LOST) / 30.0 == pytest.approx(1.0, abs=0.05)


def test_search_begins_after_lost_and_ends_in_lost():
    decisions = play('b' * 80, search=True)
    states = [d.state for d in decisions]
    assert states[6:9] == [State.LOST, State.SEARCHING, State.SEARCHING]
    assert decisions[7].reason is Reason.LOW_CONFIDENCE, 'why it is lost'
    over = states.index(State.LOST, 7)
    assert (over - 6) / 30.0 == pytest.approx(2.0, abs=0.05)
    assert decisions[over].reason is Reason.TIMEOUT
    assert set(states[over:]) == {State.LOST}, 'no second search'


def test_switching_the_search_off_ends_it():
    memory = play('b' * 9, search=True)[-1].memory
    assert memory.state is State.SEARCHING
    assert Supervisor(CONFIG, search=False).tick(memory, 1.0).state is State.LOST


def test_reacquire_only_while_searching():
    supervisor = Supervisor(CONFIG, search=True, model=MODEL)
    memory = play('b' * 9, search=True)[-1].memory
    decision = supervisor.reacquire(memory, 1.0, (10.0, 10.0, 30.0, 30.0), IMAGE)
    assert (decision.state, decision.reason) == (State.TRACKING, Reason.REACQUIRED)
    assert decision.confirmed and decision.accept_state
    assert decision.memory.last_confirmed_xywh == (10.0, 10.0, 30.0, 30.0)
    for scene in ('g', 'gb', 'b' * 7):
        with pytest.raises(ValueError, match='must be SEARCHING'):
            supervisor.reacquire(play(scene, search=True)[-1].memory, 1.0, BOX, IMAGE)


def test_start_again_and_clear_from_any_state():
    supervisor = Supervisor(CONFIG, model=MODEL)
    for scene in ('g', 'gb', 'b' * 7):
        assert play(scene)[-1].memory.state is not State.IDLE
        decision = supervisor.start(9.0, BOX, IMAGE, again=True)
        assert (decision.state, decision.reason) == (State.TRACKING, Reason.REINITIALIZED)
    cleared = supervisor.clear()
    assert (cleared.state, cleared.reason, cleared.confirmed) == (State.IDLE, Reason.CLEARED, False)
    after = supervisor.step(cleared.memory, observe('g', 1.0))
    assert (after.state, after.confirmed, after.accept_state) == (State.IDLE, False, False)


@pytest.mark.parametrize('stamp_s', [-100.0, 100.0])
def test_break_in_the_stamps_suspends_belief_until_confirmed(stamp_s):
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = play('ggg')[-1].memory
    elsewhere = (20.0, 20.0, 60.0, 60.0)  # a bag that loops shows it anywhere
    first = supervisor.step(memory, Observation(stamp_s, 0.9, 0.0, elsewhere, IMAGE))
    assert (first.state, first.reason) == (State.UNCERTAIN, Reason.STALE)
    assert first.accept_state and not first.confirmed
    second = supervisor.step(
        first.memory, Observation(stamp_s + 1 / 30, 0.9, 0.0, elsewhere, IMAGE)
    )
    assert second.state is State.TRACKING and second.confirmed


def broken_off(supervisor, memory, how, elsewhere):
    """The memory after a break, and the size of the next images."""
    if how == 'paused':
        return supervisor.suspend(memory).memory, IMAGE
    size = (1280, 960) if how == 'size' else IMAGE
    stamp_s = memory.stamp_s + (60.0 if how == 'stamps' else 1 / 30)
    return supervisor.step(memory, Observation(stamp_s, 0.9, 0.0, elsewhere, size)).memory, size


@pytest.mark.parametrize('how', ['stamps', 'paused', 'size'])
@pytest.mark.parametrize('scene', ['ggg', 'ggb'])
def test_after_a_break_the_last_confirmed_box_says_nothing_whatever_the_state(how, scene):
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory, elsewhere = play(scene)[-1].memory, (20.0, 20.0, 60.0, 60.0)
    memory, size = broken_off(supervisor, memory, how, elsewhere)
    assert memory.state is State.UNCERTAIN
    states = []
    for _ in range(3):
        seen = Observation(memory.stamp_s + 1 / 30, 0.9, 0.0, elsewhere, size)
        memory = supervisor.step(memory, seen).memory
        states.append(memory.state)
    assert State.TRACKING in states[:2]
    for _ in range(2):
        bad = Observation(memory.stamp_s + 1 / 30, 0.1, 0.0, elsewhere, size)
        memory = supervisor.step(memory, bad).memory
    far = Observation(memory.stamp_s + 1 / 30, 0.9, 0.0, (110.0, 20.0, 60.0, 60.0), size)
    assert supervisor.step(memory, far).state is State.UNCERTAIN, 'now it says something again'


def test_change_of_image_size_suspends_belief():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = play('ggg')[-1].memory
    seen = Observation(4 / 30, 0.9, 0.0, (150.0, 100.0, 20.0, 20.0), (320, 240))
    decision = supervisor.step(memory, seen)
    assert (decision.state, decision.reason) == (State.UNCERTAIN, Reason.STALE)
    assert decision.memory.image_size == (320, 240)


@pytest.mark.parametrize('stamps', [[0.0] * 12, [-0.1 * k for k in range(12)], [5.0, 0.0] * 6])
def test_stamps_that_stand_or_run_back_do_not_break_the_hysteresis(stamps):
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(stamps[0], BOX, IMAGE).memory
    states = []
    for stamp in stamps:
        decision = supervisor.step(memory, observe('b', stamp))
        memory = decision.memory
        states.append(decision.state)
        assert not decision.confirmed
    assert 4 <= states.index(State.LOST) + 1 <= 8


def test_a_long_gap_does_not_time_a_target_out():
    supervisor = Supervisor(replace(CONFIG, uncertain_timeout_s=3.0), model=MODEL)
    memory = play('gb')[-1].memory
    decision = supervisor.step(memory, observe('g', 600.0))
    assert decision.state is State.UNCERTAIN and decision.accept_state
    assert supervisor.step(decision.memory, observe('g', 600.1)).state is State.TRACKING


def test_tick_ages_without_belief():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = play('g')[-1].memory
    decision = supervisor.tick(memory, 0.1)
    assert decision.state is State.TRACKING and not decision.confirmed
    assert not decision.accept_state and decision.memory.frames_in_state == 3
    assert supervisor.tick(memory, 50.0).reason is Reason.STALE
    doubtful = play('gb')[-1].memory
    for frame in range(3, 40):
        doubtful = supervisor.tick(doubtful, frame / 30).memory
    assert (doubtful.state, doubtful.reason) == (State.LOST, Reason.TIMEOUT)


def test_uncertain_boxes_are_confirmed_only_by_choice_and_never_when_bad():
    scene = 'gbfbrg'
    shown = [d.confirmed for d in play(scene, replace(CONFIG, publish_uncertain=True))]
    assert shown == [True, False, True, False, True, True]


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 10.0), (math.nan, 0.0, 5.0, 5.0)])
def test_start_refuses_a_box_that_is_none(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        Supervisor().start(0.0, box, IMAGE)
