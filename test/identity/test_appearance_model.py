"""Appearance samples: how often, of what, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from siamla_ros.identity.appearance_model import UNCERTAIN_RATE, AppearanceModel
from siamla_ros.identity.state import IdentityConfig
from siamla_ros.supervision.presence import EvidenceModel
from siamla_ros.tracker.distractors import Distractors
from siamla_ros.tracker.results import TargetState, TrackResult

CONFIG = IdentityConfig(sample_frames=9, sample_s=0.3)  # whatever is shipped
MODEL = EvidenceModel(confidence_weight=0.7, similarity_weight=12.0, color_weight=4.0, bias=-10.5)
SIMILARITY = 0.8
BOX = (100.0, 60.0, 40.0, 80.0)
RED, BLUE = (30, 30, 200), (200, 60, 30)


def answer(box_xywh, confidence=0.95, second_peak=0.0) -> TrackResult:
    return TrackResult(box_xywh, confidence, confidence, confidence, second_peak, confidence)


class Provider:
    """Says the same of all, `loss` less right of `BOX`, and counts how often it is asked."""

    asked, loss = 0, 0.0

    def similarity(self, image_bgr, state, boxes_xywh):
        self.asked += len(boxes_xywh)
        return [SIMILARITY - self.loss * (box[0] > BOX[0]) for box in boxes_xywh]


def scene(box=BOX, color=RED) -> np.ndarray:
    image = np.full((240, 320, 3), 110, np.uint8)
    x, y, w, h = (int(value) for value in box)
    image[y : y + h, x : x + w] = color
    return image


def followed(frames: int, config=CONFIG, interval_s=1 / 30, **options):
    """(provider, appearance, identity) after so many good frames."""
    options['interval_s'] = interval_s
    provider, state = Provider(), TargetState(BOX, None)
    appearance = AppearanceModel(provider, config, MODEL)
    known = appearance.begin(scene(), state)
    for _ in range(frames):
        sample = appearance.sample(known, scene(), state, answer(BOX), **options)
        known = appearance.remember(known, sample, True, interval_s)
    return provider, appearance, known


@pytest.mark.parametrize(
    ('options', 'asked'),
    [
        ({}, 90 // 9),
        ({'low_confidence': True}, 90 // (9 // UNCERTAIN_RATE)),
        ({'uncertain': True}, 90),
    ],
)
def test_a_good_frame_is_seldom_sampled_and_one_of_low_confidence_more_often(options, asked):
    assert followed(90, **options)[0].asked == asked


@pytest.mark.parametrize(
    ('rate_hz', 'wait', 'low_confidence_wait'),
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
def test_a_slow_camera_is_sampled_by_the_clock(rate_hz, wait, low_confidence_wait):
    frames = 180
    assert followed(frames, interval_s=1 / rate_hz)[0].asked == frames // wait
    provider, _, _ = followed(frames, interval_s=1 / rate_hz, low_confidence=True)
    assert provider.asked == frames // low_confidence_wait


@pytest.mark.parametrize(
    ('targets', 'interval_s', 'most'),
    [(1, 1 / 30, 1), (3, 1 / 30, 1), (8, 1 / 30, 3), (32, 1 / 30, 11), (8, 0.2, 8), (8, 1 / 60, 3)],
)
def test_an_image_samples_a_part_of_many_targets(targets, interval_s, most):
    assert AppearanceModel(Provider(), CONFIG).most_samples(targets, interval_s) == most


def test_one_target_need_never_wait():
    seldom = replace(CONFIG, sample_frames=1000, sample_s=3600.0)
    assert AppearanceModel(Provider(), seldom).most_samples(1, 1 / 30) == 1


def test_what_may_wait_is_sampled_on_the_next_image_and_what_is_uncertain_at_once():
    _, appearance, known = followed(8)
    state = TargetState(BOX, None)
    for options, sampled in (
        ({'may_wait': True}, False),
        ({'may_wait': True, 'low_confidence': True}, False),
        ({'may_wait': True, 'uncertain': True}, True),
        ({}, True),
    ):
        sample = appearance.sample(known, scene(), state, answer(BOX), **options)
        assert (sample is not None) is sampled


def test_frames_that_are_not_sampled_take_time_too():
    _, appearance, known = followed(1)
    state = TargetState(BOX, None)
    assert appearance.sample(known, scene(), state, answer(BOX), interval_s=0.1) is None
    for _ in range(2):
        known = appearance.remember(known, None, learn=False, interval_s=0.1)
    assert appearance.sample(known, scene(), state, answer(BOX), interval_s=0.1) is not None


def test_nothing_is_learned_from_a_bad_frame():
    _, appearance, known = followed(30)
    state = TargetState(BOX, None)
    sample = appearance.sample(known, scene(color=BLUE), state, answer(BOX), uncertain=True)
    after = appearance.remember(known, sample, learn=False)
    assert after.views == known.views
    assert after.latest.color < 0.2 < known.latest.color


@pytest.mark.parametrize(('loss', 'color'), [(0.0, BLUE), (0.15, RED), (0.15, BLUE)])
def test_candidates_are_distinguished(loss, color):
    provider, appearance, known = followed(60)
    other = (220.0, 60.0, 40.0, 80.0)
    image = scene()
    image[60:140, 220:260] = color
    provider.loss = loss
    own_p, other_p = appearance.probabilities(
        known, image, TargetState(BOX, None), [answer(BOX), answer(other)]
    )
    assert own_p > 0.9 and own_p > other_p + 0.02
    assert other_p < 0.5 or not (loss and color is BLUE)


def test_a_box_that_shows_nothing_has_probability_zero():
    _, appearance, known = followed(20)
    state = TargetState(BOX, None)
    assert appearance.probabilities(known, scene(), state, [answer((0.0, 0.0, 1.0, 9.0))]) == [0.0]


def test_the_place_of_the_targets_colors_is_proposed():
    _, appearance, known = followed(20)
    there = (250.0, 140.0, 40.0, 80.0)
    (found,) = appearance.color_proposals(known, scene(there), BOX)
    assert abs(found[0] + found[2] / 2 - 270.0) < 12.0
    assert abs(found[1] + found[3] / 2 - 180.0) < 16.0
    known_box = (200.0, 80.0, 120.0, 160.0)
    assert appearance.color_proposals(known, scene(there), BOX, but=[known_box]) == []


def test_switched_off_it_asks_nothing_and_leaves_the_confidence():
    provider, appearance, known = followed(30, replace(CONFIG, enabled=False))
    answers = [answer(BOX, 0.7)]
    assert appearance.probabilities(known, scene(), TargetState(BOX, None), answers) == [0.7]
    assert appearance.color_proposals(known, scene(), BOX) == [] and provider.asked == 0


@pytest.mark.parametrize(('limit', 'accepted'), [(0.9, False), (0.0, True)])
def test_a_search_accepts_no_box_in_colors_that_the_target_never_showed(limit, accepted):
    generous = replace(MODEL, color_weight=0.0)  # shape and confidence say yes
    provider = Provider()
    appearance = AppearanceModel(provider, replace(CONFIG, min_return_color=limit), generous)
    state = TargetState(BOX, None)
    known = appearance.begin(scene(), state)
    (same,) = appearance.probabilities(known, scene(), state, [answer(BOX)])
    (other,) = appearance.probabilities(known, scene(color=BLUE), state, [answer(BOX)])
    assert same > 0.4 and (other > 0.4) is accepted and (other == 0.0) is not accepted


def test_what_a_search_finds_is_compared_with_distractors():
    """One that was seen beside the target is not taken for it when the target is gone."""
    provider, appearance, known = followed(9)
    provider.distractor_level = lambda image, state, box: 0.8 * (box[0] > BOX[0])
    other = answer((180.0, 60.0, 40.0, 80.0))
    image = scene(other.box_xywh) | scene()
    seen = TargetState(BOX, None, distractors=Distractors(seen=(np.ones(2, np.float32),)))
    never = TargetState(BOX, None)
    unseen = appearance.odds_of(known, image, never, [answer(BOX), other])
    right, wrong = appearance.odds_of(known, image, seen, [answer(BOX), other])
    assert right == unseen[0]
    assert wrong == pytest.approx(unseen[1] + 0.8 * MODEL.distractor_weight)
    assert MODEL.distractor_weight < 0.0
