"""Augmentation: what is hidden is gone, what is moved takes its box along."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.training import composite
from siamla_ros.training.augment import Light, cover, deform, degrade, motion_blur, paste

RED = (20, 20, 240)


def scene(box: tuple[int, int, int, int], size: int = 160) -> np.ndarray:
    """A red rectangle (xyxy) on gray noise."""
    image = np.random.default_rng(0).integers(60, 90, (size, size, 3)).astype(np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = RED
    return image


def red(image: np.ndarray) -> np.ndarray:
    return np.abs(image.astype(int) - RED).max(-1) < 60


def extent(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1.0, rows[-1] + 1.0


@pytest.mark.parametrize('box', [(60, 70, 100, 100), (-10, 20, 30, 60), (130, 130, 170, 165)])
def test_a_covered_target_is_gone(box):
    other = np.full((160, 160, 3), 128, np.uint8)
    left = []
    for seed in range(30):
        x0, y0, x1, y1 = (int(np.clip(v, 0, 160)) for v in box)
        image = scene((x0, y0, x1, y1))
        cover(image, tuple(float(v) for v in box), other, np.random.default_rng(seed))
        left.append(red(image[y0:y1, x0:x1]).mean())
    assert max(left) < 0.15  # a patch of the same scene may hold a corner of it
    assert np.median(left) < 0.02


@pytest.mark.parametrize('seed', range(8))
def test_a_deformed_target_takes_its_box_along(seed):
    box = (50, 60, 110, 100)
    image = scene(box)
    found, moved = deform(image, tuple(map(float, box)), np.random.default_rng(seed))
    assert found.shape == image.shape
    assert not np.array_equal(found, image)
    # Corners of a rectangle reach beyond the ellipse that the box is drawn round.
    assert extent(red(found)) == pytest.approx(moved, abs=9.0)


def test_without_turn_and_bend_nothing_moves():
    image = scene((50, 60, 110, 100))
    rng = np.random.default_rng(0)
    found, moved = deform(image, (50.0, 60.0, 110.0, 100.0), rng, angle_deg=0.0, bend=0.0)
    assert moved == pytest.approx((50, 60, 110, 100), abs=0.3)
    assert np.abs(found.astype(int) - image).max() <= 1


@pytest.mark.parametrize(('angle', 'box'), [(0.0, (60, 50, 100, 70)), (90.0, (70, 40, 90, 80))])
def test_a_cut_out_is_drawn_where_it_says(angle, box):
    cutout = (np.full((30, 50, 3), RED, np.uint8), np.ones((30, 50), np.float32))
    canvas = scene((0, 0, 0, 0))
    drawn = composite.place(canvas, cutout, 80.0, 60.0, 40.0, 20.0, angle)
    assert drawn == pytest.approx(box, abs=1.01)
    assert extent(red(canvas)) == pytest.approx(drawn, abs=1.01)


def test_paste_blends_by_opacity_and_drops_what_is_outside():
    image = np.zeros((10, 10, 3), np.uint8)
    paste(image, np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 0.5, np.float32), -2, 8)
    assert (image[8:, :2] == 100).all()
    assert image.sum() == 4 * 3 * 100
    paste(image, np.full((4, 4, 3), 200, np.uint8), np.ones((4, 4), np.float32), 50, 50)
    assert image.sum() == 4 * 3 * 100


def test_light_without_change_is_the_image():
    image = scene((10, 10, 30, 30))
    assert np.array_equal(Light((1.0, 1.0, 1.0), 0.0, 1.0, False).apply(image), image)
    gray = Light((1.0, 1.0, 1.0), 0.0, 1.0, True).apply(image)
    assert (gray[..., 0] == gray[..., 2]).all()
    assert (Light((2.0, 1.0, 1.0), 0.0, 1.0, False).apply(image)[..., 0] >= image[..., 0]).all()


def test_blur_keeps_the_light_and_degrading_by_nothing_is_nothing():
    image = scene((50, 50, 90, 90))
    blurred = motion_blur(image, np.random.default_rng(1))
    assert blurred.mean() == pytest.approx(image.mean(), abs=1.0)
    assert blurred.std() < image.std()
    assert np.array_equal(degrade(image, np.random.default_rng(0), 0.0), image)
