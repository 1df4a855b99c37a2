"""Drawing: a copy with the marks, wherever a box lies."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from support.engines import started
from support.scenes import SIDE

from siamla_ros.online.overlay import (
    BANNER_PX,
    COLORS_BGR,
    Mark,
    Trail,
    Trails,
    dimmed,
    draw,
    marks_of,
    target_marks,
)
from siamla_ros.supervision.supervisor import State

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


@pytest.mark.parametrize(
    'box', [(150, 2, 8, 8), (-30, 110, 20, 20), (60, 50, 40, 30), (158, 118, 9, 9)]
)
def test_the_label_is_inside_the_image(box):
    blank = np.zeros((120, 160, 3), np.uint8)
    text = draw(blank, [Mark(box, 'person 0.97', GREEN)]).astype(int)
    bare = draw(blank, [Mark(box, '', GREEN)]).astype(int)
    wide = draw(np.zeros((400, 600, 3), np.uint8), [Mark((300, 200, 9, 9), 'person 0.97', GREEN)])
    bare_wide = draw(np.zeros((400, 600, 3), np.uint8), [Mark((300, 200, 9, 9), '', GREEN)])
    whole = int((wide != bare_wide).any(2).sum())
    assert int((text != bare).any(2).sum()) > 0.8 * whole, 'as many pixels as where there is room'


def test_a_label_is_paler_than_its_box_so_that_thin_strokes_are_seen():
    blank, blue = np.zeros((120, 240, 3), np.uint8), COLORS_BGR[State.SEARCHING]
    mark = Mark((30, 50, 60, 40), 'person 0.97', blue)
    label = draw(blank, [mark])[:48]
    assert np.median(label[label.any(2)].max(0)) >= (blue[1] + 255) // 2
    assert (draw(blank, [replace(mark, text='')])[50:52, 40:80] == blue).all(), 'the box is not'


@pytest.mark.parametrize('confidence, share', [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_bar_is_as_long_as_the_confidence(confidence, share):
    image = np.full((120, 160, 3), 90, np.uint8)
    canvas = draw(image, [Mark((30, 30, 100, 40), '', GREEN, confidence=confidence)])
    row = canvas[70 + 4, 30:130]
    assert (row == GREEN).all(1).mean() == pytest.approx(share, abs=0.02)


def test_marks_of_an_image_before_are_dimmed_and_their_banner_does_not_flicker():
    before = [
        Mark((1, 2, 3, 4), 'a', (10, 200, 30), True, 0.5),
        Mark(None, '', GREEN, banner='LOST'),
        Mark((5, 6, 7, 8), '', GREEN, thin=True),
    ]
    box, missing = dimmed(before)
    assert box == Mark((1, 2, 3, 4), 'a', (5, 100, 15), True)
    assert missing.banner == 'LOST'
    image = np.full((120, 160, 3), 90, np.uint8)
    bands = [draw(image, marks)[:BANNER_PX] for marks in (before[1:2], [missing])]
    assert np.array_equal(*bands)


def test_where_a_search_looks_is_a_thin_box():
    mark = Mark((40, 40, 60, 40), '', GREEN, thin=True)
    thin, thick = (
        draw(np.zeros((120, 160, 3), np.uint8), [item])
        for item in (mark, replace(mark, thin=False))
    )
    assert (thin[40, 45:95, 1] > 100).all() and not thin[50, 60].any()
    assert (thin[..., 1] > 100).sum() < 0.6 * (thick[..., 1] > 100).sum()


def test_the_bar_has_ticks_at_the_thresholds():
    image = np.full((120, 160, 3), 90, np.uint8)
    mark = Mark((30, 30, 100, 40), '', GREEN, confidence=0.5)
    row = draw(image, [mark], thresholds=(0.25, 1.0))[70 + 4, 30:130]
    assert (row == 255).all(1).nonzero()[0].tolist() == [25, 99]


def test_a_trail_joins_confirmed_places_only():
    centers = ((10, 60), (40, 60), None, (80, 60), (110, 60), (500, 60))
    canvas = draw(np.zeros((120, 160, 3), np.uint8), [], trails=[Trail(centers, GREEN)])
    row = canvas[60, :, 1] > 0
    assert row[10:40].all() and row[80:110].all() and not row[45:75].any() and not row[115:].any()


class Output(NamedTuple):
    """What a trail needs of an output."""

    id: str
    box_xywh: tuple[float, float, float, float]
    confirmed: bool
    state: State = State.TRACKING


def test_trails_follow_each_target_for_some_images():
    trails, size = Trails(images=2), (320, 240)
    trails.add([Output('a', (0, 0, 10, 20), True), Output('b', (50, 50, 10, 10), False)], size)
    trails.add([Output('a', (2, 0, 10, 20), True)], size)
    (trail,) = trails.add([Output('a', (4, 0, 10, 20), False)], size)
    assert trail == ((((7.0, 10.0), None)), COLORS_BGR[State.TRACKING])


def test_a_trail_begins_anew_where_the_camera_changes_its_resolution():
    trails = Trails()
    trails.add([Output('a', (0, 0, 10, 20), True)], (320, 240))
    (trail,) = trails.add([Output('a', (4, 0, 20, 40), True)], (640, 480))
    assert trail.centers == ((14.0, 20.0),)
    (trail,) = trails.add([Output('a', (6, 0, 20, 40), True)], (640, 480))
    assert trail.centers == ((14.0, 20.0), (16.0, 20.0))


def marks(state, confirmed, **options):
    return target_marks('dog', state, confirmed, 0.7, (10, 40, 20, 20), **options)


@pytest.mark.parametrize(
    'state, confirmed, box, dashed',
    [
        (State.TRACKING, True, (10, 40, 20, 20), False),
        (State.UNCERTAIN, False, (10, 40, 20, 20), True),
        (State.UNCERTAIN, True, (10, 40, 20, 20), False),
        (State.LOST, False, (1, 2, 3, 4), True),
        (State.SEARCHING, False, (1, 2, 3, 4), True),
    ],
)
def test_a_box_has_the_color_of_its_state(state, confirmed, box, dashed):
    (mark,) = marks(state, confirmed, last_xywh=(1, 2, 3, 4))
    assert (mark.box_xywh, mark.dashed, mark.color_bgr) == (box, dashed, COLORS_BGR[state])
    assert mark.text == f'dog 0.70 {state.name}'
    assert mark.banner == (f'{state.name}: dog' if state in (State.LOST, State.SEARCHING) else '')


def test_lost_is_a_banner_even_where_there_is_no_box():
    image = np.full((120, 160, 3), 90, np.uint8)
    canvas = draw(image, marks(State.LOST, False))
    red = canvas[:BANNER_PX, :, 2].astype(int) - canvas[:BANNER_PX, :, 0]
    assert (red > 60).mean() > 0.6
    assert np.array_equal(canvas[BANNER_PX:], image[BANNER_PX:])
    assert np.array_equal(draw(image, [])[:BANNER_PX], image[:BANNER_PX])


def test_the_last_confirmed_box_is_drawn_in_pixels_of_the_present_image():
    """The camera changed its resolution while the target was away."""
    engine, film = started(redetection__mode='off')
    for _ in range(10):
        engine.process(film.shoot(100))
    for width, scale in ((320, 1), (640, 2)):
        for _ in range(40):
            outputs = engine.process(film.shoot(None, width=width, height=240 * scale))
        (mark,) = [mark for mark in marks_of(outputs) if mark.banner]
        assert mark.box_xywh == (100 * scale, 100 * scale, SIDE * scale, SIDE * scale)
        assert outputs[0].last_confirmed_xywh == (100, 100, SIDE, SIDE), 'of the image of its stamp'
