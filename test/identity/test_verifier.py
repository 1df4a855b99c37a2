"""Looks through the tracker's eyes: how often, at what, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from siamla_ros.identity.model import IdentityConfig
from siamla_ros.identity.verifier import HASTE, Glance, Recognizer
from siamla_ros.tracker.results import TargetState

CONFIG = IdentityConfig(  # whatever is shipped
    learn_frames=9,
    learn_s=0.3,
    prior_looks=5.0,
    usual_confidence=3.0,
    confidence_spread=0.5,
    usual_likeness=0.8,
    likeness_spread=0.04,
    usual_color=0.95,
    color_spread=0.03,
    confidence_weight=0.5,
    likeness_weight=0.8,
    color_weight=0.8,
    bias=5.0,
)
BOX = (100.0, 60.0, 40.0, 80.0)
RED, BLUE = (30, 30, 200), (200, 60, 30)


@dataclass(frozen=True)
class Answer:
    box_xywh: tuple[float, float, float, float]
    confidence: float = 0.95


class Seer:
    """Says the same of all, `loss` less right of `BOX`, and counts how often it is asked."""

    asked, loss = 0, 0.0

    def similarity(self, image_bgr, state, boxes_xywh):
        self.asked += len(boxes_xywh)
        return [CONFIG.usual_likeness - self.loss * (box[0] > BOX[0]) for box in boxes_xywh]


def scene(box=BOX, color=RED) -> np.ndarray:
    image = np.full((240, 320, 3), 110, np.uint8)
    x, y, w, h = (int(value) for value in box)
    image[y : y + h, x : x + w] = color
    return image


def followed(frames: int, config=CONFIG, interval_s=1 / 30, **options):
    """(seer, recognizer, identity) after so many trusted frames."""
    options['interval_s'] = interval_s
    seer, state = Seer(), TargetState(BOX, None)
    recognizer = Recognizer(seer, config)
    known = recognizer.begin(scene(), state)
    for _ in range(frames):
        glance = recognizer.glance(known, scene(), state, Answer(BOX), **options)
        known = recognizer.remember(known, glance, 0.95, True, interval_s)
    return seer, recognizer, known


@pytest.mark.parametrize(
    ('options', 'asked'),
    [({}, 90 // 9), ({'doubtful': True}, 90 // (9 // HASTE)), ({'uncertain': True}, 90)],
)
def test_a_good_frame_is_seldom_looked_at_and_a_doubtful_one_more_often(options, asked):
    assert followed(90, **options)[0].asked == asked


@pytest.mark.parametrize(
    ('rate_hz', 'wait', 'doubtful_wait'),
    [
        (60.0, 9, 3),
        (30.0, 9, 3),
        (29.97, 9, 3),
        (15.0, 5, 2),
        (10.0, 3, 1),
        (5.0, 2, 1),
        (1.0, 1, 1),
    ],
)
def test_a_slow_camera_is_looked_at_by_the_clock(rate_hz, wait, doubtful_wait):
    frames = 180
    assert followed(frames, interval_s=1 / rate_hz)[0].asked == frames // wait
    seer, _, _ = followed(frames, interval_s=1 / rate_hz, doubtful=True)
    assert seer.asked == frames // doubtful_wait


def test_frames_that_are_not_trusted_take_time_too():
    _, recognizer, known = followed(1)
    state = TargetState(BOX, None)
    for _ in range(2):
        known = recognizer.remember(known, Glance(), 0.95, trusted=False, interval_s=0.2)
    assert recognizer.glance(known, scene(), state, Answer(BOX), interval_s=0.1).look


def test_frames_that_are_not_trusted_teach_nothing():
    _, recognizer, known = followed(30)
    look = recognizer.glance(known, scene(), TargetState(BOX, None), Answer(BOX), uncertain=True)
    after = recognizer.remember(known, look, 0.95, trusted=False)
    assert replace(after, frames=known.frames, seconds=known.seconds) == known
    assert recognizer.remember(known, Glance(), 0.95, trusted=False).frames == known.frames + 1


@pytest.mark.parametrize(('loss', 'color'), [(0.0, BLUE), (0.15, RED), (0.15, BLUE)])
def test_candidates_are_told_apart(loss, color):
    seer, recognizer, known = followed(60)
    other = (220.0, 60.0, 40.0, 80.0)
    image = scene()
    image[60:140, 220:260] = color
    seer.loss = loss
    mine, his = recognizer.probabilities(
        known, image, TargetState(BOX, None), [Answer(BOX), Answer(other)]
    )
    assert mine > 0.95 and mine > his + 0.05
    assert his < 0.3 or not (loss and color is BLUE)


def test_a_box_that_shows_nothing_is_nobody():
    _, recognizer, known = followed(20)
    state = TargetState(BOX, None)
    assert recognizer.probabilities(known, scene(), state, [Answer((0.0, 0.0, 1.0, 9.0))]) == [0.0]


def test_the_targets_colors_are_a_place_to_look_first():
    _, recognizer, known = followed(20)
    there = (250.0, 140.0, 40.0, 80.0)
    (found,) = recognizer.sights(known, scene(there), BOX)
    assert abs(found[0] + found[2] / 2 - 270.0) < 12.0
    assert abs(found[1] + found[3] / 2 - 180.0) < 16.0
    known_box = (200.0, 80.0, 120.0, 160.0)
    assert recognizer.sights(known, scene(there), BOX, but=[known_box]) == []


def test_switched_off_it_asks_nothing_and_leaves_the_confidence():
    seer, recognizer, known = followed(30, replace(CONFIG, enabled=False))
    answers = [Answer(BOX, 0.7)]
    assert recognizer.probabilities(known, scene(), TargetState(BOX, None), answers) == [0.7]
    assert recognizer.sights(known, scene(), BOX) == [] and seer.asked == 0
