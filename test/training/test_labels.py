"""Which cells learn what, on boxes of a few cells worked out by hand."""

from __future__ import annotations

from math import exp, nan

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.model.grid import CellGrid  # noqa: E402
from siamla_ros.training.labels import assign, cell_centers, classification_target  # noqa: E402

GRID = CellGrid(16, 0.0, 15)
# Center (32, 32): the cell in row 2, column 2. Half extents 20 and 10.
BOX = [12.0, 22.0, 52.0, 42.0]


def cells(mask: torch.Tensor) -> list[tuple[int, int]]:
    return [tuple(index) for index in mask.nonzero().tolist()]


def test_ellipses_and_prior():
    found = assign(torch.tensor([BOX]), 5, 6, GRID)
    assert cells(found.positive[0]) == [(2, 2)]
    # 16 px to the side: d2^2 = (16/20)^2 = 0.64, inside but ignored; 16 px up: 2.56, outside.
    assert cells(found.inside[0]) == [(2, 1), (2, 2), (2, 3)]
    assert found.prior[0, 2, 2].item() == 1.0
    assert found.prior[0, 2, 3].item() == pytest.approx(exp(-0.64 / 0.5))
    assert found.prior[0, 1, 2].item() == pytest.approx(exp(-2.56 / 0.5))


def test_another_grid_moves_the_cells():
    x, y = cell_centers(2, 3, CellGrid(8, 7.5, -7), torch.zeros(1))
    assert x.flatten().tolist() == [7.5, 15.5, 23.5]
    assert y.flatten().tolist() == [7.5, 15.5]
    box = torch.tensor([[v + 7.5 for v in BOX]])
    assert cells(assign(box, 5, 6, CellGrid(16, 7.5, 0)).positive[0]) == [(2, 2)]


def test_a_thin_box_between_cells_has_the_nearest():
    # 10:1, between rows 1 (16 px) and 2 (32 px), nearer to row 2 and to column 3 (48 px).
    found = assign(torch.tensor([[20.0, 24.0, 80.0, 30.0]]), 5, 6, GRID)
    assert cells(found.positive[0]) == [(2, 3)]
    assert (2, 3) in cells(found.inside[0])


def test_a_large_box_has_an_ellipse_of_positives():
    found = assign(torch.tensor([[0.0, 0.0, 64.0, 64.0]]), 5, 5, GRID)
    # d4 < 1: within 16 px of (32, 32), the rim excluded.
    assert cells(found.positive[0]) == [(2, 2)]
    found = assign(torch.tensor([[-4.0, -4.0, 68.0, 68.0]]), 5, 5, GRID)
    assert cells(found.positive[0]) == [(1, 2), (2, 1), (2, 2), (2, 3), (3, 2)]


def test_an_absent_target_has_no_cell():
    found = assign(torch.tensor([[nan] * 4, BOX]), 5, 6, GRID)
    assert not found.positive[0].any()
    assert not found.inside[0].any()
    assert found.positive[1].any()


@pytest.mark.parametrize(
    ('dynamic', 'smoothing', 'label_warmup', 'expected'),
    [
        (True, 0.2, 1.0, 0.8 * 0.6 + 0.2 * 1.0),  # (1 - eps) q + eps s
        (True, 0.0, 1.0, 0.6),
        (True, 0.2, 0.0, 1.0),  # before the label_warmup q counts as 1
        (True, 0.0, 0.25, 0.25 * 0.6 + 0.75),
        (False, 0.2, 1.0, 0.9),  # plain smoothing: 1 - eps/2
        (False, 0.0, 0.0, 1.0),
    ],
)
def test_the_label_of_the_positive_cell(dynamic, smoothing, label_warmup, expected):
    found = assign(torch.tensor([BOX]), 5, 6, GRID)
    iou = torch.full((1, 5, 6), 0.6, requires_grad=True)
    y = classification_target(found, iou, dynamic, smoothing, label_warmup)
    assert y[0, 2, 2].item() == pytest.approx(expected)
    assert y.sum().item() == pytest.approx(expected)  # 0 everywhere else
    assert not y.requires_grad


def test_lals_adds_the_prior_of_the_place():
    found = assign(torch.tensor([[-4.0, -4.0, 68.0, 68.0]]), 5, 5, GRID)
    y = classification_target(found, torch.full((1, 5, 5), 0.5), True, 0.3, 1.0)
    prior = exp(-((16 / 36) ** 2) / 0.5)
    assert y[0, 2, 2].item() == pytest.approx(0.7 * 0.5 + 0.3)
    assert y[0, 2, 3].item() == pytest.approx(0.7 * 0.5 + 0.3 * prior)
