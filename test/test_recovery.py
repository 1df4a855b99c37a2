"""The bounded search and its proof, with a simulated tracker instead of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros import boxes
from siamla_ros.candidates import LOOKS, Candidate, Hit, log_odds, look_again
from siamla_ros.recovery import Outcome, Recovery, RecoveryConfig, RecoveryMemory, Verdict
from siamla_ros.search_windows import grid, ring
from siamla_ros.supervisor import Observation, State, Supervisor, SupervisorConfig

IMAGE = (640, 480)
LAST = (300.0, 200.0, 40.0, 40.0)
CONFIG = RecoveryConfig(
    mode='global', crops_per_frame=4, accept_threshold=0.6, hint_threshold=0.3, confirm_frames=3,
    confirm_s=0.05, rival_ratio=0.8, place_doubt=0.0, rings=2, frames_per_ring=4, window=4.0,
)
RATE_HZ = 30.0


@dataclass(frozen=True)
class Answer:
    box_xywh: tuple[float, float, float, float]
    confidence: float


@dataclass(frozen=True)
class Thing:
    """Something in the scene that looks like the target; `score` is how much."""

    box_xywh: tuple[float, float, float, float]
    score: float = 0.9


def probe(things: list[Thing], windows, window: float = 4.0) -> list[Answer]:
    """What a tracker would answer: the likest thing within each window, at a fitting scale."""
    answers = []
    for box in windows:
        cx, cy = boxes.center(box)
        best = Answer(tuple(box), 0.05)
        for thing in things:
            x, y, w, h = thing.box_xywh
            held = abs(x + w / 2 - cx) + w / 2 <= box[2] * window / 2 and (
                abs(y + h / 2 - cy) + h / 2 <= box[3] * window / 2
            )
            misfit = abs(math.log(math.sqrt(w * h / (box[2] * box[3]))))
            confidence = thing.score * max(0.0, 1.0 - 0.4 * misfit)
            if held and confidence > best.confidence:
                best = Answer(thing.box_xywh, confidence)
        answers.append(best)
    return answers


def search(
    things, frames: int = 60, config: RecoveryConfig = CONFIG, velocity=(0.0, 0.0), last=LAST,
    recognise=None,
) -> tuple[int | None, Verdict, list[int]]:
    """(image of acceptance or None, last verdict, number of windows on each image).

    things: a list, or a function of the frame number that gives one.
    """
    recovery = Recovery(config)
    memory = recovery.begin(last, 0.0, velocity)
    spent, verdict = [], Verdict(Outcome.NOTHING, None, memory)
    for frame in range(1, frames + 1):
        plan = recovery.plan(memory, IMAGE, frame / RATE_HZ)
        spent.append(len(plan.boxes_xywh))
        scene = things(frame) if callable(things) else things
        found = probe(scene, plan.boxes_xywh, config.window)
        verdict = recovery.judge(plan.memory, found, recognise)
        memory = verdict.memory
        if verdict.outcome is Outcome.ACCEPTED:
            assert found[verdict.index].confidence >= config.hint_threshold
            assert verdict.memory.candidates == ()
            return frame, verdict, spent
    return None, verdict, spent


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
    assert max(spent) <= CONFIG.crops_per_frame


def test_nothing_there_is_never_found_and_the_cost_is_bounded():
    frame, verdict, spent = search([], frames=200)
    assert frame is None and verdict.outcome is Outcome.NOTHING
    assert max(spent) == CONFIG.crops_per_frame and sum(spent) > 3.5 * 200


def test_local_mode_stays_near_and_off_asks_nothing():
    local, off = replace(CONFIG, mode='local'), replace(CONFIG, mode='off')
    assert search([Thing((330.0, 230.0, 40.0, 40.0))], config=local)[0] is not None
    assert search([Thing((20.0, 20.0, 40.0, 40.0))], config=local)[0] is None
    assert search([Thing((20.0, 20.0, 40.0, 40.0))], config=CONFIG)[0] is not None
    frame, verdict, spent = search([Thing(LAST)], config=off)
    assert (frame, verdict.outcome, set(spent)) == (None, Outcome.NOTHING, {0})


def test_the_windows_follow_the_predicted_motion():
    elsewhere = [Thing((420.0, 200.0, 40.0, 40.0))]
    only_here = replace(CONFIG, mode='local', rings=0)
    assert search(elsewhere, config=only_here)[0] is None
    assert search(elsewhere, config=only_here, velocity=(200.0, 0.0))[0] is not None


def test_a_weak_answer_is_a_candidate_but_never_accepted():
    frame, verdict, _ = search([Thing(LAST, score=0.5)])
    assert frame is None and verdict.outcome is Outcome.CANDIDATE


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


KNOWN = Candidate(LAST, 0.9, log_odds(0.9), looks=5, proven_frames=5, proven_s=0.2)


def again(box, chance, interval_s=1 / RATE_HZ, known=KNOWN) -> Candidate:
    return look_again(Hit(0, Answer(box, 0.9), known), chance, log_odds(0.6), interval_s)


def test_a_candidate_that_jumps_is_proven_anew():
    near = again((310.0, 205.0, 40.0, 40.0), 0.9)
    assert (near.proven_frames, near.proven_s) == (6, pytest.approx(0.2 + 1 / RATE_HZ))
    far = again((400.0, 200.0, 40.0, 40.0), 0.9)
    assert (far.looks, far.proven_frames, far.proven_s) == (1, 1, 0.0)
    slow = again((400.0, 200.0, 40.0, 40.0), 0.9, 0.5)
    assert slow.proven_frames == 6, 'half a second is time enough to get there'


@pytest.mark.parametrize(
    ('chances', 'proven'),
    [
        ([0.9], 6),
        ([0.5], 6),  # one doubtful look is outweighed by five good ones
        ([0.2, 0.2, 0.2, 0.2, 0.2], 0),  # a habit of doubt is not
        ([0.0001], 0),  # nor is one look that shows something else
        ([0.0001, 0.2, 0.2, 0.9], 0),
    ],
)
def test_proof_is_the_mean_of_the_looks(chances, proven):
    candidate = KNOWN
    for chance in chances:
        candidate = again(LAST, chance, known=candidate)
    assert candidate.proven_frames == proven


def test_old_looks_fade():
    candidate = replace(KNOWN, looks=1000)
    for _ in range(3 * LOOKS):
        candidate = again(LAST, 0.2, known=candidate)
    assert candidate.log_odds == pytest.approx(log_odds(0.2), abs=0.3)


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
    recovery = Recovery(CONFIG)
    plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03)
    verdict = recovery.judge(plan.memory, [Answer(thing.box_xywh, 1.0)] * len(plan.boxes_xywh))
    assert verdict.outcome is Outcome.NOTHING


def test_who_looks_alike_is_not_accepted_however_confident_the_network_is():
    """The network says 0.9 of all; only recognition tells them apart."""
    asked = []

    def chances(answers):
        asked.append(len(answers))
        return [0.95 if answer.box_xywh == LAST else 0.3 for answer in answers]

    other = Thing((330.0, 330.0, 40.0, 40.0))
    assert search([other])[0] is not None, 'without recognition it is taken'
    assert search([other], recognise=chances)[0] is None
    assert search([Thing(LAST)], recognise=chances)[0] is not None
    assert max(asked) <= 3


@pytest.mark.parametrize(('place_doubt', 'near', 'far'), [(0.0, True, True), (0.8, True, False)])
def test_the_further_off_the_more_proof_is_asked(place_doubt, near, far):
    config = replace(CONFIG, place_doubt=place_doubt)
    for box, found in ((LAST, near), ((20.0, 20.0, 40.0, 40.0), far)):
        accepted, _, _ = search(
            [Thing(box)], config=config, recognise=lambda answers: [0.8] * len(answers)
        )
        assert (accepted is not None) == found


@pytest.mark.parametrize(('chance', 'kept'), [(0.05, 0), (0.2, 1)])
def test_who_is_surely_somebody_else_keeps_no_window_from_the_search(chance, kept):
    recovery = Recovery(CONFIG)
    plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03)
    found = probe([Thing(LAST)], plan.boxes_xywh)
    verdict = recovery.judge(plan.memory, found, lambda answers: [chance] * len(answers))
    assert len(verdict.memory.candidates) == kept


def test_a_coloured_place_is_looked_at_at_once_in_a_global_search_alone():
    sight = (20.0, 20.0, 50.0, 50.0)
    for mode, seen in (('global', True), ('local', False)):
        recovery = Recovery(replace(CONFIG, mode=mode))
        plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03, sights=[sight])
        assert (sight in plan.boxes_xywh) == seen
        assert len(plan.boxes_xywh) <= CONFIG.crops_per_frame


@pytest.mark.parametrize(('ms_per_crop', 'windows'), [(0.0, 4), (5.0, 4), (10.0, 2), (99.0, 1)])
def test_the_time_budget_limits_the_windows(ms_per_crop, windows):
    recovery = Recovery(replace(CONFIG, budget_ms=20.0))
    plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03, ms_per_crop)
    assert len(plan.boxes_xywh) == windows


def test_one_window_an_image_is_enough():
    assert search([Thing(LAST)], config=replace(CONFIG, crops_per_frame=1))[0] is not None


@pytest.mark.parametrize('stamps', [[0.0] * 20, [-0.1 * k for k in range(20)]])
def test_stamps_that_stand_or_run_back_still_let_a_target_be_proven(stamps):
    recovery = Recovery(CONFIG)
    memory = recovery.begin(LAST, 0.0)
    outcomes = []
    for stamp in stamps:
        plan = recovery.plan(memory, IMAGE, stamp)
        verdict = recovery.judge(plan.memory, probe([Thing(LAST)], plan.boxes_xywh))
        memory = verdict.memory
        outcomes.append(verdict.outcome)
    assert outcomes.index(Outcome.ACCEPTED) <= 5


def test_a_new_image_size_forgets_the_candidates():
    recovery = Recovery(CONFIG)
    plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03)
    memory = recovery.judge(plan.memory, probe([Thing(LAST)], plan.boxes_xywh)).memory
    assert memory.candidates
    assert not recovery.plan(memory, (320, 240), 0.06).memory.candidates


def test_the_loop_with_the_supervisor_from_loss_to_reacquisition():
    supervisor = Supervisor(SupervisorConfig(), search=True)
    recovery = Recovery(CONFIG)
    memory = supervisor.start(0.0, LAST, IMAGE).memory
    states, looking, box = [], None, LAST
    for frame in range(1, 80):
        stamp = frame / RATE_HZ
        place = LAST if frame < 10 else (60.0, 300.0, 44.0, 44.0)
        scene = [] if 10 <= frame < 50 else [Thing(place)]
        if memory.state in (State.LOST, State.SEARCHING):
            decision = supervisor.tick(memory, stamp)
            looking = looking or recovery.begin(memory.search_box_xywh, stamp)
            plan = recovery.plan(looking, IMAGE, stamp)
            found = probe(scene, plan.boxes_xywh)
            verdict = recovery.judge(plan.memory, found)
            looking = verdict.memory
            if verdict.outcome is Outcome.ACCEPTED:
                box = found[verdict.index].box_xywh
                decision = supervisor.reacquire(decision.memory, stamp, box, IMAGE)
        else:
            answer = probe(scene, [box])[0]
            seen = Observation(stamp, answer.confidence, 0.0, answer.box_xywh, IMAGE)
            decision = supervisor.step(memory, seen)
            if decision.accept_state:
                box = answer.box_xywh
        memory = decision.memory
        states.append(decision.state)
        assert not (decision.believed and not scene), 'belief in nothing'
    assert states[9] is State.UNCERTAIN and states[-1] is State.TRACKING
    assert State.SEARCHING in states and box == (60.0, 300.0, 44.0, 44.0)


@pytest.mark.parametrize('aspect', [(40.0, 40.0), (20.0, 60.0), (120.0, 15.0), (300.0, 300.0)])
@pytest.mark.parametrize('image_size', [(640, 480), (320, 200), (1920, 1080)])
def test_grid_holds_a_target_wherever_it_is(aspect, image_size):
    w, h = aspect
    windows = grid((10.0, 10.0, w, h), image_size, 4.0, most=10_000)
    for x in range(0, max(int(image_size[0] - w), 1), 17):
        for y in range(0, max(int(image_size[1] - h), 1), 17):
            held = any(
                abs(x + w / 2 - cx) <= 1.5 * w + 1e-6 and abs(y + h / 2 - cy) <= 1.5 * h + 1e-6
                for cx, cy in map(boxes.center, windows)
            )
            assert held, (x, y)


def test_grid_grows_coarser_before_it_grows_longer():
    fine, coarse = (grid((0.0, 0.0, 20.0, 20.0), IMAGE, 4.0, most) for most in (1000, 40))
    assert len(fine) > 100 and len(coarse) <= 40
    assert coarse[0][2] > fine[0][2] == 20.0
    assert coarse[0][2] <= 50.0
    tiny = grid((0.0, 0.0, 5.0, 5.0), IMAGE, 4.0, most=40)
    assert len(tiny) > 40 and tiny[0][2] == 12.5, 'never too coarse to recognise'
    nearest = [math.dist(boxes.center(box), (10.0, 10.0)) for box in fine]
    assert nearest == sorted(nearest)


def test_rings_grow_and_stay_in_the_image():
    assert [box[2] for box in ring(LAST, 0, 4.0, IMAGE)] == pytest.approx([40.0, 68.0, 24.0])
    first, second = (ring(LAST, number, 4.0, IMAGE) for number in (1, 2))
    assert len(first) == 8 and len(second) > 8
    corner = ring((0.0, 0.0, 40.0, 40.0), 1, 4.0, IMAGE)
    assert len(corner) == 3, 'the other five would see nothing new'
    for box in (*first, *second, *corner):
        cx, cy = boxes.center(box)
        assert 0.0 <= cx <= IMAGE[0] and 0.0 <= cy <= IMAGE[1]


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('mode', 'everywhere'), ('crops_per_frame', 0), ('crops_per_frame', 2.0),
        ('accept_threshold', math.nan), ('window', 1.0), ('rings', -1),
    ],
)
def test_config_names_field_and_value(field, value):
    with pytest.raises(ValueError, match=f'{field} is {value!r}'):
        RecoveryConfig(**{field: value})


def test_config_refuses_a_hint_above_acceptance():
    with pytest.raises(ValueError, match='hint_threshold is 0.99, must not exceed'):
        RecoveryConfig(hint_threshold=0.99)


def test_every_parameter_describes_itself():
    assert all(item.metadata['description'] for item in fields(RecoveryConfig))


@pytest.mark.parametrize('confidence', [math.nan, -0.1, 1.1])
def test_a_confidence_that_is_none_is_refused(confidence):
    recovery = Recovery(CONFIG)
    plan = recovery.plan(recovery.begin(LAST, 0.0), IMAGE, 0.03)
    with pytest.raises(ValueError, match='confidence of answer 1 is'):
        recovery.judge(plan.memory, [Answer(LAST, 0.5), Answer(LAST, confidence)])


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 9.0), (math.nan, 0.0, 9.0, 9.0)])
def test_begin_refuses_a_box_that_is_none(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        Recovery(CONFIG).begin(box, 0.0)


def lasting(history: list[list[Answer]], config: RecoveryConfig) -> bool:
    """Whether the last `confirm_frames` images all had a promising answer, and one a good one."""
    recent = history[-config.confirm_frames:]
    best = [max((answer.confidence for answer in found), default=0.0) for found in recent]
    return (
        len(recent) == config.confirm_frames and min(best) >= config.hint_threshold
        and max(best) >= config.accept_threshold
    )


coordinates = st.tuples(
    st.floats(-50, 640), st.floats(-50, 480), st.floats(1, 300), st.floats(1, 300)
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(['local', 'global']), st.integers(1, 6), st.integers(1, 5), coordinates,
    st.lists(st.lists(st.tuples(coordinates, st.floats(0, 1)), max_size=3), max_size=15),
    st.floats(0.001, 0.5),
)
def test_any_scene_keeps_to_the_budget_and_to_the_proof(mode, crops, confirm, last, scenes, dt):
    config = replace(CONFIG, mode=mode, crops_per_frame=crops, confirm_frames=confirm)
    recovery = Recovery(config)
    memory: RecoveryMemory = recovery.begin(last, 0.0, (30.0, -10.0))
    history: list[list[Answer]] = []
    for frame, scene in enumerate(scenes, start=1):
        plan = recovery.plan(memory, IMAGE, frame * dt)
        assert plan == recovery.plan(memory, IMAGE, frame * dt), 'deterministic'
        assert 1 <= len(plan.boxes_xywh) <= crops
        for box in plan.boxes_xywh:
            assert all(map(math.isfinite, box)) and min(box[2:]) > 0.0
        found = probe([Thing(*item) for item in scene], plan.boxes_xywh)
        history.append(found)
        verdict = recovery.judge(plan.memory, found)
        assert verdict == recovery.judge(plan.memory, found)
        assert (verdict.index is not None) == (verdict.outcome is Outcome.ACCEPTED)
        assert len(verdict.memory.candidates) <= 3
        if verdict.outcome is Outcome.ACCEPTED:
            assert lasting(history, config)
        memory = verdict.memory


def test_default_windows_are_those_of_the_shipped_network():
    from siamla_ros.weights import read_checkpoint

    assert RecoveryConfig().window == read_checkpoint('default').model.search_context
