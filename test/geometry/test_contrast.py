"""Boxes without features: refused; flat targets on another ground, thermal and tiny ones: not."""

import numpy as np
import pytest

from siamla_ros.geometry.boxes import BoxError
from siamla_ros.geometry.contrast import MIN_CONTRAST, check_contrast, contrast


def flat(color=(0, 0, 0), width=320, height=240):
    return np.full((height, width, 3), color, np.uint8)


def noisy(sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, (240, 320, 1))
    return np.clip(noise + 30, 0, 255).astype(np.uint8).repeat(3, axis=2)


def square(color, box=(100, 100, 24, 24), ground=(90, 90, 90)):
    image = flat(ground)
    x, y, w, h = box
    image[y : y + h, x : x + w] = color
    return image


@pytest.mark.parametrize('color', [(0, 0, 0), (255, 255, 255), (20, 30, 230)])
@pytest.mark.parametrize('box', [(100, 100, 24, 24), (0, 0, 320, 240), (-10, -10, 30, 30)])
def test_one_color_is_featureless(color, box):
    with pytest.raises(BoxError, match=r'contrast .* is 0.00 gray levels, must be >= 3') as error:
        check_contrast(flat(color), box)
    assert error.value.reason == 'featureless'


def test_sensor_noise_in_the_dark_is_featureless():
    with pytest.raises(BoxError):
        check_contrast(noisy(2.0), (50, 50, 100, 80))


@pytest.mark.parametrize(
    'image, box',
    [
        (square((20, 30, 230)), (100, 100, 24, 24)),  # flat, on another ground
        (square((90, 90, 130)), (100, 100, 24, 24)),  # nearly the same gray level, another color
        (square((110, 110, 110), (100, 100, 3, 3)), (100, 100, 3, 3)),  # tiny and faint
        (square((20, 30, 230), (0, 0, 12, 12)), (-6, -6, 18, 18)),  # cut by the border
        (noisy(9.0), (50, 50, 40, 40)),  # the least texture of real targets
    ],
)
def test_what_can_be_told_apart_is_accepted(image, box):
    check_contrast(image, box)


def test_a_large_box_is_sampled_and_gives_the_same_value():
    image = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    whole = image.reshape(-1, 3).std(axis=0).max()
    assert contrast(image, (0, 0, 1920, 1080)) == pytest.approx(whole, rel=0.02)
    assert whole > MIN_CONTRAST


def test_a_box_outside_of_the_image_has_no_contrast():
    assert contrast(noisy(20.0), (900, 900, 10, 10)) == 0.0
