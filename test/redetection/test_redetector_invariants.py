"""The bounded search: what holds in any scene."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.searches import CONFIG, IMAGE, Answer, Thing, probe
from support.searches import WINDOW as SEARCHED

from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.redetection.hypotheses import AVERAGED_SAMPLES
from siamla_ros.redetection.redetector import Redetector, SearchMemory


def lasting(history: list[list[Answer]], config: RedetectionConfig) -> bool:
    """Whether the last `confirm_frames` images all had a promising result, and one of those that
    are averaged a good one.
    """
    best = [max((result.confidence for result in found), default=0.0) for found in history]
    recent = best[-config.confirm_frames :]
    return (
        len(recent) == config.confirm_frames
        and min(recent) >= config.hint_threshold
        and max(best[-AVERAGED_SAMPLES:]) >= config.accept_threshold
    )


coordinates = st.tuples(
    st.floats(-50, 640), st.floats(-50, 480), st.floats(1, 300), st.floats(1, 300)
)


FOUND, FAINTER = ((0.0, 0.0, 2.0, 2.0), 1.0), ((0.0, 0.0, 1.0, 1.0), 0.5)


@settings(max_examples=60, deadline=None)
@example('local', 1, 1, (0.0, 0.0, 8.0, 1.0), [[FOUND], [FAINTER]], 0.5)  # the mean is good
@given(
    st.sampled_from(['local', 'global']),
    st.integers(1, 6),
    st.integers(1, 5),
    coordinates,
    st.lists(st.lists(st.tuples(coordinates, st.floats(0, 1)), max_size=3), max_size=15),
    st.floats(0.001, 0.5),
)
def test_any_scene_keeps_to_the_budget_and_to_the_proof(mode, crops, confirm, last, scenes, dt):
    config = replace(CONFIG, mode=mode, windows_per_image=crops, confirm_frames=confirm)
    redetector = Redetector(config, SEARCHED)
    memory: SearchMemory = redetector.begin(last, 0.0, (30.0, -10.0))
    history: list[list[Answer]] = []
    for frame, scene in enumerate(scenes, start=1):
        plan = redetector.propose(memory, IMAGE, frame * dt)
        assert plan == redetector.propose(memory, IMAGE, frame * dt), 'deterministic'
        assert 1 <= len(plan.boxes_xywh) <= crops
        for box in plan.boxes_xywh:
            assert all(map(math.isfinite, box)) and min(box[2:]) > 0.0
        found = probe([Thing(*item) for item in scene], plan.boxes_xywh)
        history.append(found)
        result = redetector.evaluate(plan.memory, found)
        assert result == redetector.evaluate(plan.memory, found)
        assert len(result.memory.hypotheses) <= 3
        if result.index is not None:
            assert lasting(history, config)
        memory = result.memory
