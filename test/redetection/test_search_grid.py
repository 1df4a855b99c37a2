"""Where a search looks."""

from __future__ import annotations

import math

import pytest
from support.searches import IMAGE, LAST

from siamla_ros.geometry import boxes
from siamla_ros.redetection.search_grid import grid, ring


@pytest.mark.parametrize('aspect', [(40.0, 40.0), (20.0, 60.0), (120.0, 15.0), (300.0, 300.0)])
@pytest.mark.parametrize('image_size', [(640, 480), (320, 200), (1920, 1080)])
def test_grid_holds_a_target_wherever_it_is(aspect, image_size):
    w, h = aspect
    windows = grid((10.0, 10.0, w, h), image_size, 4.0, most=10_000)
    for x in range(0, max(int(image_size[0] - w), 1), 17):
        for y in range(0, max(int(image_size[1] - h), 1), 17):
            held = any(
                abs(x + w / 2 - cx) <= 1.5 * w + 1e-6 and abs(y + h / 2 - cy) <= 1.5 * h + 1e-6
                for cx, cy in map(boxes.center, windows)
            )
            assert held, (x, y)


def test_grid_grows_coarser_before_it_grows_longer():
    fine, coarse = (grid((0.0, 0.0, 20.0, 20.0), IMAGE, 4.0, most) for most in (1000, 40))
    assert len(fine) > 100 and len(coarse) <= 40
    assert coarse[0][2] > fine[0][2] == 20.0
    assert coarse[0][2] <= 50.0
    tiny = grid((0.0, 0.0, 5.0, 5.0), IMAGE, 4.0, most=40)
    assert len(tiny) > 40 and tiny[0][2] == 12.5, 'never too coarse to recognize'
    nearest = [math.dist(boxes.center(box), (10.0, 10.0)) for box in fine]
    assert nearest == sorted(nearest)


def test_rings_grow_and_stay_in_the_image():
    assert [box[2] for box in ring(LAST, 0, 4.0, IMAGE)] == pytest.approx([40.0, 68.0, 24.0])
    first, second = (ring(LAST, number, 4.0, IMAGE) for number in (1, 2))
    assert len(first) == 8 and len(second) > 8
    corner = ring((0.0, 0.0, 40.0, 40.0), 1, 4.0, IMAGE)
    assert len(corner) == 3, 'the other five would see nothing new'
    for box in (*first, *second, *corner):
        cx, cy = boxes.center(box)
        assert 0.0 <= cx <= IMAGE[0] and 0.0 <= cy <= IMAGE[1]
