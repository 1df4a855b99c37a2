"""Drawing: a copy with the marks, wherever a box lies."""

import numpy as np
import pytest

from siamla_ros.online.overlay import Mark, draw

GREEN = (0, 255, 0)


@pytest.mark.parametrize('dashed', [False, True])
def test_the_box_is_drawn_on_a_copy(dashed):
    image = np.zeros((120, 160, 3), np.uint8)
    canvas = draw(image, [Mark((40, 40, 60, 40), 'a', GREEN, dashed)], 'caption')
    assert not image.any() and canvas.shape == image.shape
    edge = (canvas[40, 40:100, 1] > 100).mean()
    assert edge > 0.95 if not dashed else 0.4 < edge < 0.95
    assert not canvas[55:65, 60:80].any(), 'the inside stays as it was'


def test_wide_images_are_reduced_with_their_boxes():
    mark = Mark((200, 100, 100, 60), '', GREEN)
    canvas = draw(np.zeros((200, 400, 3), np.uint8), [mark], '', 200)
    assert canvas.shape == (100, 200, 3)
    assert canvas[65, 100, 1] > 100 and canvas[65, 150, 1] > 100


@pytest.mark.parametrize(
    'box',
    [
        (-1e9, -1e9, 2e9, 2e9),
        (1e12, 5, 10, 10),
        (-50, -50, 10, 10),
        (0, 0, 1, 1),
    ],
)
def test_boxes_far_outside_do_no_harm(box):
    for dashed in (False, True):
        draw(np.zeros((50, 60, 3), np.uint8), [Mark(box, 'text', GREEN, dashed)])
