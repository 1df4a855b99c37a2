"""Boxes without features: refused; flat targets on another ground, thermal and tiny ones: not."""

import cv2
import numpy as np
import pytest

from siamla_ros.geometry.boxes import BoxError
from siamla_ros.geometry.contrast import (
    MIN_CONTRAST,
    check_contrast,
    contrast,
    correlation,
    cover,
)


def flat(color=(0, 0, 0), width=320, height=240):
    return np.full((height, width, 3), color, np.uint8)


def noisy(sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, (240, 320, 1))
    return np.clip(noise + 30, 0, 255).astype(np.uint8).repeat(3, axis=2)


def smooth(sigma, seed=0):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (240, 320)), (0, 0), 2.0)
    return (
        np.clip(60 + sigma * noise / noise.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
    )


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
        (smooth(9.0), (50, 50, 40, 40)),  # the least texture of real targets
        (noisy(6.0) // 2 + square((200, 200, 200)) // 2, (100, 100, 24, 24)),  # seen through noise
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


def jpeg(image, quality):
    return cv2.imdecode(cv2.imencode('.jpg', image, [1, quality])[1], cv2.IMREAD_COLOR)


WHITE = np.random.default_rng(5).integers(0, 256, (240, 320, 3), dtype=np.uint8)


@pytest.mark.parametrize('box', [(20, 20, 200, 160), (130, 90, 60, 60), (150, 100, 24, 24)])
@pytest.mark.parametrize(
    'image',
    [
        WHITE,
        WHITE[..., :1].repeat(3, 2),
        noisy(8.0),
        noisy(30.0),
        jpeg(WHITE, 80),
        jpeg(noisy(8.0), 80),
    ],
)
def test_noise_is_featureless_however_strong(image, box):
    """The network finds noise again in other noise, with a confidence up to 0.98."""
    assert contrast(image, box) > MIN_CONTRAST
    with pytest.raises(BoxError, match=r'correlation .* is -?0\.\d\d, must be >= 0.25') as error:
        check_contrast(image, box)
    assert error.value.reason == 'featureless'


def test_correlation_of_what_can_be_said_beforehand():
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    assert correlation(ramp, (0, 0, 64, 64)) > 0.99
    board = ((np.indices((64, 64)).sum(axis=0) % 2) * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert correlation(board, (0, 0, 64, 64)) == pytest.approx(-1.0, abs=0.01)
    assert correlation(flat(), (9, 9, 9, 9)) == correlation(ramp, (900, 9, 9, 9)) == -1.0
    large = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    assert abs(correlation(large, (0, 0, 1920, 1080))) < 0.02


@pytest.mark.parametrize('box', [(0, 0, 320, 240), (-50, -50, 500, 500), (5, 5, 310, 228)])
def test_a_box_over_the_whole_image_is_refused(box):
    """The picture's own border would be tracked, whatever the picture shows."""
    with pytest.raises(BoxError, match=r'covers \d+ % of the image, must be below 90 %') as error:
        check_contrast(smooth(40.0), box)
    assert error.value.reason == 'featureless'
    check_contrast(smooth(40.0), (20, 20, 280, 200))


def test_cover_is_the_share_within_the_image():
    assert cover((-10, -10, 20, 20), (100, 50)) == pytest.approx(0.02)
    assert cover((200, 0, 20, 20), (100, 50)) == 0.0 and cover((0, 0, 100, 50), (100, 50)) == 1.0
