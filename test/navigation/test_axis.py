"""Limits of one axis hold whatever is wished for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.navigation.axis import STILL, Axis, AxisLimits, approach, brake

LIMITS = st.builds(
    AxisLimits,
    velocity=st.floats(0.1, 3.0),
    acceleration=st.floats(0.1, 5.0),
    deceleration=st.floats(0.1, 5.0),
    jerk=st.floats(0.5, 50.0),
    stop_time_s=st.floats(0.05, 2.0),
    period_s=st.sampled_from([0.01, 0.05, 0.1]),
)
SLACK = 1e-6


@settings(max_examples=150, deadline=None)
@given(limits=LIMITS, wishes=st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_velocity_acceleration_and_jerk_stay_within_their_limits(limits, wishes):
    axis = STILL
    for wish in wishes:
        for _ in range(3):
            after = approach(axis, wish, limits)
            assert abs(after.velocity) <= limits.velocity + SLACK
            largest = max(limits.acceleration, limits.deceleration)
            assert abs(after.acceleration) <= largest + SLACK
            change = abs(after.acceleration - axis.acceleration)
            assert change <= limits.jerk * limits.period_s + SLACK
            assert after.velocity - axis.velocity == pytest.approx(
                after.acceleration * limits.period_s, abs=SLACK
            )
            axis = after


@settings(max_examples=60, deadline=None)
@given(limits=LIMITS, wish=st.floats(-1.0, 1.0))
def test_a_wish_is_reached_without_overshoot(limits, wish):
    wish = wish * limits.velocity
    axis, largest = STILL, 0.0
    for _ in range(8000):
        axis = approach(axis, wish, limits)
        largest = max(largest, axis.velocity * (1 if wish > 0 else -1))
    assert axis.velocity == pytest.approx(wish, abs=1e-6)
    assert largest <= abs(wish) + SLACK


@settings(max_examples=150, deadline=None)
@given(limits=LIMITS, share=st.floats(-1.0, 1.0), acceleration=st.floats(-5, 5))
def test_braking_shrinks_to_zero_within_the_stop_time(limits, share, acceleration):
    axis, seconds = Axis(share * limits.velocity, acceleration), 0.0
    while axis != STILL:
        after = brake(axis, limits)
        assert abs(after.velocity) < abs(axis.velocity) or after == STILL
        assert after.velocity * axis.velocity >= 0.0
        axis, seconds = after, seconds + limits.period_s
        assert seconds <= limits.stop_time_s + limits.period_s + SLACK
