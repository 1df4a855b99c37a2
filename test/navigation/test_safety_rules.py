"""Every safety rule is a property of the controller under any order of messages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.follow_drive import EVENTS, IDLE, PERIOD, SLACK, Drive, play

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.safety import LOST, SEARCHING, TRACKING, UNCERTAIN, Action


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
        if before is not None and velocity.decision.action is Action.FOLLOW:
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
        if velocity.decision.action is Action.FOLLOW:
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
    assert velocity.is_zero and velocity.decision.action is Action.HALT
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
    assert velocity.is_zero and 'waiting for a pose' in velocity.decision.reason
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
        reasons.add(velocity.decision.reason)
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
    assert velocity.decision.action is Action.FOLLOW, 'it may still turn'


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
    assert velocity.is_zero and 'for 0.4 s' in velocity.decision.reason


@settings(max_examples=200, deadline=None)
@given(events=EVENTS)
def test_with_obstacles_it_drives_only_on_a_fresh_scan(events):
    config, scans = FollowConfig(obstacles='scan'), []
    for index, (drive, velocity, *_) in enumerate(
        play([('enable', True), *events], obstacles='scan')
    ):
        event = events[index - 1] if index else None
        if event and event[0] == 'scan':
            scans.append((drive.now - PERIOD, drive.now - PERIOD - event[2]))
        if velocity.decision.action is Action.FOLLOW:
            oldest, newest = drive.now - config.timeout_s, drive.now + config.max_future_s
            assert any(
                at >= oldest - SLACK and oldest - SLACK <= stamp <= newest + SLACK
                for at, stamp in scans
            )


@settings(max_examples=100, deadline=None)
@given(
    free=st.floats(0.0, 4.0),
    speedup=st.integers(0, 60),
    every=st.integers(1, 4),
    age=st.sampled_from([0.0, 0.05, 0.1]),
)
def test_it_stops_before_an_obstacle_as_far_as_braking_can(free, speedup, every, age):
    """A wall appears ahead at any speed: the way left is at least that of the braking, and a wall
    that leaves room is not come nearer than obstacle_distance_m.
    """
    drive = Drive(obstacles='scan')
    config, way, driven = drive.controller.config, 0.0, []
    drive.controller.enable(True)
    for _ in range(speedup):
        drive.scan(age=age)
        driven.append(drive.follow(1, range_m=8.0).ahead * PERIOD)
    velocity = driven[-1] / PERIOD if driven else 0.0
    stop = velocity**2 / (2.0 * config.max_linear / config.stop_time_s)
    steps = [0.0]
    for index in range(150):
        if index % every == 0:
            late = sum(steps[-round(age / PERIOD) :]) if age else 0.0
            drive.scan(max(free - way + late, 0.0), age)
        step = drive.follow(1, range_m=8.0).ahead * PERIOD
        steps.append(step)
        way += step
    assert step == pytest.approx(0.0, abs=SLACK) or free > config.obstacle_distance_m + 2.0
    reach = velocity * PERIOD + stop + 0.02
    assert way <= max(free - config.obstacle_distance_m, reach) + 0.02


def test_an_obstacle_does_not_keep_it_from_turning():
    drive = Drive(obstacles='scan')
    drive.controller.enable(True)
    for _ in range(10):
        drive.scan(0.3)
        velocity = drive.follow(1, range_m=6.0, bearing=0.4)
    assert velocity.ahead == 0.0 and velocity.pan > 0.1


@pytest.mark.parametrize('age', [None, 0.6, -2.0])
def test_a_scan_that_dies_or_is_old_ends_in_zero(age):
    drive = Drive(obstacles='scan')
    drive.controller.enable(True)
    for _ in range(60):
        drive.scan()
        velocity = drive.follow(1, range_m=6.0)
    assert velocity.ahead > 0.5
    config = drive.controller.config
    for _ in range(math.ceil((config.timeout_s + config.stop_time_s) / PERIOD) + 2):
        if age is not None:
            drive.scan(age=age)
        velocity = drive.follow(1, range_m=6.0)
    assert velocity.is_zero and 'scan' in velocity.decision.reason
