"""Results are immutable and valid by construction."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from siamla_ros.tracker.results import TargetState, TrackResult

STATE = TargetState((1.0, 2.0, 3.0, 4.0), template=None)
SCORES = {
    'confidence': 0.5,
    'classification': 0.25,
    'localization': 1.0,
    'second_peak': 0.0,
    'fused_confidence': 0.5,
}


def test_nothing_can_be_assigned():
    result = TrackResult((1.0, 2.0, 3.0, 4.0), **SCORES, state=STATE)
    for target in (result, STATE):
        with pytest.raises(FrozenInstanceError):
            target.confidence = 0.9


@pytest.mark.parametrize('name', SCORES)
@pytest.mark.parametrize('value', [-0.001, 1.001, float('nan'), float('inf')])
def test_scores_beyond_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        TrackResult((1.0, 2.0, 3.0, 4.0), **{**SCORES, name: value}, state=STATE)


def test_moving_keeps_template_and_border_and_leaves_the_old_state():
    template = object()
    old = TargetState((1.0, 2.0, 3.0, 4.0), template, (9.0, 8.0, 7.0))
    new = old.moved((5.0, 6.0, 7.0, 8.0), 0.3)
    assert new.box_xywh == (5.0, 6.0, 7.0, 8.0)
    assert new.confidence == 0.3
    assert new.template is template
    assert new.border_bgr == (9.0, 8.0, 7.0)
    assert old.box_xywh == (1.0, 2.0, 3.0, 4.0)
    assert old.confidence == 1.0
