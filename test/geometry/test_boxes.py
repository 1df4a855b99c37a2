"""Box geometry on values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.geometry import boxes


def test_left_top_width_height_to_corners():
    xywh = np.array([[[1.5, 2.0, 3.0, 4.5], [-2.0, 0.0, 10.0, 1.0]]])
    xyxy = boxes.xywh_to_xyxy(xywh)
    assert xyxy.tolist() == [[[1.5, 2.0, 4.5, 6.5], [-2.0, 0.0, 8.0, 1.0]]]


def test_center_of_the_image_is_the_center_of_its_box():
    assert boxes.center((0, 0, 640, 480)) == (320.0, 240.0)
    assert boxes.from_center(320, 240, 640, 480) == (0.0, 0.0, 640, 480)


@pytest.mark.parametrize(
    ('a', 'b', 'expected'),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 5, 10, 10), 25 / 175),
        ((0, 0, 10, 10), (0, 0, 10, 5), 0.5),
        ((0, 0, 10, 10), (10, 0, 10, 10), 0.0),  # half-open: touching is not overlapping
        ((0, 0, 10, 10), (40, 0, 10, 10), 0.0),
        ((0, 0, 0, 10), (0, 0, 10, 10), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0.25, 0, 1, 1), (0.75, 0, 1, 1), 1 / 3),
    ],
)
def test_iou(a, b, expected):
    assert float(boxes.iou(a, b)) == pytest.approx(expected, abs=1e-12)
    assert float(boxes.iou(b, a)) == pytest.approx(expected, abs=1e-12)


def test_iou_of_an_absent_box_is_nan():
    assert np.isnan(boxes.iou((np.nan,) * 4, (0, 0, 10, 10)))


def test_iou_broadcasts():
    many = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    assert boxes.iou(many, (0, 0, 10, 10)).tolist() == [1.0, 0.5]
    assert boxes.iou(many[:, None], many[None]).shape == (2, 2)


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((10, 10, 20, 20), (10, 10, 20, 20)),
        ((-5, -5, 10, 10), (0, 0, 5, 5)),
        ((95, 45, 10, 10), (95, 45, 5, 5)),
        ((200, 10, 20, 20), (98, 10, 2, 20)),  # outside on the right: at the border
        ((-50, -60, 20, 20), (0, 0, 2, 2)),
        ((10, 10, 1, 5), (9.5, 10, 2, 5)),  # too narrow: grown about its middle
        ((-500, -500, 1000, 1000), (0, 0, 100, 50)),
    ],
)
def test_clip(box, expected):
    assert boxes.clip(box, (100, 50)) == pytest.approx(expected)


def test_clip_in_an_image_smaller_than_the_shortest_side():
    assert boxes.clip((5, 5, 3, 3), (1, 1)) == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ('box', 'reason', 'words'),
    [
        ((1, 2, 3), 'not_finite', '4 numbers'),
        ((np.nan, 0, 10, 10), 'not_finite', 'finite'),
        ((0, 0, np.inf, 10), 'not_finite', 'finite'),
        ((-1e300, 0, 2e300, 10), 'outside', '1e+06 px'),
        ((0, 0, 0, 10), 'too_small', 'width and height must be >= 2'),
        ((0, 0, 10, -4), 'too_small', 'width and height must be >= 2'),
        ((0, 0, 1.9, 10), 'too_small', '1.9'),
        ((100, 10, 20, 20), 'outside', '100 x 50'),
        ((-19, 10, 20, 20), 'outside', '2 x 2'),  # one pixel to be seen
        ((10, 49, 20, 20), 'outside', 'inside the image'),
    ],
)
def test_refused_init_boxes(box, reason, words):
    with pytest.raises(boxes.BoxError) as refused:
        boxes.check_init_box(box, (100, 50))
    assert refused.value.reason == reason
    assert words in str(refused.value)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    'box', [(0, 0, 100, 50), (-18, 10, 20, 20), (98, 48, 500, 2), (3, 3, 2, 2)]
)
def test_accepted_init_boxes_stay_as_they_are(box):
    accepted = boxes.check_init_box(box, (100, 50))
    assert accepted == box
    assert all(isinstance(value, float) for value in accepted)
