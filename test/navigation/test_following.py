"""Every safety rule is a property of the controller under any order of messages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.following import FollowController
from siamla_ros.navigation.safety import (
    LOST,
    SEARCHING,
    TRACKING,
    UNCERTAIN,
    Action,
    InputError,
    Report,
    Sighting,
)

IDLE = 0
PERIOD = FollowConfig().period_s
SLACK = 1e-6
EVENTS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.just('pose'),
            st.floats(0.1, 12.0),
            st.floats(-1.5, 1.5),
            st.sampled_from([0.0, 0.05, 0.3, 0.6, 5.0, -0.05, -3.0]),
        ),
        st.tuples(
            st.just('status'),
            st.sampled_from([TRACKING] * 4 + [UNCERTAIN, LOST, SEARCHING, IDLE, 77]),
            st.sampled_from([0.95, 0.95, 0.95, 0.3]),
            st.sampled_from([0.0, 0.05, 0.3, 0.6, 5.0, -0.05, -3.0]),
        ),
        st.tuples(st.just('enable'), st.booleans()),
    ),
    max_size=120,
)


class Drive:
    """A controller with its clocks, and good messages by default."""

    def __init__(self, **values):
        self.controller = FollowController(FollowConfig(**values))
        self.now, self.steady = 1000.0, 500.0

    def step(self, periods=1):
        velocity = None
        for _ in range(periods):
            self.now += PERIOD
            self.steady += PERIOD
            velocity = self.controller.step(self.now, self.steady)
        return velocity

    def status(self, state=TRACKING, confidence=0.95, age=0.0):
        self.controller.hear(Report(self.now - age, state, confidence), self.steady)

    def pose(self, range_m=4.0, bearing=0.0, age=0.0):
        self.controller.see(Sighting(self.now - age, bearing, 0.0, range_m), self.steady)

    def follow(self, periods, **pose):
        for _ in range(periods):
            self.status()
            self.pose(**pose)
            velocity = self.step()
        return velocity

    def moving(self, **values):
        """Full speed ahead, turning a little."""
        self.controller.enable(True)
        velocity = self.follow(60, range_m=6.0, bearing=0.1)
        assert velocity.ahead > 0.5 and velocity.pan > 0.05
        return self


def play(events, **values):
    """Run events, one a period; yields the steps."""
    drive, last_good, enabled_at, state = Drive(**values), -math.inf, None, None
    for event in events:
        if event and event[0] == 'pose':
            drive.pose(*event[1:])
        elif event and event[0] == 'status':
            drive.status(*event[1:])
            state = event[1]
        elif event:
            drive.controller.enable(event[1])
            enabled_at = drive.now if event[1] else None
        velocity = drive.step()
        if drive.controller.verdict(drive.now, drive.steady).action is Action.FOLLOW:
            last_good = drive.now
        yield drive, velocity, last_good, enabled_at, state


@settings(max_examples=200, deadline=None)
@given(events=EVENTS)
def test_it_never_moves_before_it_is_enabled(events):
    events = [event for event in events if not (event and event[0] == 'enable')]
    assert all(velocity.is_zero for _, velocity, *_ in play(events, search='turn'))


@settings(max_examples=200, deadline=None)
@given(events=EVENTS, reverse=st.booleans(), search=st.sampled_from(['off', 'turn']))
def test_limits_hold_whatever_comes(events, reverse, search):
    config = FollowConfig(reverse=reverse, search=search)
    before = None
    for _, velocity, *_ in play([('enable', True), *events], reverse=reverse, search=search):
        assert abs(velocity.ahead) <= config.max_linear + SLACK
        assert abs(velocity.pan) <= config.max_angular + SLACK
        assert reverse or velocity.ahead >= -SLACK
        if before is not None and velocity.verdict.action is Action.FOLLOW:
            step = max(config.max_linear_acceleration, config.max_linear / config.stop_time_s)
            assert abs(velocity.ahead - before.ahead) <= step * PERIOD + SLACK
        before = velocity


@settings(max_examples=200, deadline=None)
@given(events=EVENTS)
def test_without_permission_it_stands_within_the_stop_time(events):
    config = FollowConfig()
    for drive, velocity, last_good, *_ in play([('enable', True), *events]):
        if drive.now - last_good > config.stop_time_s + PERIOD + SLACK:
            assert velocity.is_zero


@settings(max_examples=200, deadline=None)
@given(events=EVENTS)
def test_it_follows_only_what_is_fresh_confirmed_and_sure(events):
    """The rule stated anew, from the messages themselves."""
    config, poses, states = FollowConfig(), [], []
    drive = Drive()
    drive.controller.enable(True)
    for event in events:
        if event and event[0] == 'pose':
            drive.pose(*event[1:])
            poses.append((drive.now, drive.now - event[3]))
        elif event and event[0] == 'status':
            drive.status(*event[1:])
            states.append((drive.now, drive.now - event[3], *event[1:3]))
        velocity = drive.step()
        if velocity.verdict.action is Action.FOLLOW:
            oldest, newest = drive.now - config.timeout_s, drive.now + config.max_future_s
            assert any(
                at >= oldest - SLACK and oldest - SLACK <= stamp <= newest + SLACK
                for at, stamp in poses
            )
            assert any(
                at >= oldest - SLACK
                and oldest - SLACK <= stamp <= newest + SLACK
                and state == TRACKING
                and confidence >= config.min_confidence
                for at, stamp, state, confidence in states
            )


@settings(max_examples=200, deadline=None)
@given(events=EVENTS, state=st.sampled_from([LOST, SEARCHING, IDLE]))
def test_a_lost_target_is_zero_at_once(events, state):
    drive = Drive().moving()
    for event in events:
        if event and event[0] == 'pose':
            drive.pose(*event[1:])
        drive.step()
    drive.controller.clear()
    drive.moving()
    drive.status(state)
    velocity = drive.step()
    assert velocity.is_zero and velocity.verdict.action is Action.HALT
    # and poses alone do not move it again
    for event in events:
        if event and event[0] == 'pose':
            drive.pose(*event[1:])
        assert drive.step().is_zero


def test_a_pose_of_before_the_loss_is_never_used_after_it():
    drive = Drive().moving()
    drive.pose(range_m=6.0)
    drive.status(LOST)
    assert drive.step().is_zero
    drive.status(TRACKING)
    velocity = drive.step()
    assert velocity.is_zero and 'waiting for a pose' in velocity.verdict.reason
    drive.status()
    drive.pose(range_m=6.0)
    assert drive.step().ahead > 0.0


@pytest.mark.parametrize(
    ('dead', 'reason'),
    [
        ('pose', 'no pose for 0.4 s'),
        ('status', 'no status for 0.4 s'),
        ('both', 'no status for 0.4 s'),
        ('pose stamp', 'the stamp of pose is'),
        ('status stamp', 'the stamp of status is'),
        ('future', 'ahead of the clock'),
        ('uncertain', 'UNCERTAIN'),
        ('confidence', 'confidence is 0.30, must be at least 0.5'),
    ],
)
def test_each_silence_ends_in_zero_within_the_stated_time(dead, reason):
    drive, config = Drive().moving(), FollowConfig()
    began, sizes, reasons = drive.now, [], set()
    while drive.now - began < config.timeout_s + config.stop_time_s + 2 * PERIOD:
        if dead not in ('pose', 'both'):
            drive.pose(range_m=6.0, age=0.6 if dead == 'pose stamp' else 0.0)
        if dead not in ('status', 'both'):
            drive.status(
                UNCERTAIN if dead == 'uncertain' else TRACKING,
                confidence=0.3 if dead == 'confidence' else 0.95,
                age={'status stamp': 0.6, 'future': -2.0}.get(dead, 0.0),
            )
        velocity = drive.step()
        sizes.append(velocity.ahead)
        reasons.add(velocity.verdict.reason)
    assert velocity.is_zero
    assert any(reason in text for text in reasons), reasons
    # once it slows down it does not speed up again
    first = next(i for i in range(1, len(sizes)) if sizes[i] < sizes[i - 1] - 0.02)
    assert sizes[first:] == sorted(sizes[first:], reverse=True)


def test_disabling_ramps_to_zero():
    drive, config = Drive().moving(), FollowConfig()
    drive.controller.enable(False)
    steps = [drive.follow(1, range_m=6.0).ahead for _ in range(20)]
    assert steps[0] > 0.0 and steps == sorted(steps, reverse=True)
    assert steps[math.ceil(config.stop_time_s / PERIOD)] == 0.0


@settings(max_examples=100, deadline=None)
@given(range_m=st.floats(0.05, 0.8), bearing=st.floats(-1.0, 1.0))
def test_it_does_not_drive_on_a_target_that_is_too_near(range_m, bearing):
    drive, config = Drive().moving(), FollowConfig()
    velocity = drive.follow(math.ceil(config.stop_time_s / PERIOD) + 1, range_m=range_m)
    assert velocity.ahead == pytest.approx(0.0, abs=SLACK)
    assert velocity.verdict.action is Action.FOLLOW, 'it may still turn'


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


def test_search_needs_a_live_tracker():
    drive = Drive(search='turn')
    drive.controller.enable(True)
    drive.follow(5, range_m=3.0, bearing=0.3)
    for _ in range(10):
        drive.status(LOST)
        velocity = drive.step()
    assert velocity.pan > 0.0
    config = drive.controller.config
    for _ in range(math.ceil((config.timeout_s + config.stop_time_s) / PERIOD) + 2):
        velocity = drive.step()
    assert velocity.is_zero


def test_a_clock_that_stands_still_stops_the_robot():
    """A simulation that hangs: stamps look fresh for ever, the steady clock knows better."""
    drive = Drive().moving()
    now, steady, config = drive.now, drive.steady, drive.controller.config
    for index in range(math.ceil((config.timeout_s + config.stop_time_s) / PERIOD) + 2):
        velocity = drive.controller.step(now, steady + index * PERIOD)
    assert velocity.is_zero and 'for 0.4 s' in velocity.verdict.reason


def test_a_clock_that_runs_back_is_lived_through():
    drive = Drive().moving()
    drive.now -= 100.0
    drive.step(20)
    assert drive.follow(20, range_m=6.0).ahead > 0.1


def test_a_pan_tilt_head_turns_towards_the_target_and_never_drives():
    drive = Drive(mode='pan_tilt')
    drive.controller.enable(True)
    drive.status()
    drive.controller.see(Sighting(drive.now, 0.3, -0.2, 5.0), drive.steady)
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
        FollowController(FollowConfig()).see(sighting, 0.0)


def test_a_bad_status_names_the_field():
    with pytest.raises(InputError, match='confidence is nan'):
        FollowController(FollowConfig()).hear(Report(1.0, TRACKING, math.nan), 0.0)


def test_limits_of_the_configuration():
    with pytest.raises(ValueError, match=r'min_distance_m is 3, must be below distance_m = 2'):
        FollowConfig(min_distance_m=3.0)
    with pytest.raises(ValueError, match="search is 'spin', must be one of off | turn"):
        FollowConfig(search='spin')
