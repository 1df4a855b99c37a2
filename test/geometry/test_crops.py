"""Context crops: what lies where, to a hundredth of a pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.networks import textured_image

from siamla_ros.geometry.crops import Window, border_color, context_window, crop, crops

BLACK = (0.0, 0.0, 0.0)


def blob(x: float, y: float, sigma: float = 5.0, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A bright spot centerd on (x, y) in an image of ``size`` (width, height)."""
    columns, rows = np.arange(size[0]) + 0.5, np.arange(size[1])[:, None] + 0.5
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.rint(spot)[..., None], 3, 2).astype(np.uint8)


def centroid(image: np.ndarray) -> tuple[float, float]:
    weight = image[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    x, y = (float((places * weight).sum() / weight.sum()) for places in (columns, rows))
    return x, y


def test_center_of_the_window_is_the_center_of_the_crop():
    for size in (127, 128, 192, 255):
        found = centroid(crop(blob(100.3, 80.6), Window(100.3, 80.6, 60, 60), size, BLACK))
        assert found == pytest.approx((size / 2, size / 2), abs=0.01)


@pytest.mark.parametrize(
    ('window', 'size'),
    [
        (Window(100.3, 80.6, 60.0, 60.0), 128),
        (Window(90.1, 85.7, 97.3, 60.2), 192),  # another scale along x than along y
        (Window(85.0, 90.0, 190.0, 180.0), 64),  # shrunk by 2 first
        (Window(121.0, 77.0, 340.5, 301.2), 96),  # shrunk by 3, and beyond three borders
        (Window(100.3, 80.6, 430.0, 60.0), 128),  # shrunk along x alone
    ],
)
def test_a_point_of_the_image_lands_where_the_window_says(window, size):
    x, y = 100.3, 80.6
    sx, sy = window.scale(size)
    expected = ((x - window.cx) * sx + size / 2, (y - window.cy) * sy + size / 2)
    assert centroid(crop(blob(x, y), window, size, BLACK)) == pytest.approx(expected, abs=0.03)


def test_a_window_of_whole_pixels_copies_them():
    image = textured_image()
    part = crop(image, Window(60.0, 70.0, 64.0, 64.0), 64, BLACK)
    assert np.array_equal(part, image[38:102, 28:92])


def test_beyond_the_border_lies_the_border_color():
    image = np.full((40, 60, 3), 200, np.uint8)
    part = crop(image, Window(0.0, 20.0, 40.0, 40.0), 40, (10.0, 20.0, 30.0))
    assert np.array_equal(part[20, 5], (10, 20, 30))
    assert np.array_equal(part[20, 35], (200, 200, 200))
    assert np.array_equal(part[20, 19], (10, 20, 30))  # the last pixel outside, not mixed
    assert np.array_equal(part[20, 20], (200, 200, 200))


@pytest.mark.parametrize('side', [50.0, 500.0])
def test_a_window_that_sees_nothing_is_all_border(side):
    part = crop(textured_image(), Window(5000.0, -5000.0, side, side), 64, (10.0, 20.0, 30.0))
    assert part.shape == (64, 64, 3)
    assert (part == (10, 20, 30)).all()


def test_an_image_of_a_few_pixels_can_be_shrunk():
    part = crop(np.full((3, 3, 3), 250, np.uint8), Window(1.5, 1.5, 250.0, 250.0), 64, BLACK)
    assert part.max() < 250  # it is there, but much less than a pixel of the crop
    assert part.max() > 0
    assert part[:28].max() == 0


def test_fine_detail_is_averaged_not_aliased():
    checks = ((np.indices((256, 256)).sum(0) % 2) * 255).astype(np.uint8)
    part = crop(np.repeat(checks[..., None], 3, 2), Window(128.0, 128.0, 200.0, 200.0), 50, BLACK)
    assert part.min() >= 126
    assert part.max() <= 129


@pytest.mark.parametrize('rows', [2, 3, 5])
def test_blocks_of_rows_have_the_means_that_opencv_gives_blocks(rows):
    """To the gray level, ties included: what was tuned and calibrated on OpenCV's stays valid."""
    image = np.random.default_rng(rows).integers(0, 256, (64 * rows, 64, 3)).astype(np.uint8)
    expected = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    found = crop(image, Window(32.0, 32.0 * rows, 64.0, 64.0 * rows), 64, BLACK)
    np.testing.assert_array_equal(found, expected)


def test_crops_of_several_windows_are_those_of_each():
    image, borders = textured_image(), [BLACK, (10.0, 20.0, 30.0), (5.4, 5.5, 5.6)]
    windows = [
        Window(100.0, 60.0, 40.0, 150.0),
        Window(5.0, 170.0, 90.0, 60.0),
        Window(9e3, 60.0, 300.0, 60.0),  # sees nothing
    ]
    found = crops(image, windows, 64, borders)
    for one, window, border in zip(found, windows, borders, strict=True):
        np.testing.assert_array_equal(one, crop(image, window, 64, border))


@pytest.mark.parametrize(
    ('isotropic', 'sides'), [(0.0, (80.0, 20.0)), (1.0, (40.0, 40.0)), (0.5, (3200**0.5, 800**0.5))]
)
def test_aspect_of_the_window(isotropic, sides):
    window = context_window((10.0, 20.0, 40.0, 10.0), 2.0, isotropic)
    assert (window.cx, window.cy) == (30.0, 25.0)
    assert (window.width, window.height) == pytest.approx(sides)


def test_border_color_is_the_mean():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = (40, 80, 120)
    assert border_color(image) == (20.0, 40.0, 60.0)
