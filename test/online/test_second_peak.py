"""How long a target's state remembers that something else has looked alike, whatever becomes of it.

The tracker's part is tested in test/tracker/test_second_peak.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.engines import settings
from support.ros_doubles import IdentityTracker
from support.scenes import SIDE, Film

from siamla_ros.online.engine import Engine
from siamla_ros.supervision.supervisor import State
from siamla_ros.tracker.logistic import PEAK_KEPT, UPDATES_PER_S
from siamla_ros.tracker.results import TargetState

BOX = (100.0, 100.0, SIDE, SIDE)
STAY = {'supervisor__lost_s': 60.0, 'supervisor__uncertain_timeout_s': 0.0}


class Noting(IdentityTracker):
    """Notes the ratio of peaks of each state that it is given; that of a new target is 1."""

    def __init__(self):
        super().__init__()
        self.ratios = []

    def init(self, image_bgr, box_xywh):
        return TargetState(super().init(image_bgr, box_xywh).box_xywh, None, peak_ratio=1.0)

    def update(self, image_bgr, states):
        self.ratios += [state.peak_ratio for state in states]
        return super().update(image_bgr, states)


def expected(seconds):
    """Before an update so long after the state was made, which itself forgets as at 30 Hz."""
    return PEAK_KEPT ** (seconds * UPDATES_PER_S - 1.0)


@pytest.mark.parametrize('rate_hz', [5, 15, 30])
@pytest.mark.parametrize(
    ('changes', 'last'), [(STAY, State.UNCERTAIN), ({}, State.SEARCHING)], ids=['followed', 'lost']
)
def test_it_is_forgotten_while_what_the_tracker_answers_is_rejected(rate_hz, changes, last):
    tracker, film = Noting(), Film(period_ns=round(1e9 / rate_hz))
    engine = Engine(tracker, settings(**changes))
    engine.start('red', 'square', BOX, film.shoot(100), live=True)
    tracker.confidence = 0.01  # no box is followed
    for _ in range(2 * rate_hz):
        (output,) = engine.process(film.shoot(100))
    assert output.state is last and engine.targets['red'].state.confidence == 1.0
    assert tracker.ratios[-1] == pytest.approx(expected(2.0), rel=1e-3)


def test_it_is_forgotten_while_the_tracker_fails():
    tracker, film = Noting(), Film()
    engine = Engine(tracker, settings(**STAY))
    engine.start('red', 'square', BOX, film.shoot(100), live=True)
    whole, tracker.update = tracker.update, None
    for _ in range(30):
        engine.process(film.shoot(100))
    tracker.update = whole
    engine.process(film.shoot(100))
    np.testing.assert_allclose(tracker.ratios, [expected(31 / 30)], rtol=1e-3)
