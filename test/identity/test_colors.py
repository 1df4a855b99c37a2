"""Colors of a box, and where an image has them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamla_ros.identity.colors import (
    LEVELS,
    color_similarity,
    colored_place,
    colors,
)

RED, BLUE, GREEN = (30, 30, 200), (200, 60, 30), (40, 160, 60)
GREY = (110, 110, 110)
BOX = (100.0, 60.0, 40.0, 80.0)
PERSON = (20.0, 10.0, 40.0, 80.0)


def scene(box=BOX, top=RED, below=BLUE, ground=(128, 128, 128)) -> np.ndarray:
    """240 x 320: a figure in two colors before noise."""
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(ground, 12.0, (240, 320, 3)), 0, 255).astype(np.uint8)
    x, y, w, h = (int(value) for value in box)
    image[y : y + h // 2, x : x + w] = top
    image[y + h // 2 : y + h, x : x + w] = below
    return image


def test_a_description_is_a_distribution_and_like_itself():
    found = colors(scene(), BOX)
    assert found.shape == (np.prod(LEVELS),)
    assert found.sum() == pytest.approx(1.0) and found.min() >= 0.0
    assert color_similarity(found, found) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ('other', 'box', 'low', 'high'),
    [
        (scene((30.0, 100.0, 40.0, 80.0)), (30.0, 100.0, 40.0, 80.0), 0.98, 1.0),  # moved
        (cv2.resize(scene(), None, fx=2, fy=2), (200.0, 120.0, 80.0, 160.0), 0.95, 1.0),  # nearer
        (scene(), (104.0, 66.0, 40.0, 80.0), 0.8, 1.0),  # a box that is a little off
        (scene(top=GREEN), BOX, 0.4, 0.6),  # another shirt
        (scene(top=GREEN, below=(20, 200, 220)), BOX, 0.0, 0.1),  # somebody else
    ],
)
def test_similarity(other, box, low, high):
    assert low <= color_similarity(colors(scene(), BOX), colors(other, box)) <= high


def test_noise_does_not_toss_gray_about():
    rng = np.random.default_rng(1)
    first, second = (
        np.clip(rng.normal(128, 3, (40, 40, 3)), 0, 255).astype(np.uint8) for _ in range(2)
    )
    box = (0.0, 0.0, 40.0, 40.0)
    assert color_similarity(colors(first, box), colors(second, box)) > 0.95


@pytest.mark.parametrize('box', [(-60.0, 10.0, 40.0, 40.0), (400.0, 10.0, 9.0, 9.0), (5, 5, 1, 1)])
def test_a_box_that_shows_nothing_has_no_colors(box):
    assert colors(scene(), box) is None


def test_the_colored_place_is_the_target():
    image = scene((220.0, 30.0, 40.0, 80.0))
    x, y = colored_place(image, colors(scene(), BOX), (40.0, 80.0))
    assert abs(x - 240.0) < 8.0 and abs(y - 70.0) < 12.0


def test_what_is_known_is_not_proposed_again():
    image = scene()
    again = colored_place(image, colors(image, BOX), (40.0, 80.0), [(90.0, 50.0, 60.0, 100.0)])
    assert again is None or not (100 <= again[0] <= 140 and 60 <= again[1] <= 140)


def test_colors_that_are_nowhere_have_no_place():
    assert colored_place(scene(top=GREEN, below=GREEN), colors(scene(), BOX), (40, 80)) is None
