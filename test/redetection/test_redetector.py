"""The bounded search and its proof, with a simulated tracker instead of a network."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from support.searches import CONFIG, IMAGE, LAST, RATE_HZ, Answer, Thing, probe, search
from support.searches import WINDOW as SEARCHED

from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.redetection.redetector import WINDOW, Redetector
from siamla_ros.supervision.supervisor import Observation, State, Supervisor, SupervisorConfig


@pytest.mark.parametrize(
    ('box', 'within'),
    [
        (LAST, 4),  # where it was
        ((330.0, 230.0, 40.0, 40.0), 4),
        ((400.0, 260.0, 40.0, 40.0), 16),  # the first ring
        ((20.0, 20.0, 40.0, 40.0), 30),  # far away
        ((590.0, 430.0, 40.0, 40.0), 30),
        ((300.0, 200.0, 64.0, 64.0), 8),  # nearer
        ((40.0, 380.0, 26.0, 26.0), 60),  # far away and smaller
    ],
)
def test_a_target_that_comes_back_is_found(box, within):
    frame, _, spent = search([Thing(box)])
    assert frame is not None and CONFIG.confirm_frames <= frame <= within
    assert max(spent) <= CONFIG.windows_per_image


def test_nothing_there_is_never_found_and_the_cost_is_bounded():
    frame, result, spent = search([], frames=200)
    assert frame is None and result.memory.hypotheses == ()
    assert max(spent) == CONFIG.windows_per_image and sum(spent) > 3.5 * 200


def test_local_mode_stays_near_and_off_asks_nothing():
    local, off = replace(CONFIG, mode='local'), replace(CONFIG, mode='off')
    assert search([Thing((330.0, 230.0, 40.0, 40.0))], config=local)[0] is not None
    assert search([Thing((20.0, 20.0, 40.0, 40.0))], config=local)[0] is None
    assert search([Thing((20.0, 20.0, 40.0, 40.0))], config=CONFIG)[0] is not None
    frame, result, spent = search([Thing(LAST)], config=off)
    assert (frame, result.memory.hypotheses, set(spent)) == (None, (), {0})


def test_the_windows_follow_the_predicted_motion():
    elsewhere = [Thing((420.0, 200.0, 40.0, 40.0))]
    only_here = replace(CONFIG, mode='local', rings=0)
    assert search(elsewhere, config=only_here)[0] is None
    assert search(elsewhere, config=only_here, velocity=(200.0, 0.0))[0] is not None


def test_a_weak_answer_is_a_candidate_but_never_accepted():
    frame, result, _ = search([Thing(LAST, score=0.5)])
    assert frame is None and result.memory.hypotheses


def test_two_alike_are_refused_until_one_goes():
    two = [Thing(LAST, 0.9), Thing((60.0, 60.0, 40.0, 40.0), 0.85)]
    # the rival must have been seen: the target comes back only after a round of the grid
    scene = {False: two[1:], True: two}
    strict = replace(CONFIG, confirm_frames=25)
    assert search(lambda frame: scene[frame > 10], config=strict, frames=60)[0] is None
    gone = search(lambda frame: two if frame <= 60 else two[:1], config=strict, frames=90)
    assert gone[0] is not None and gone[0] > 60
    weak = [two[0], replace(two[1], score=0.65)]
    assert search(weak, config=strict, frames=60)[0] is not None


def test_something_that_flickers_is_not_proven():
    frame, _, _ = search(lambda frame: [Thing(LAST)] if frame % 3 else [])
    assert frame is None


def test_something_that_jumps_about_is_not_proven():
    def things(frame: int) -> list[Thing]:
        return [Thing((240.0 + 120.0 * (frame % 2), 200.0, 40.0, 40.0))]

    assert search(things, frames=60)[0] is None


@pytest.mark.parametrize(
    ('frames', 'seconds', 'accepted_at'), [(1, 0.0, 1), (5, 0.0, 5), (1, 0.15, 6), (5, 0.15, 6)]
)
def test_proof_takes_exactly_its_frames_and_seconds(frames, seconds, accepted_at):
    config = replace(CONFIG, confirm_frames=frames, confirm_s=seconds)
    assert search([Thing(LAST)], config=config)[0] == accepted_at


def test_something_that_moves_on_is_proven():
    def things(frame: int) -> list[Thing]:
        return [Thing((300.0 + 12.0 * frame, 200.0, 40.0, 40.0))]

    assert search(things, frames=20)[0] is not None


@pytest.mark.parametrize('size', [8.0, 160.0])
def test_a_thing_of_a_wild_size_is_ignored(size):
    thing = Thing((320.0 - size / 2, 220.0 - size / 2, size, size), 1.0)
    redetector = Redetector(CONFIG, SEARCHED)
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03)
    result = redetector.evaluate(plan.memory, [Answer(thing.box_xywh, 1.0)] * len(plan.boxes_xywh))
    assert result == (None, replace(result.memory, hypotheses=()))


def test_who_looks_alike_is_not_accepted_however_confident_the_network_is():
    """The network says 0.9 of all; only recognition tells them apart."""
    required = []

    def chances(answers):
        required.append(len(answers))
        return [0.95 if answer.box_xywh == LAST else 0.3 for answer in answers]

    other = Thing((330.0, 330.0, 40.0, 40.0))
    assert search([other])[0] is not None, 'without recognition it is taken'
    assert search([other], verify=chances)[0] is None
    assert search([Thing(LAST)], verify=chances)[0] is not None
    assert max(required) <= 3


@pytest.mark.parametrize(
    ('displacement_penalty', 'near', 'far'), [(0.0, True, True), (0.8, True, False)]
)
def test_the_further_off_the_more_proof_is_asked(displacement_penalty, near, far):
    config = replace(CONFIG, displacement_penalty=displacement_penalty)
    for box, found in ((LAST, near), ((20.0, 20.0, 40.0, 40.0), far)):
        accepted, _, _ = search(
            [Thing(box)], config=config, verify=lambda answers: [0.8] * len(answers)
        )
        assert (accepted is not None) == found


@pytest.mark.parametrize(('chance', 'kept'), [(0.05, 0), (0.2, 1)])
def test_who_is_surely_somebody_else_keeps_no_window_from_the_search(chance, kept):
    redetector = Redetector(CONFIG, SEARCHED)
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03)
    found = probe([Thing(LAST)], plan.boxes_xywh)
    result = redetector.evaluate(plan.memory, found, lambda answers: [chance] * len(answers))
    assert len(result.memory.hypotheses) == kept


def test_a_colored_place_is_looked_at_at_once_in_a_global_search_alone():
    sight = (20.0, 20.0, 50.0, 50.0)
    for mode, seen in (('global', True), ('local', False)):
        redetector = Redetector(replace(CONFIG, mode=mode), SEARCHED)
        plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03, color_proposals=[sight])
        assert (sight in plan.boxes_xywh) == seen
        assert len(plan.boxes_xywh) <= CONFIG.windows_per_image


@pytest.mark.parametrize(('ms_per_window', 'windows'), [(0.0, 4), (5.0, 4), (10.0, 2), (99.0, 1)])
def test_the_time_budget_limits_the_windows(ms_per_window, windows):
    redetector = Redetector(replace(CONFIG, budget_ms=20.0), SEARCHED)
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03, ms_per_window)
    assert len(plan.boxes_xywh) == windows


def test_a_window_that_was_searched_before_is_of_the_same_budget():
    redetector = Redetector(replace(CONFIG, budget_ms=20.0), SEARCHED)
    assert [redetector.affordable(5.0, searched) for searched in (0, 1, 4)] == [4, 3, 1]
    assert redetector.affordable(0.0, 1) == 4, 'what a window costs is not known yet'
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03, 10.0, searched=1)
    assert len(plan.boxes_xywh) == 1


def test_one_window_an_image_is_enough():
    assert search([Thing(LAST)], config=replace(CONFIG, windows_per_image=1))[0] is not None


@pytest.mark.parametrize('stamps', [[0.0] * 20, [-0.1 * k for k in range(20)]])
def test_stamps_that_stand_or_run_back_still_let_a_target_be_proven(stamps):
    redetector = Redetector(CONFIG, SEARCHED)
    memory = redetector.begin(LAST, 0.0)
    outcomes = []
    for stamp in stamps:
        plan = redetector.propose(memory, IMAGE, stamp)
        result = redetector.evaluate(plan.memory, probe([Thing(LAST)], plan.boxes_xywh))
        memory = result.memory
        outcomes.append(result.index is not None)
    assert outcomes.index(True) <= 5


def test_a_new_image_size_forgets_the_candidates():
    redetector = Redetector(CONFIG, SEARCHED)
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03)
    memory = redetector.evaluate(plan.memory, probe([Thing(LAST)], plan.boxes_xywh)).memory
    assert memory.hypotheses
    assert not redetector.propose(memory, (320, 240), 0.06).memory.hypotheses


def test_the_loop_with_the_supervisor_from_loss_to_reacquisition():
    supervisor = Supervisor(SupervisorConfig(), search=True)
    redetector = Redetector(CONFIG, SEARCHED)
    memory = supervisor.start(0.0, LAST, IMAGE).memory
    states, looking, box = [], None, LAST
    for frame in range(1, 80):
        stamp = frame / RATE_HZ
        place = LAST if frame < 10 else (60.0, 300.0, 44.0, 44.0)
        scene = [] if 10 <= frame < 50 else [Thing(place)]
        if memory.state in (State.LOST, State.SEARCHING):
            decision = supervisor.tick(memory, stamp)
            looking = looking or redetector.begin(memory.search_box_xywh, stamp)
            plan = redetector.propose(looking, IMAGE, stamp)
            found = probe(scene, plan.boxes_xywh)
            result = redetector.evaluate(plan.memory, found)
            looking = result.memory
            if result.index is not None:
                box = found[result.index].box_xywh
                decision = supervisor.reacquire(decision.memory, stamp, box, IMAGE)
        else:
            answer = probe(scene, [box])[0]
            seen = Observation(stamp, answer.confidence, 0.0, answer.box_xywh, IMAGE)
            decision = supervisor.step(memory, seen)
            if decision.accept_state:
                box = answer.box_xywh
        memory = decision.memory
        states.append(decision.state)
        assert not (decision.confirmed and not scene), 'belief in nothing'
    assert states[9] is State.UNCERTAIN and states[-1] is State.TRACKING
    assert State.SEARCHING in states and box == (60.0, 300.0, 44.0, 44.0)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('mode', 'everywhere'),
        ('windows_per_image', 0),
        ('windows_per_image', 2.0),
        ('accept_threshold', math.nan),
        ('rings', -1),
    ],
)
def test_config_names_field_and_value(field, value):
    with pytest.raises(ValueError, match=f'{field} is {value!r}'):
        RedetectionConfig(**{field: value})


def test_config_refuses_a_hint_above_acceptance():
    with pytest.raises(ValueError, match='hint_threshold is 0.99, must not exceed'):
        RedetectionConfig(hint_threshold=0.99)


def test_every_parameter_describes_itself():
    assert all(item.metadata['description'] for item in fields(RedetectionConfig))


@pytest.mark.parametrize('confidence', [math.nan, -0.1, 1.1])
def test_a_confidence_that_is_none_is_refused(confidence):
    redetector = Redetector(CONFIG, SEARCHED)
    plan = redetector.propose(redetector.begin(LAST, 0.0), IMAGE, 0.03)
    with pytest.raises(ValueError, match='confidence of result 1 is'):
        redetector.evaluate(plan.memory, [Answer(LAST, 0.5), Answer(LAST, confidence)])


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 9.0), (math.nan, 0.0, 9.0, 9.0)])
def test_begin_refuses_a_box_that_is_none(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        Redetector(CONFIG, SEARCHED).begin(box, 0.0)


def test_default_windows_are_those_of_the_shipped_network():
    from siamla_ros.model.checkpoint import read_checkpoint

    assert read_checkpoint('default').model.search_context == WINDOW
