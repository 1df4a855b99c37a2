"""How a target is followed: closed loops of the controller alone, and what it refuses."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.follow_drive import PERIOD, Drive

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.following import FollowController
from siamla_ros.navigation.safety import LOST, TRACKING, InputError, Report, Sighting


@settings(max_examples=40, deadline=None)
@given(distance=st.floats(2.1, 8.0), stop=st.floats(0.0, 0.3))
def test_a_standing_target_is_approached_and_not_hit(distance, stop):
    """Closed loop with a target that stands: distance_m is reached, with little overshoot."""
    drive, way = Drive(), 0.0
    drive.controller.enable(True)
    nearest = distance
    for _ in range(600):
        drive.status()
        drive.pose(range_m=distance - way)
        way += drive.step().ahead * PERIOD
        nearest = min(nearest, distance - way)
    assert distance - way == pytest.approx(2.0, abs=0.1)
    assert nearest > 1.8


@pytest.mark.parametrize('bearing', [-0.3, 0.3])
def test_search_turns_towards_the_last_bearing_and_ends(bearing):
    drive = Drive(search='turn', search_time_s=2.0)
    drive.controller.enable(True)
    drive.follow(5, range_m=3.0, bearing=bearing)
    rates, config = [], drive.controller.config
    for _ in range(80):
        drive.status(LOST)
        velocity = drive.step()
        assert velocity.ahead == 0.0
        rates.append(velocity.pan)
    assert rates[0] == 0.0
    largest = max(rates, key=abs)
    assert largest == pytest.approx(math.copysign(config.search_rate, bearing), rel=1e-3)
    assert all(rate * bearing >= 0.0 for rate in rates)
    end = math.ceil((config.search_time_s + config.stop_time_s) / PERIOD) + 2
    assert any(rates[: end - 1]) and not any(rates[end:])


def test_a_clock_that_runs_back_is_lived_through():
    drive = Drive().moving()
    drive.now -= 100.0
    drive.step(20)
    assert drive.follow(20, range_m=6.0).ahead > 0.1


def test_a_pan_tilt_head_turns_towards_the_target_and_never_drives():
    drive = Drive(mode='pan_tilt')
    drive.controller.enable(True)
    drive.status()
    drive.controller.update_pose(Sighting(drive.now, 0.3, -0.2, 5.0), drive.steady)
    velocity = drive.step(3)
    assert velocity.ahead == 0.0 and velocity.pan > 0.0 and velocity.tilt < 0.0


def test_late_images_are_brought_to_now_by_the_own_motion():
    """A target that stands, seen 0.3 s late while turning: the rate does not oscillate."""
    drive, heading, headings = Drive(), 0.0, []
    drive.controller.enable(True)
    for _ in range(200):
        headings.append(heading)
        drive.status()
        if len(headings) > 6:
            drive.pose(range_m=2.0, bearing=0.6 - headings[-7], age=6 * PERIOD)
        heading += drive.step().pan * PERIOD
    assert heading == pytest.approx(0.6, abs=0.02)
    assert max(headings) < 0.66


@pytest.mark.parametrize(
    ('sighting', 'message'),
    [
        (Sighting(1000.0, math.nan, 0.0, 2.0), 'bearing_rad is nan, must be finite'),
        (Sighting(1000.0, 0.0, math.inf, 2.0), 'elevation_rad is inf'),
        (Sighting(1000.0, 0.0, 0.0, 0.0), 'range_m is 0, must be above 0'),
    ],
)
def test_bad_poses_name_the_field(sighting, message):
    with pytest.raises(InputError, match=message):
        FollowController(FollowConfig()).update_pose(sighting, 0.0)


def test_a_bad_status_names_the_field():
    with pytest.raises(InputError, match='confidence is nan'):
        FollowController(FollowConfig()).update_status(Report(1.0, TRACKING, math.nan), 0.0)


def test_limits_of_the_configuration():
    with pytest.raises(ValueError, match=r'min_distance_m is 3, must be below distance_m = 2'):
        FollowConfig(min_distance_m=3.0)
    with pytest.raises(ValueError, match="search is 'spin', must be one of off | turn"):
        FollowConfig(search='spin')
