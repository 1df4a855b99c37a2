"""The Kalman filter that predicts a hidden box."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.supervision.motion import BoxMotion


def follow(rate_hz: float, velocity_px_s: tuple[float, float], seconds: float = 2.0) -> BoxMotion:
    """A filter that saw a 40x20 box move at constant velocity."""
    motion = BoxMotion.start((100.0, 100.0, 40.0, 20.0))
    for frame in range(1, int(seconds * rate_hz) + 1):
        t = frame / rate_hz
        box = (100.0 + velocity_px_s[0] * t, 100.0 + velocity_px_s[1] * t, 40.0, 20.0)
        motion = motion.seen(box, 1.0 / rate_hz)
    return motion


def test_start_is_the_box_at_rest():
    motion = BoxMotion.start((3.0, 4.0, 50.0, 20.0))
    assert motion.box_xywh == pytest.approx((3.0, 4.0, 50.0, 20.0))
    assert motion.velocity_px_s == (0.0, 0.0)
    assert motion.predicted(1.0).box_xywh == pytest.approx((3.0, 4.0, 50.0, 20.0))


@pytest.mark.parametrize('rate_hz', [5.0, 30.0, 120.0])
@pytest.mark.parametrize('velocity', [(0.0, 0.0), (60.0, 0.0), (-30.0, 90.0)])
def test_velocity_is_found_at_any_frame_rate(rate_hz, velocity):
    motion = follow(rate_hz, velocity)
    assert motion.velocity_px_s == pytest.approx(velocity, abs=1.5)
    x, y, w, h = motion.box_xywh
    assert (x, y) == pytest.approx((100 + 2 * velocity[0], 100 + 2 * velocity[1]), abs=1.0)
    assert (w, h) == pytest.approx((40.0, 20.0), rel=0.01)


def test_prediction_goes_on_and_fades():
    motion = follow(30.0, (60.0, 0.0))
    x = motion.box_xywh[0]
    near = motion.predicted(0.1).box_xywh[0] - x
    far = motion.predicted(10.0).box_xywh[0] - x
    assert near == pytest.approx(6.0, rel=0.15)
    assert near < far < 60.0, 'a hidden target does not run on for ever'


def test_one_long_step_equals_many_short_ones():
    motion = follow(30.0, (60.0, -40.0))
    steps = motion
    for _ in range(30):
        steps = steps.predicted(1.0 / 30.0)
    assert steps.box_xywh == pytest.approx(motion.predicted(1.0).box_xywh, abs=0.01)


def test_doubt_grows_while_hidden_and_shrinks_when_seen():
    motion = follow(30.0, (60.0, 0.0))
    doubts = [motion.predicted(t).spread_px for t in (0.0, 0.1, 0.5, 1.0)]
    assert doubts == sorted(doubts) and doubts[-1] > 2 * doubts[0]
    hidden = motion.predicted(0.5)
    assert hidden.seen(hidden.box_xywh, 0.03).spread_px < hidden.spread_px


def test_noise_is_smoothed():
    rng = np.random.default_rng(7)
    motion = BoxMotion.start((0.0, 0.0, 40.0, 40.0))
    errors = []
    for frame in range(1, 120):
        jitter = rng.normal(0.0, 2.0, 2)
        motion = motion.seen((2.0 * frame + jitter[0], jitter[1], 40.0, 40.0), 1 / 30)
        errors.append(math.hypot(motion.box_xywh[0] - 2.0 * frame, motion.box_xywh[1]))
    assert np.mean(errors[30:]) < 0.8 * np.sqrt(np.pi / 2) * 2.0


def test_earlier_values_are_untouched():
    motion = follow(30.0, (60.0, 0.0))
    before = motion.mean, motion.covariance
    motion.predicted(1.0)
    motion.seen((0.0, 0.0, 10.0, 10.0), 1.0)
    assert (motion.mean, motion.covariance) == before


@pytest.mark.parametrize('interval', [-0.1, math.nan, math.inf])
def test_bad_interval_is_refused(interval):
    motion = BoxMotion.start((0.0, 0.0, 10.0, 10.0))
    with pytest.raises(ValueError, match='interval_s is'):
        motion.predicted(interval)


@pytest.mark.parametrize('box', [(0.0, 0.0, 0.0, 5.0), (math.nan, 0.0, 5.0, 5.0)])
def test_bad_box_is_refused(box):
    with pytest.raises(ValueError, match='box_xywh is'):
        BoxMotion.start(box)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-5000, 5000),
            st.floats(-5000, 5000),
            st.floats(0.5, 4000),
            st.floats(0.5, 4000),
            st.floats(0, 5),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_boxes_at_any_times_give_finite_positive_boxes(steps):
    motion = BoxMotion.start(steps[0][:4])
    for x, y, w, h, interval in steps:
        motion = motion.seen((x, y, w, h), interval)
        for value in (*motion.predicted(interval).box_xywh, motion.spread_px):
            assert math.isfinite(value)
        assert min(motion.box_xywh[2:]) > 0.0
