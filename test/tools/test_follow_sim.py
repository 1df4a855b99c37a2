"""The simulation itself, and a short closed loop: the target is followed, the robot stops."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from follow_sim.episode import AWAY_S, LEAVE_S, Episode
from follow_sim.followers import RANGE, SiamlaFollower
from follow_sim.loop import STEP_S, run
from follow_sim.measures import Measures
from follow_sim.outcome import Outcome
from follow_sim.robot import Robot
from follow_sim.scene import CAMERA_HEIGHT_M, calibration

from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.projection import locate
from siamla_ros.navigation.ranging import METHODS, RangeConfig

CONFIG = FollowConfig(rate_hz=1.0 / STEP_S, max_linear=1.0)


@pytest.mark.parametrize('method', METHODS)
def test_the_rendered_box_gives_the_position_of_the_figure(method):
    episode, robot = Episode(1), Robot()
    episode.target.x, episode.target.y = 4.0, 1.0
    view = episode.scene.render(robot.x, robot.y, robot.yaw, episode.figures)
    config = RangeConfig(
        method=method,
        target_height_m=RANGE.target_height_m,
        target_width_m=0.68,
        camera_height_m=CAMERA_HEIGHT_M,
    )
    box = view.boxes_xywh['target']
    found = locate(calibration(), box, 1.0, config, view.depth_m)
    assert found.bearing_rad == pytest.approx(math.atan2(1.0, 4.0), abs=0.005)
    assert found.range_m == pytest.approx(math.hypot(4.0, 1.0), rel=0.01)


def test_an_episode_is_the_same_for_the_same_seed():
    views = []
    for _ in range(2):
        episode, robot = Episode(5), Robot()
        for _ in range(10):
            episode.step(STEP_S, robot)
        views.append(episode.scene.render(0.0, 0.0, 0.0, episode.figures).image_bgr)
    np.testing.assert_array_equal(*views)


def test_a_robot_lags_and_keeps_its_limits():
    robot = Robot()
    robot.command(9.0, -9.0)
    robot.step(robot.limits.delay_s / 2)
    assert robot.way_m == 0.0
    for _ in range(60):
        before = robot.velocity
        robot.step(0.05)
        assert abs(robot.velocity) <= robot.limits.velocity
        assert robot.velocity - before <= robot.limits.acceleration * 0.05 + 1e-9
    assert robot.velocity == pytest.approx(robot.limits.velocity, rel=0.01)
    assert robot.rate == pytest.approx(-robot.limits.rate, rel=0.01)


def test_the_target_leaves_and_returns_into_view():
    episode, robot = Episode(2), Robot()
    seen = {}
    while episode.now_s < LEAVE_S + AWAY_S + 2.0:
        episode.step(STEP_S, robot)
        seen[episode.now_s] = episode.target.present
    assert not any(there for at, there in seen.items() if LEAVE_S + 2.1 < at < LEAVE_S + AWAY_S)
    view = episode.scene.render(robot.x, robot.y, robot.yaw, episode.figures)
    assert view.visible['target'] > 0.5


def test_the_closed_loop_follows_a_walking_target():
    from siamla_ros.tracker.tracker import load_tracker

    follower = SiamlaFollower(load_tracker(device='cpu'), calibration(), CONFIG)
    way = []
    measures = run(
        Episode(0),
        follower,
        CONFIG.distance_m,
        watch=lambda moment: way.append(moment.robot.way_m),
        end_s=8.0,
    )
    assert measures.collisions == 0 and measures.in_view == 1.0
    assert np.median(measures.distance_errors) < 1.0
    assert np.degrees(np.median(measures.bearing_errors)) < 5.0
    assert way[-1] > 1.0, 'it moved'


GOOD = {'distance_errors': [0.1, 0.3], 'bearing_errors': [0.0], 'in_view': 0.9, 'return_s': 1.0}


@pytest.mark.parametrize(
    ('measures', 'way_before_m', 'failure'),
    [
        ({}, 0.0, None),
        ({}, 0.2, 'before it was enabled'),
        ({'collisions': 1}, 0.0, 'ran into'),
        ({'lost_way_m': 0.3}, 0.0, '0.30 m while the target was LOST'),
        ({'return_s': math.inf}, 0.0, 'not followed again'),
        ({'in_view': 0.5}, 0.0, 'in view for 0.50'),
        ({'in_view': math.nan, 'distance_errors': []}, 0.0, 'in view for nan'),
    ],
)
def test_an_outcome_names_what_went_wrong(measures, way_before_m, failure):
    outcome = Outcome(Measures(**{**GOOD, **measures}), way_before_m, 0, 30.0)
    failures = outcome.failures()
    assert len(failures) == (failure is not None) and all(failure in words for words in failures)
    figures = outcome.figures()
    assert figures['distance_error_median_m'] == (None if failure and 'nan' in failure else 0.2)
    json.dumps(figures, allow_nan=False)
