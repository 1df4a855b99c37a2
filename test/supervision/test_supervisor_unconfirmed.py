"""What is followed though it is not confirmed, and what it takes to be confirmed again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.state_scenes import BOX, CONFIG, IMAGE, MODEL

from siamla_ros.supervision.supervisor import Observation, State, Supervisor


@pytest.mark.parametrize(
    ('confidence', 'box', 'follows'),
    [
        (0.06, (310.0, 200.0, 40.0, 40.0), True),
        (0.04, (310.0, 200.0, 40.0, 40.0), False),
        (0.9, (500.0, 200.0, 40.0, 40.0), False),  # it cannot have moved so far
        (0.06, (500.0, 200.0, 40.0, 40.0), False),
        (0.06, (639.0, 200.0, 1.0, 1.0), False),  # it has left the image
        (0.06, (0.0, 0.0, 640.0, 470.0), False),  # it covers the image
    ],
)
def test_a_faint_box_is_followed_but_not_one_that_cannot_be_the_target(confidence, box, follows):
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    decision = supervisor.step(memory, Observation(1 / 30, confidence, 0.0, box, IMAGE))
    assert decision.accept_state is follows
    assert not decision.confirmed
    assert decision.memory.box_xywh == (box if follows else BOX)
    assert decision.memory.full_wh == BOX[2:], 'its size is not that of the target'


@pytest.mark.parametrize(('sides', 'frames'), [(0.0, 1), (0.4, 1), (0.8, 2), (1.4, 4)])
def test_a_jump_while_unconfirmed_needs_more_evidence(sides, frames):
    """A box that comes back elsewhere may be another of the same look."""
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    box = (BOX[0] + sides * BOX[2], *BOX[1:])
    states = []
    for frame in range(1, 12):
        faint = frame <= 2
        seen = Observation(frame / 30, 0.1 if faint else 0.9, 0.1, BOX if faint else box, IMAGE)
        memory = supervisor.step(memory, seen).memory
        states.append(memory.state)
    assert states[:2] == [State.UNCERTAIN] * 2
    assert states[2:].index(State.TRACKING) + 1 == frames
    assert set(states) == {State.UNCERTAIN, State.TRACKING}


@pytest.mark.parametrize('rate_hz', [5, 10, 30, 100])
def test_a_clear_box_however_far_off_is_confirmed_in_the_end(rate_hz):
    supervisor = Supervisor(replace(CONFIG, max_speed=0.0), model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    memory = supervisor.step(memory, Observation(1 / rate_hz, 0.1, 0.0, BOX, IMAGE)).memory
    for frame in range(2, rate_hz + 2):
        seen = Observation(frame / rate_hz, 0.99, 0.0, (20.0, 20.0, 40.0, 40.0), IMAGE)
        memory = supervisor.step(memory, seen).memory
    assert memory.state is State.TRACKING
    assert memory.last_confirmed_xywh == (20.0, 20.0, 40.0, 40.0)
