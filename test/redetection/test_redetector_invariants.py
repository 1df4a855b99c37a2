"""The bounded search: what holds in any scene."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from support.searches import CONFIG, IMAGE, Answer, Thing, probe
from support.searches import WINDOW as SEARCHED

from siamla_ros.redetection.redetector import (
    Outcome,
    Recovery,
    RecoveryConfig,
    RecoveryMemory,
)


def lasting(history: list[list[Answer]], config: RecoveryConfig) -> bool:
    """Whether the last `confirm_frames` images all had a promising answer, and one a good one."""
    recent = history[-config.confirm_frames :]
    best = [max((answer.confidence for answer in found), default=0.0) for found in recent]
    return (
        len(recent) == config.confirm_frames
        and min(best) >= config.hint_threshold
        and max(best) >= config.accept_threshold
    )


coordinates = st.tuples(
    st.floats(-50, 640), st.floats(-50, 480), st.floats(1, 300), st.floats(1, 300)
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(['local', 'global']),
    st.integers(1, 6),
    st.integers(1, 5),
    coordinates,
    st.lists(st.lists(st.tuples(coordinates, st.floats(0, 1)), max_size=3), max_size=15),
    st.floats(0.001, 0.5),
)
def test_any_scene_keeps_to_the_budget_and_to_the_proof(mode, crops, confirm, last, scenes, dt):
    config = replace(CONFIG, mode=mode, crops_per_frame=crops, confirm_frames=confirm)
    recovery = Recovery(config, SEARCHED)
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
