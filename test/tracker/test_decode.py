"""From maps to a box, on maps of a few cells whose answer is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.geometry.crops import Window
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.model.grid import CellGrid
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.decode import box_agreement, cell_boxes, decode_box
from siamla_ros.tracker.logistic import platt

GRID = CellGrid(stride=16, offset=0.0, slack=15)
PLAIN = DecodeConfig(0.5, penalty_k=0.0, window_influence=0.0, size_lr=1.0, vote_iou=1.0)
WINDOW = Window(100.0, 60.0, 64.0, 64.0)  # a crop of 64 px: one crop pixel is one image pixel
LAST = (90.0, 50.0, 20.0, 20.0)


def maps(p: np.ndarray, q: np.ndarray | None = None, reach: float = 10.0) -> Maps:
    """One map of squares with sides of twice ``reach`` round their cells."""
    p = np.asarray(p, np.float32)[None]
    ltrb = np.full((1, 4, *p.shape[1:]), reach, np.float32)
    return Maps(p, ltrb, p if q is None else np.asarray(q, np.float32)[None])


def flat(value: float = 0.01) -> np.ndarray:
    return np.full((4, 4), value)


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


def test_the_best_cell_gives_box_and_scores():
    p, q = flat(), flat(0.5)
    p[1, 3], q[1, 3] = 0.64, 0.36
    decoded = decode_box(maps(p, q), 0, WINDOW, 64, GRID, LAST, PLAIN)
    assert decoded.box_xywh == pytest.approx((116 - 10, 44 - 10, 20, 20))
    assert decoded.classification == pytest.approx(0.64)
    assert decoded.localization == pytest.approx(0.36)
    assert decoded.confidence == pytest.approx(0.48)  # sqrt(0.64 * 0.36)


@pytest.mark.parametrize(('exponent', 'expected'), [(0.0, 0.8), (1.0, 0.2), (0.5, 0.4)])
def test_fusion(exponent, expected):
    p, q = flat(0.0), flat(0.0)
    p[2, 2], q[2, 2] = 0.8, 0.2
    config = DecodeConfig(exponent, 0.0, 0.0, 1.0, 1.0)
    found = decode_box(maps(p, q), 0, WINDOW, 64, GRID, LAST, config).confidence
    assert found == pytest.approx(expected)


def test_a_map_of_the_batch_is_chosen_by_its_index():
    both = maps(flat())
    both = Maps(*(np.concatenate([m, m]) for m in both))
    both.classification[1, 0, 0] = both.quality[1, 0, 0] = 0.9
    assert decode_box(both, 0, WINDOW, 64, GRID, LAST, PLAIN).confidence == pytest.approx(0.01)
    assert decode_box(both, 1, WINDOW, 64, GRID, LAST, PLAIN).confidence == pytest.approx(0.9)


def test_second_peak_is_the_best_cell_whose_box_is_another():
    p = flat()
    p[1, 1], p[1, 2], p[3, 3] = 0.9, 0.8, 0.6  # boxes of 40 px: (1,2) overlaps (1,1) by 24/56
    decoded = decode_box(maps(p, reach=20.0), 0, WINDOW, 64, GRID, LAST, PLAIN)
    assert decoded.confidence == pytest.approx(0.9)
    assert decoded.second_peak == pytest.approx(0.6)


def test_cells_that_agree_vote_by_the_square_of_their_confidence():
    p = flat(0.0)
    p[1, 1], p[1, 2], p[3, 3] = 0.8, 0.4, 0.7
    config = DecodeConfig(0.5, 0.0, 0.0, 1.0, vote_iou=0.4)
    box = decode_box(maps(p, reach=20.0), 0, WINDOW, 64, GRID, LAST, config).box_xywh
    # Weights 0.64 and 0.16 on x = 84 and 100; the neighbors above, below and left have weight ~0.
    assert box == pytest.approx((84 + 16 * 0.2 - 20, 44 - 20, 40, 40), abs=1e-6)


def test_the_window_prefers_the_middle_among_equals():
    p = flat()
    p[0, 3] = p[2, 2] = p[3, 0] = 0.5
    config = DecodeConfig(0.5, 0.0, window_influence=0.3, size_lr=1.0, vote_iou=1.0)
    box = decode_box(maps(p), 0, WINDOW, 64, GRID, LAST, config).box_xywh
    assert box[:2] == pytest.approx((100 - 10, 60 - 10))


@pytest.mark.parametrize(('grid', 'best'), [(CellGrid(16, 0.0, 15), 2), (CellGrid(16, 15.5, 0), 1)])
def test_the_window_has_its_middle_where_the_grid_says(grid, best):
    config = DecodeConfig(0.5, 0.0, window_influence=0.9, size_lr=1.0, vote_iou=1.0)
    p = flat(0.5)
    box = decode_box(maps(p), 0, WINDOW, 64, grid, LAST, config).box_xywh
    assert box[0] + 10 == pytest.approx(68 + 16 * best + grid.offset)


def test_a_leap_in_size_is_penalised():
    p = flat()
    p[1, 1], p[2, 2] = 0.50, 0.45
    two = maps(p)
    two.ltrb[0, :, 1, 1] = 30.0  # three times as large as LAST; (2,2) is just as large
    chosen = {}
    for k in (0.0, 0.05):
        config = DecodeConfig(0.5, penalty_k=k, window_influence=0, size_lr=1, vote_iou=1)
        chosen[k] = decode_box(two, 0, WINDOW, 64, GRID, LAST, config)
    # exp(-0.05 (3 - 1)) = 0.905 takes 0.50 to 0.452: above 0.45 still, so that k decides finely.
    assert chosen[0.0].classification == chosen[0.05].classification == pytest.approx(0.50)
    config = DecodeConfig(0.5, penalty_k=0.06, window_influence=0, size_lr=1, vote_iou=1)
    penalised = decode_box(two, 0, WINDOW, 64, GRID, LAST, config)
    assert penalised.classification == pytest.approx(0.45)
    assert penalised.confidence == pytest.approx(0.45)  # the penalty ranks, it is not reported


def test_a_change_of_aspect_is_penalised_both_ways():
    p = flat()
    p[1, 1], p[2, 2] = 0.50, 0.40
    config = DecodeConfig(0.5, penalty_k=0.5, window_influence=0, size_lr=1, vote_iou=1)
    for wide, high in ((40.0, 2.5), (2.5, 40.0)):
        two = maps(p)
        two.ltrb[0, 0::2, 1, 1], two.ltrb[0, 1::2, 1, 1] = wide, high
        found = decode_box(two, 0, WINDOW, 64, GRID, LAST, config)
        assert found.classification == pytest.approx(0.40)


@pytest.mark.parametrize(
    ('rate', 'confidence', 'expected'),
    [(1.0, 0.1, 40.0), (0.5, 0.8, 30.0), (0.5, 0.1, 25.0), (0.0, 0.9, 20.0)],
)
def test_size_follows_at_its_rate_and_slower_while_doubtful(rate, confidence, expected):
    p = flat(0.0)
    p[2, 2] = confidence
    config = DecodeConfig(0.5, 0.0, 0.0, size_lr=rate, vote_iou=1.0)
    box = decode_box(maps(p, reach=20.0), 0, WINDOW, 64, GRID, LAST, config).box_xywh
    # From 20 to 40 px by rate * min(1, 0.4 + c); the center follows at once.
    assert box == pytest.approx((100 - expected / 2, 60 - expected / 2, expected, expected))


@pytest.mark.parametrize('name', ['fusion_exponent', 'penalty_k', 'vote_iou', 'size_lr'])
def test_values_beyond_their_range_are_refused(name):
    for value in (-0.1, 1.1, float('nan')):
        with pytest.raises(ValueError, match=name):
            DecodeConfig(**{name: value})
    with pytest.raises(TypeError, match='nonsense'):
        DecodeConfig.from_dict({'nonsense': 1.0})


def test_consensus_is_the_weighted_overlap_of_the_boxes_of_one_object():
    box = np.array([0.0, 0.0, 10.0, 10.0])
    candidates = np.array([[box, [5.0, 0.0, 10.0, 10.0], [50.0, 50.0, 10.0, 10.0]]])  # 1, 1/3, 0
    agreed = box_agreement(candidates, np.array([[0.6, 0.2, 0.9]]), box)
    assert agreed == pytest.approx((0.6 + 0.2 / 3) / 0.8)  # the one far away has no say
    assert box_agreement(candidates, np.array([[0.6, 0.0, 0.9]]), box) == pytest.approx(1.0)
    assert box_agreement(candidates, np.zeros((1, 3)), box) == 0.0


def test_disagreeing_cells_lower_the_confidence_of_both_peaks_and_move_no_box():
    p = flat(0.0)
    p[1, 1], p[1, 2], p[3, 3] = 0.9, 0.9, 0.6  # boxes of 40 px: the first two overlap by 24/56
    plain = decode_box(maps(p, reach=20.0), 0, WINDOW, 64, GRID, LAST, PLAIN)
    config = DecodeConfig(0.5, 0.0, 0.0, 1.0, 1.0, agreement_exponent=2.0)
    decoded = decode_box(maps(p, reach=20.0), 0, WINDOW, 64, GRID, LAST, config)
    assert decoded.box_xywh == plain.box_xywh
    assert decoded.confidence == pytest.approx(0.9 * ((1 + 24 / 56) / 2) ** 2)
    # (3,3)'s box shares 8 x 24 px with that of (1,2), 192 / 3008 < 0.2: it agrees with itself
    assert decoded.second_peak == pytest.approx(0.6)


def test_the_fused_confidence_is_that_of_the_cell_before_agreement_and_calibration():
    p, q = flat(0.0), flat(0.0)
    p[1, 1], q[1, 1] = 0.64, 0.25
    p[1, 2], q[1, 2] = 0.6, 0.25  # another box of the same object: the cells do not agree
    config = DecodeConfig(
        0.5, 0.0, 0.0, 1.0, 1.0, agreement_exponent=2.0, calibration_scale=2.0, calibration_bias=1.0
    )
    decoded = decode_box(maps(p, q, reach=20.0), 0, WINDOW, 64, GRID, LAST, config)
    assert decoded.fused_confidence == pytest.approx(0.4)
    assert decoded.confidence != pytest.approx(platt(0.4, 2.0, 1.0), abs=0.01)
