"""How a frame counts: plausible boxes, and what is refused as no evidence at all."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from support.state_scenes import BOX, CONFIG, IMAGE, MODEL

from siamla_ros.supervision.supervisor import Observation, Reason, Supervisor, SupervisorConfig


def test_plausible_motion_is_per_second():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    moved = (BOX[0] + 120.0, BOX[1], 40.0, 40.0)  # three box sizes
    fast = supervisor.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE))
    slow = supervisor.step(memory, Observation(1 / 5, 0.9, 0.0, moved, IMAGE))
    assert fast.reason is Reason.IMPLAUSIBLE_MOTION and slow.confirmed
    unchecked = Supervisor(replace(CONFIG, max_speed=0.0), model=MODEL)
    assert unchecked.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE)).confirmed


def test_plausible_motion_is_relative_to_the_box():
    supervisor = Supervisor(CONFIG, model=MODEL)
    big = (100.0, 100.0, 200.0, 200.0)
    memory = supervisor.start(0.0, big, IMAGE).memory
    moved = (220.0, 100.0, 200.0, 200.0)
    assert supervisor.step(memory, Observation(1 / 30, 0.9, 0.0, moved, IMAGE)).confirmed


@pytest.mark.parametrize('confidence', [0.9, 0.1])
def test_a_box_that_shows_another_target_is_neither_confirmed_nor_followed(confidence):
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, BOX, IMAGE).memory
    seen = Observation(1 / 30, confidence, 0.0, BOX, IMAGE)
    alone = supervisor.step(memory, seen)
    decision = supervisor.step(memory, replace(seen, double=True))
    assert alone.accept_state and not (decision.accept_state or decision.confirmed)
    assert decision.reason is Reason.DISTRACTOR
    assert decision.memory.presence < min(memory.presence, alone.memory.presence)


def test_a_box_cut_by_the_border_may_change_its_size():
    supervisor = Supervisor(CONFIG, model=MODEL)
    memory = supervisor.start(0.0, (560.0, 200.0, 60.0, 60.0), IMAGE).memory
    for frame, width in enumerate((60.0, 40.0, 20.0, 10.0), start=1):
        box = (640.0 - width, 200.0, width, 60.0)
        decision = supervisor.step(memory, Observation(frame / 30, 0.9, 0.0, box, IMAGE))
        memory = decision.memory
        assert decision.confirmed
    box = (637.0, 200.0, 3.0, 60.0)
    decision = supervisor.step(memory, Observation(5 / 30, 0.9, 0.0, box, IMAGE))
    assert decision.reason is Reason.LEFT_IMAGE, '5 % of the size it had inside'


def test_low_confidence_half_out_of_the_image_has_left():
    supervisor = Supervisor(CONFIG, model=MODEL)
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


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('high_threshold', 1.5),
        ('low_threshold', -0.1),
        ('high_threshold', math.nan),
        ('lost_s', -1.0),
        ('max_speed', math.inf),
        ('publish_uncertain', 1),
        ('stale_after_s', 0.0),
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
        'stamp_s': 0.0,
        'confidence': 0.5,
        'second_peak': 0.1,
        'box_xywh': BOX,
        'image_size': IMAGE,
    }
    with pytest.raises(ValueError, match=message):
        Observation(**{**good, **change})
