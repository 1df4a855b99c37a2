"""Colour comparison of boxes."""

import numpy as np
import pytest

from siamla_ros.colours import colour_signature, colour_similarity

BOX = (20.0, 10.0, 40.0, 80.0)
RED, BLUE, GREY = (30, 30, 200), (200, 60, 30), (110, 110, 110)


def person(upper, lower, gain=1.0, shift=0):
    """An image of noise with a two-coloured box."""
    rng = np.random.default_rng(1)
    image = rng.normal(120, 8, (100, 100, 3))
    x, y, w, h = (int(value) for value in BOX)
    image[y:y + h // 2, x + shift:x + w + shift] = upper
    image[y + h // 2:y + h, x + shift:x + w + shift] = lower
    noise = rng.normal(0, 3, image.shape)
    return np.clip(image * gain + noise, 0, 255).astype(np.uint8)


def alike(first, second, box=BOX):
    return colour_similarity(colour_signature(first, BOX), colour_signature(second, box))


def test_the_same_is_one_and_every_half_counts():
    assert alike(person(RED, BLUE), person(RED, BLUE)) > 0.97
    assert alike(person(RED, BLUE), person(BLUE, RED)) < 0.1
    assert alike(person(RED, BLUE), person(RED, GREY)) == pytest.approx(0.5, abs=0.1)


def test_a_little_less_light_or_a_box_a_little_off_still_is_alike():
    assert alike(person(RED, BLUE), person(RED, BLUE, gain=0.9)) > 0.6
    assert alike(person(RED, BLUE), person(RED, BLUE), (24.0, 14.0, 40.0, 80.0)) > 0.85


@pytest.mark.parametrize('box', [(-30.0, -60.0, 40.0, 80.0), (90.0, 90.0, 40.0, 80.0),
                                 (500.0, 500.0, 10.0, 10.0), (20.0, 10.0, 0.4, 0.4)])
def test_boxes_over_the_border_or_without_pixels(box):
    signature = colour_signature(person(RED, BLUE), box)
    assert np.isfinite(signature).all()
    assert 0.0 <= colour_similarity(signature, signature) <= 1.0
    assert alike(person(RED, BLUE), person(RED, BLUE), box) < 0.9


def test_grey_images_are_compared_by_their_brightness():
    assert alike(person(GREY, GREY), person(GREY, GREY)) > 0.9
    assert alike(person(GREY, GREY), person((20, 20, 20), (20, 20, 20))) < 0.3
