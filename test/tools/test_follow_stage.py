"""The pictures of `make demo-follow`: what they show is what happened."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('siamla_ros.msg', reason='needs the built messages: make setup')

from follow_sim.counterpart import NodeAnswer
from follow_sim.episode import Episode
from follow_sim.measures import Moment
from follow_sim.robot import Robot
from follow_sim.stage import BELIEVED_BGR, FIGURES_BGR, LINE, MAP, Event, Stage

from siamla_ros.online.overlay import COLORS_BGR
from siamla_ros.supervision.supervisor import State


def has(part, color):
    return bool((np.abs(part.astype(int) - color).max(axis=-1) < 4).any())


def test_the_course_shows_each_state_where_it_was_and_the_map_what_is_there():
    episode, robot = Episode(1), Robot()
    stage = Stage(10.0, (Event(5.0, 'half'),), 2.0)
    view = episode.scene.render(0.0, 0.0, 0.0, episode.figures)
    for now_s, state in ((1.0, State.TRACKING), (5.0, State.LOST)):
        episode.target.present = state is State.TRACKING
        box, position = (
            ((200.0, 90.0, 60.0, 150.0), (0.0, 3.0))
            if episode.target.present
            else (
                None,
                None,
            )
        )
        answer = NodeAnswer(
            box, state is State.LOST, state, 0.9, (200.0, 90.0, 60.0, 150.0), position
        )
        frame = stage.draw(Moment(now_s, robot, episode, view, answer), enabled=True)
        left, top, width, height = MAP
        ground = frame[top : top + height, left : left + width]
        assert has(ground, FIGURES_BGR['target']) == episode.target.present
        assert has(ground, BELIEVED_BGR) == episode.target.present
    assert frame.shape == (720, 1280, 3)
    left, top, width, _ = LINE
    row = frame[top + 11]
    assert tuple(row[left + round(0.1 * width) + 4]) == COLORS_BGR[State.TRACKING]
    assert tuple(row[left + round(0.5 * width) + 4]) == COLORS_BGR[State.LOST]


def test_a_moment_that_is_kept_does_not_move_on():
    episode, robot = Episode(1), Robot()
    kept = Moment(0.0, robot, episode, None, None).kept()
    x = episode.target.x
    robot.x = 5.0
    episode.step(1.0, robot)
    assert kept.robot.x == 0.0 and kept.episode.target.x == x != episode.target.x
    assert kept.episode.figures == [
        kept.episode.target,
        kept.episode.distractor,
        kept.episode.occluder,
    ]
    assert not any(one is other for one, other in zip(kept.episode.figures, episode.figures))
    assert {figure.name for figure in episode.figures} == set(FIGURES_BGR)
