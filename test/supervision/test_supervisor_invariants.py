"""The state machine: what holds for any input."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support.state_scenes import BOX, IMAGE, MODEL

from siamla_ros.supervision.supervisor import (
    Decision,
    Memory,
    Observation,
    Reason,
    State,
    Supervisor,
    SupervisorConfig,
)

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
    )
    | st.just(BOX),
    image_size=st.just(IMAGE) | st.just((320, 240)),
)
configs = st.builds(
    SupervisorConfig,
    high_threshold=st.floats(0.5, 1.0),
    low_threshold=st.floats(0.0, 0.5),
    lost_s=st.floats(0, 0.5),
    uncertain_timeout_s=st.floats(0, 5),
    search_timeout_s=st.floats(0, 5),
    publish_uncertain=st.booleans(),
    max_speed=st.floats(0, 50),
    max_scale_rate=st.floats(0, 5),
    min_visible=unit,
    distractor_ratio=st.floats(0, 2),
    stale_after_s=st.floats(0.01, 5),
)


def memories(
    config: SupervisorConfig, search: bool, seen: list[Observation]
) -> list[tuple[Memory, Observation, Decision]]:
    supervisor = Supervisor(config, search, MODEL)
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
    for before, item, decision in memories(config, search, seen):
        assert decision.state in LEGAL[before.state]
        assert search or decision.state is not State.SEARCHING
        changed = decision.state is not before.state
        assert changed or decision.reason is before.reason
        assert decision.reason not in (Reason.NONE, Reason.CLEARED, Reason.REACQUIRED)
        assert not changed or decision.memory.frames_in_state == 1
        assert decision.memory.frames_in_state >= 1 and decision.memory.lost_s >= 0.0
        if decision.confirmed:
            assert item.confidence >= config.low_threshold
            assert decision.accept_state
            uncertain = config.publish_uncertain and decision.state is State.UNCERTAIN
            assert decision.state is State.TRACKING or uncertain
            assert decision.memory.box_xywh == item.box_xywh
        if decision.state in (State.LOST, State.SEARCHING):
            assert not decision.accept_state and not decision.learn_appearance
            assert decision.memory.last_confirmed_xywh == before.last_confirmed_xywh
        if decision.learn_appearance:
            assert decision.state is State.TRACKING and item.confidence >= config.high_threshold
        if decision.state is State.LOST and before.state is State.UNCERTAIN:
            timed_out = decision.reason is Reason.TIMEOUT
            assert timed_out or decision.memory.presence < MODEL.lost_below
            assert timed_out or before.frames_in_state >= 1
        if before.state is State.UNCERTAIN and decision.state is State.TRACKING:
            assert decision.memory.presence >= MODEL.confirmed_above
            assert item.confidence >= config.low_threshold


@settings(max_examples=50, deadline=None)
@given(configs, st.booleans(), st.lists(observations, max_size=12))
def test_deterministic_and_without_memory_of_its_own(config, search, seen):
    first = memories(config, search, seen)
    assert first == memories(config, search, seen)
    for before, item, decision in reversed(first):  # in any order, also between other targets
        assert Supervisor(config, search, MODEL).step(before, item) == decision
