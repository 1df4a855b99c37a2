"""Boxes of all cells, on values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import Window
from siamla_ros.model.grid import CellGrid
from siamla_ros.tracker.cell_boxes import CellBoxes, batch_boxes, cell_boxes

GRID = CellGrid(stride=16, offset=0.0, slack=15)
WINDOW = Window(100.0, 60.0, 64.0, 64.0)  # a crop of 64 px: one crop pixel is one image pixel


@pytest.mark.parametrize(('offset', 'x0', 'y0'), [(0.0, 68.0, 28.0), (7.5, 75.5, 35.5)])
def test_cells_lie_where_the_grid_says(offset, x0, y0):
    grid = CellGrid(16, offset, 0)
    found = cell_boxes(np.zeros((4, 4, 4), np.float32), WINDOW, 64, grid)
    assert found.shape == (4, 4, 4)
    assert found[0, 0].tolist() == [x0, y0, 0.0, 0.0]
    assert found[1, 3].tolist() == [x0 + 48, y0 + 16, 0.0, 0.0]  # row is y, column is x


def test_distances_are_scaled_with_the_window_along_each_axis():
    ltrb = np.array([1.0, 2.0, 3.0, 4.0], np.float32).reshape(4, 1, 1) * np.ones((1, 4, 4), 'f4')
    window = Window(100.0, 60.0, 128.0, 32.0)  # an image pixel is 1/2 crop pixel in x, 2 in y
    # Cell (row 2, column 2) is the middle of the crop, and so of the window.
    assert cell_boxes(ltrb, window, 64, GRID)[2, 2].tolist() == [98.0, 59.0, 8.0, 3.0]


def test_maps_of_a_batch_lie_in_their_own_windows():
    ltrb = np.full((2, 4, 3, 4), 8.0, np.float32)
    windows = [WINDOW, Window(300.0, 200.0, 128.0, 32.0)]
    found = batch_boxes(ltrb, windows, 64, GRID).xywh
    assert found.shape == (2, 4, 12)
    for one, window, row in zip(ltrb, windows, found, strict=True):
        assert row.T.reshape(3, 4, 4).tolist() == cell_boxes(one, window, 64, GRID).tolist()


def test_overlap_is_that_of_the_boxes_one_by_one():
    rng = np.random.default_rng(0)
    xywh = rng.uniform(0, 20, (3, 4, 50))
    xywh[0, 2:, :3] = 0.0  # empty
    xywh[1, 2, 4] = -5.0
    xywh[2, 0, 5] = np.nan
    one = rng.uniform(0, 20, (3, 4))
    found = CellBoxes(xywh).iou(one)
    for row, cells, box in zip(found, xywh, one, strict=True):
        np.testing.assert_allclose(row, boxes.iou(cells.T, box), rtol=1e-12)
    empty = np.zeros((3, 4))
    np.testing.assert_array_equal(CellBoxes(np.zeros((3, 4, 2))).iou(empty), np.zeros((3, 2)))


def test_agreement_is_the_weighted_overlap_of_the_boxes_of_one_object():
    box = np.array([[0.0, 0.0, 10.0, 10.0]])
    others = [[5.0, 0.0, 10.0, 10.0], [50.0, 50.0, 10.0, 10.0]]  # IoU 1/3 and 0
    cells = CellBoxes(np.ascontiguousarray(np.array([*box, *others]).T[None]))
    agreed = cells.agreement(np.array([[0.6, 0.2, 0.9]]), box)
    assert agreed == pytest.approx([(0.6 + 0.2 / 3) / 0.8])  # the one far away has no say
    assert cells.agreement(np.array([[0.6, 0.0, 0.9]]), box) == pytest.approx([1.0])
    assert cells.agreement(np.zeros((1, 3)), box).tolist() == [0.0]
