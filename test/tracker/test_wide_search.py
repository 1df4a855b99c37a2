"""The wide search: a target that has left the usual window is found, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('torch')

from support.networks import textured_image, tiny_config

from siamla_ros.geometry import boxes
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.tracker import Tracker

IMAGE = textured_image()  # 240 x 180
TALL = (100.0, 40.0, 16.0, 64.0)  # its window reaches 24 px to each side, the wide one 64
CELLS = 6


class World:
    """A runtime that sees one object where a window holds its center, with a set confidence.

    Attributes:
        usual: Confidence in windows of the target's aspect.
        square: The same in windows that are square.
        asked: Windows of each call.
    """

    device, name = 'cpu', 'world'

    def __init__(self, box_xywh, usual=0.9, square=0.6):
        self.box, self.usual, self.square = box_xywh, usual, square
        self.asked = []

    def template(self, image, window, border):
        return 0.0

    def similarity(self, first, second):
        return 1.0

    def respond(self, image, windows, borders, templates):
        self.asked.append(list(windows))
        n = len(windows)
        p, ltrb = np.full((n, CELLS, CELLS), 0.01, 'f4'), np.full((n, 4, CELLS, CELLS), 4.0, 'f4')
        cx, cy = boxes.center(self.box)
        for i, window in enumerate(windows):
            sx, sy = window.scale(96)
            x, y = (cx - window.cx) * sx + 48.0, (cy - window.cy) * sy + 48.0
            column, row = round(x / 16), round(y / 16)
            if not (0 <= column < CELLS and 0 <= row < CELLS):
                continue
            near = self.square if window.width == pytest.approx(window.height) else self.usual
            p[i, row, column] = near
            half_w, half_h = self.box[2] / 2 * sx, self.box[3] / 2 * sy
            dx, dy = x - 16.0 * column, y - 16.0 * row
            ltrb[i, :, row, column] = half_w - dx, half_h - dy, half_w + dx, half_h + dy
        return Maps(p, ltrb, p.copy())


def tracker_in(world: World, **changes) -> Tracker:
    plain = DecodeConfig(penalty_k=0.0, window_influence=0.0, size_lr=1.0, vote_iou=1.0)
    return Tracker(world, tiny_config(), replace(plain, **changes))


def test_a_target_that_moved_beyond_its_narrow_window_is_found():
    world = World(boxes.as_box((145.0, 40.0, 16.0, 64.0)))  # 45 px to the right
    tracker = tracker_in(world)
    result = tracker.update(IMAGE, [tracker.init(IMAGE, TALL)])[0]
    assert result.box_xywh == pytest.approx(world.box)
    assert result.confidence == pytest.approx(0.9), 'of a window of the usual size'
    assert result.state.box_xywh == result.box_xywh
    usual, wide, near = (windows[0] for windows in world.asked)
    assert (usual.cx, usual.width, usual.height) == pytest.approx((108.0, 48.0, 192.0))
    assert (wide.cx, wide.width, wide.height) == pytest.approx((108.0, 127.968, 127.968))
    assert (near.cx, near.width, near.height) == pytest.approx((153.0, 48.0, 192.0))


def test_a_sure_answer_is_looked_at_once():
    world = World(TALL, usual=0.5)
    tracker = tracker_in(world)
    assert tracker.update(IMAGE, [tracker.init(IMAGE, TALL)])[0].confidence == pytest.approx(0.5)
    assert [len(windows) for windows in world.asked] == [1]
    assert tracker.update(IMAGE, []) == []


@pytest.mark.parametrize(('usual', 'square'), [(0.3, 0.2), (0.2, 0.25)])
def test_the_first_answer_stays_unless_the_place_itself_shows_more(usual, square):
    world = World(TALL, usual, square)
    tracker = tracker_in(world)
    result = tracker.update(IMAGE, [tracker.init(IMAGE, TALL)])[0]
    assert result.confidence == pytest.approx(usual)
    assert len(world.asked) == (3 if square > usual else 2)


def test_it_can_be_switched_off_and_probes_never_look_again():
    world = World(boxes.as_box((145.0, 40.0, 16.0, 64.0)))
    tracker = tracker_in(world, wide_below=0.0)
    state = tracker.init(IMAGE, TALL)
    assert tracker.update(IMAGE, [state])[0].confidence < 0.1
    assert tracker_in(world).probe(IMAGE, state, [TALL])[0].confidence < 0.1
    assert [len(windows) for windows in world.asked] == [1, 1]


@settings(max_examples=60, deadline=None)
@given(
    where=st.tuples(st.floats(10, 210), st.floats(10, 110)),
    starts=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 100)), min_size=1, max_size=4),
    square=st.floats(0.02, 0.99),
)
def test_no_target_gets_less_sure_and_none_takes_the_answer_of_another(where, starts, square):
    world = World((*where, 16.0, 64.0), 0.9, square)
    plain, wide = tracker_in(world, wide_below=0.0), tracker_in(world)
    states = [plain.init(IMAGE, (*start, 16.0, 64.0)) for start in starts]
    before, after = plain.update(IMAGE, states), wide.update(IMAGE, states)
    for state, first, second in zip(states, before, after, strict=True):
        assert second.confidence >= first.confidence
        if second.confidence == first.confidence:
            assert second == first
        assert wide.update(IMAGE, [state])[0] == second


def test_values_beyond_their_range_are_refused():
    with pytest.raises(ValueError, match='wide_factor = 0.1: must lie in'):
        DecodeConfig(wide_factor=0.1)
    with pytest.raises(ValueError, match='wide_below = 2'):
        DecodeConfig(wide_below=2.0)
