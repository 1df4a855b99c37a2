"""What a distractor takes from a confidence: it confirms nothing, and ends no track by itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.state_scenes import BOX, CONFIG, IMAGE, MODEL

from siamla_ros.supervision.supervisor import Observation, State, Supervisor


@pytest.mark.parametrize(('alone', 'lost'), [(0.95, False), (0.2, True)])
def test_a_confidence_that_a_distractor_has_lowered_confirms_nothing_and_ends_no_track(alone, lost):
    """What it looks like has been weighed with the rest of the evidence."""
    supervisor = Supervisor(replace(CONFIG, uncertain_timeout_s=0.0), model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    states = set()
    for frame in range(1, 60):
        seen = Observation(
            frame / 30, 0.2, 0.0, BOX, IMAGE, 0.9, 0.9, distractor_level=0.4, confidence_alone=alone
        )
        decision = supervisor.step(memory, seen)
        memory = decision.memory
        assert not decision.confirmed
        states.add(memory.state)
    assert (State.LOST in states) is lost and State.UNCERTAIN in states
    assert memory.box_xywh == BOX


def test_what_looks_like_a_distractor_has_less_evidence():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    levels = [
        supervisor.step(
            memory, Observation(1 / 30, 0.9, 0.0, BOX, IMAGE, 0.9, 0.9, distractor_level=level)
        ).memory.presence
        for level in (0.0, 0.4, 0.8)
    ]
    assert levels == sorted(levels, reverse=True) and levels[0] > levels[2]


@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan])
def test_levels_and_confidences_outside_of_their_range_are_named(value):
    for name in ('distractor_level', 'confidence_alone'):
        with pytest.raises(ValueError, match=name):
            Observation(0.0, 0.9, 0.0, BOX, IMAGE, **{name: value})
