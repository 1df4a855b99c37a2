"""The state machine, as a table of scenes; its invariants, for any input."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.supervisor import (
    Decision,
    Memory,
    Observation,
    Reason,
    State,
    Supervisor,
    SupervisorConfig,
)

IMAGE = (640, 480)
BOX = (300.0, 200.0, 40.0, 40.0)
CONFIG = SupervisorConfig(
    high_threshold=0.6, low_threshold=0.3, confirm_frames=2, confirm_s=0.03, settle_frames=6,
    settle_s=0.1, lost_frames=5, lost_s=0.12, uncertain_timeout_s=1.0, search_timeout_s=2.0,
)
SIGHTS = {  # what one letter of a scene stands for: confidence, second peak, box
    'g': (0.9, 0.1, BOX),
    'f': (0.45, 0.1, BOX),
    'r': (0.9, 0.88, BOX),  # a rival elsewhere is nearly as strong
    'b': (0.1, 0.0, BOX),
    'd': (0.9, 0.8, (345.0, 200.0, 40.0, 40.0)),  # it moves by its own width, towards a rival
    'm': (0.9, 0.1, (345.0, 200.0, 40.0, 40.0)),  # the same without a rival
    'j': (0.9, 0.1, (10.0, 10.0, 40.0, 40.0)),  # a jump across the image
    's': (0.9, 0.1, (280.0, 180.0, 160.0, 160.0)),  # four times the size
    'o': (0.9, 0.1, (639.5, 200.0, 0.5, 40.0)),  # a sliver at the border
}
SHORT = {
    'T': State.TRACKING, 'U': State.UNCERTAIN, 'L': State.LOST, 'S': State.SEARCHING,
    'I': State.IDLE,
}


def observe(letter: str, stamp_s: float) -> Observation:
    confidence, second_peak, box = SIGHTS[letter]
    return Observation(stamp_s, confidence, second_peak, box, IMAGE)


def play(
    scene: str, config: SupervisorConfig = CONFIG, rate_hz: float = 30.0, search: bool = False
) -> list[Decision]:
    """Decisions on a scene of one letter a frame, after a start at time 0."""
    supervisor = Supervisor(config, search)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    decisions = []
    for frame, letter in enumerate(scene, start=1):
        decisions.append(supervisor.step(memory, observe(letter, frame / rate_hz)))
        memory = decisions[-1].memory
    return decisions


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
        'IDLE', 'TRACKING', 'UNCERTAIN', 'LOST', 'SEARCHING',
    ]
    assert [reason.value for reason in Reason] == list(range(13))
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
    assert memory.search_box_xywh == (600.0, 200.0, 60.0, 50.0), 'its size, about the same centre'
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


def test_plausible_motion_is_per_second():
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    moved = (BOX[0] + 120.0, BOX[1], 40.0, 40.0)  # three box sizes
    fast = supervisor.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE))
    slow = supervisor.step(memory, Observation(1 / 5, 0.9, 0.0, moved, IMAGE))
    assert fast.reason is Reason.IMPLAUSIBLE_MOTION and slow.believed
    unchecked = Supervisor(replace(CONFIG, max_speed=0.0))
    assert unchecked.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE)).believed


def test_plausible_motion_is_relative_to_the_box():
    supervisor = Supervisor(CONFIG)
    big = (100.0, 100.0, 200.0, 200.0)
    memory = supervisor.start(0.0, big, IMAGE).memory
    moved = (220.0, 100.0, 200.0, 200.0)
    assert supervisor.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE)).believed


def test_a_box_cut_by_the_border_may_change_its_size():
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(0.0, (560.0, 200.0, 60.0, 60.0), IMAGE).memory
    for frame, width in enumerate((60.0, 40.0, 20.0, 10.0), start=1):
        box = (640.0 - width, 200.0, width, 60.0)
        decision = supervisor.step(memory, Observation(frame / 30, 0.9, 0.0, box, IMAGE))
        memory = decision.memory
        assert decision.believed
    box = (637.0, 200.0, 3.0, 60.0)
    decision = supervisor.step(memory, Observation(5 / 30, 0.9, 0.0, box, IMAGE))
    assert decision.reason is Reason.LEFT_IMAGE, '5 % of the size it had inside'


def test_low_confidence_half_out_of_the_image_has_left():
    supervisor = Supervisor(CONFIG)
    memory = supervisor.start(0.0, (570.0, 200.0, 60.0, 60.0), IMAGE).memory
    memory = supervisor.step(
        memory, Observation(0.03, 0.9, 0.0, (615.0, 200.0, 25.0, 60.0), IMAGE)
    ).memory
    decision = supervisor.step(memory, Observation(0.06, 0.1, 0.0, BOX, IMAGE))
    assert decision.reason is Reason.LEFT_IMAGE


def test_an_empty_box_has_left_whatever_the_limits():
    supervisor = Supervisor(replace(CONFIG, min_visible=0.0))
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    seen = Observation(0.03, 0.9, 0.0, (640.0, 100.0, 0.0, 40.0), IMAGE)
    assert supervisor.step(memory, seen).reason is Reason.LEFT_IMAGE


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


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('high_threshold', 1.5), ('low_threshold', -0.1), ('high_threshold', math.nan),
        ('confirm_frames', 0), ('lost_frames', 2.5), ('lost_s', -1.0), ('max_speed', math.inf),
        ('believe_uncertain', 1), ('stale_after_s', 0.0), ('settle_frames', True),
    ],
)
def test_config_names_field_and_value(field, value):
    with pytest.raises(ValueError, match=f'{field} is {value!r}'):
        SupervisorConfig(**{field: value})


def test_config_refuses_thresholds_the_wrong_way_round():
    with pytest.raises(ValueError, match='low_threshold is 0.7, must not exceed high_threshold'):
        SupervisorConfig(low_threshold=0.7, high_threshold=0.6)


def test_every_parameter_describes_itself():
    for item in fields(SupervisorConfig):
        assert item.metadata['description'], item.name


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'confidence': math.nan}, 'confidence is nan'),
        ({'confidence': 1.01}, 'confidence is 1.01'),
        ({'second_peak': math.nan}, 'second_peak is nan'),
        ({'stamp_s': math.inf}, 'stamp_s is inf'),
        ({'box_xywh': (0.0, 0.0, math.nan, 1.0)}, 'box_xywh is'),
        ({'box_xywh': (0.0, 0.0, -1.0, 1.0)}, 'box_xywh is'),
        ({'box_xywh': (1e12, 0.0, 1.0, 1.0)}, 'box_xywh is'),
        ({'image_size': (0, 480)}, 'image_size is'),
    ],
)
def test_observation_refuses_what_is_no_answer(change, message):
    good = {
        'stamp_s': 0.0, 'confidence': 0.5, 'second_peak': 0.1, 'box_xywh': BOX,
        'image_size': IMAGE,
    }
    with pytest.raises(ValueError, match=message):
        Observation(**{**good, **change})


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 10.0), (math.nan, 0.0, 5.0, 5.0)])
def test_start_refuses_a_box_that_is_none(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        Supervisor().start(0.0, box, IMAGE)


LEGAL = {
    State.TRACKING: {State.TRACKING, State.UNCERTAIN},
    State.UNCERTAIN: {State.UNCERTAIN, State.TRACKING, State.LOST},
    State.LOST: {State.LOST, State.SEARCHING},
    State.SEARCHING: {State.SEARCHING, State.LOST},
}
unit = st.floats(0.0, 1.0)
observations = st.builds(
    Observation,
    stamp_s=st.floats(0.0, 30.0) | st.sampled_from([0.0, 0.03, 0.06, 1e9]),
    confidence=unit | st.sampled_from([0.0, 0.29, 0.3, 0.6, 1.0]),
    second_peak=unit,
    box_xywh=st.tuples(
        st.floats(-700, 700), st.floats(-700, 700), st.floats(0, 900), st.floats(0, 900)
    ) | st.just(BOX),
    image_size=st.just(IMAGE) | st.just((320, 240)),
)
configs = st.builds(
    SupervisorConfig,
    high_threshold=st.floats(0.5, 1.0), low_threshold=st.floats(0.0, 0.5),
    confirm_frames=st.integers(1, 5), confirm_s=st.floats(0, 0.5),
    settle_frames=st.integers(1, 8), lost_frames=st.integers(1, 6), lost_s=st.floats(0, 0.5),
    uncertain_timeout_s=st.floats(0, 5), search_timeout_s=st.floats(0, 5),
    believe_uncertain=st.booleans(), max_speed=st.floats(0, 50), max_scale_rate=st.floats(0, 5),
    min_visible=unit, rival_ratio=st.floats(0, 2), stale_after_s=st.floats(0.01, 5),
)


def memories(
    config: SupervisorConfig, search: bool, seen: list[Observation]
) -> list[tuple[Memory, Observation, Decision]]:
    supervisor = Supervisor(config, search)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    steps = []
    for item in seen:
        decision = supervisor.step(memory, item)
        steps.append((memory, item, decision))
        memory = decision.memory
    return steps


@settings(max_examples=150, deadline=None)
@given(configs, st.booleans(), st.lists(observations, max_size=25))
def test_invariants(config, search, seen):
    bad_since_good = 0
    for before, item, decision in memories(config, search, seen):
        assert decision.state in LEGAL[before.state]
        assert search or decision.state is not State.SEARCHING
        changed = decision.state is not before.state
        assert changed or decision.reason is before.reason
        assert decision.reason not in (Reason.NONE, Reason.CLEARED, Reason.REACQUIRED)
        assert not changed or decision.memory.frames_in_state == 1
        assert decision.memory.frames_in_state >= 1 and decision.memory.lost_s >= 0.0
        if decision.believed:
            assert item.confidence >= config.low_threshold
            assert decision.accept_state
            uncertain = config.believe_uncertain and decision.state is State.UNCERTAIN
            assert decision.state is State.TRACKING or uncertain
            assert decision.memory.box_xywh == item.box_xywh
        if decision.state in (State.LOST, State.SEARCHING):
            assert not decision.accept_state and not decision.template_ok
            assert decision.memory.trusted_box_xywh == before.trusted_box_xywh
        if decision.template_ok:
            assert decision.state is State.TRACKING and item.confidence >= config.high_threshold
        bad_since_good = 0 if decision.accept_state else bad_since_good + 1
        if decision.state is State.LOST and before.state is State.UNCERTAIN:
            timed_out = decision.reason is Reason.TIMEOUT
            assert timed_out or decision.memory.bad.frames >= config.lost_frames
            assert timed_out or decision.memory.bad.seconds >= config.lost_s - 1e-6
        if before.state is State.UNCERTAIN and decision.state is State.TRACKING:
            counts = decision.memory
            assert counts.good.frames >= config.confirm_frames or (
                counts.settled.frames >= config.settle_frames
            )


@settings(max_examples=50, deadline=None)
@given(configs, st.booleans(), st.lists(observations, max_size=12))
def test_deterministic_and_without_memory_of_its_own(config, search, seen):
    first = memories(config, search, seen)
    assert first == memories(config, search, seen)
    for before, item, decision in reversed(first):  # in any order, also between other targets
        assert Supervisor(config, search).step(before, item) == decision
