"""From maps to a box, on maps of a few cells whose answer is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import Window
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.model.grid import CellGrid
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.cell_boxes import cell_boxes
from siamla_ros.tracker.decode import decode_box, decode_boxes
from siamla_ros.tracker.logistic import platt
from siamla_ros.tracker.results import TrackResult

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
    both = Maps(*(np.concatenate([m, m]) for m in both[:3]))
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


def by_hand(found: Maps, window: Window, last: tuple, config: DecodeConfig) -> list[float]:
    """The same decision, one cell after the other: box, confidence, second peak."""
    candidates = cell_boxes(found.ltrb[0], window, 64, GRID).reshape(-1, 4)
    p, q = (m[0].ravel().astype(float) for m in (found.classification, found.quality))
    c = p ** (1 - config.fusion_exponent) * q**config.fusion_exponent
    ranking = []
    for cell, (_, _, w, h) in enumerate(candidates):
        context = [np.sqrt((x + (x + y) / 2) * (y + (x + y) / 2)) for x, y in ((w, h), last[2:])]
        size, aspect = context[0] / context[1], (w / h) / (last[2] / last[3])
        change = max(size, 1 / size) * max(aspect, 1 / aspect)
        row, column = divmod(cell, 4)
        near = [0.5 + 0.5 * np.cos(np.pi * (k - GRID.middle(64)) / 3) for k in (row, column)]
        penalised = c[cell] * np.exp(-config.penalty_k * (change - 1))
        influence = config.window_influence
        ranking.append((1 - influence) * penalised + influence * near[0] * near[1])
    best = int(np.argmax(ranking))
    overlap = boxes.iou(candidates, candidates[best])
    weight = np.where(overlap >= config.vote_iou, c**2, 0)
    box = (candidates * weight[:, None]).sum(0) / weight.sum()
    other = int(np.argmax(np.where(overlap < 0.2, c, 0)))
    scores = []
    for around, value in ((box, c[best]), (candidates[other], c[other])):
        same = boxes.iou(candidates, around)
        agreed = np.average(same, weights=np.where(same >= 0.2, c, 0))
        value *= agreed**config.agreement_exponent
        scores.append(platt(value, config.calibration_scale, config.calibration_bias))
    step = config.size_lr * min(1, 0.4 + c[best])
    size = [last[k] + step * (box[k] - last[k]) for k in (2, 3)]
    middle = boxes.center(box)
    return [*boxes.from_center(*middle, *size), *scores, p[best], q[best], c[best]]


def test_a_batch_is_decided_as_cell_by_cell():
    rng, count = np.random.default_rng(3), 5
    config = DecodeConfig(
        0.4, 0.1, 0.3, 0.7, 0.5, 0.0, agreement_exponent=1.5, calibration_scale=1.3
    )
    batch = Maps(
        rng.random((count, 4, 4), np.float32),
        np.exp(rng.normal(3, 0.4, (count, 4, 4, 4))).astype(np.float32),
        rng.random((count, 4, 4), np.float32),
    )
    windows = [Window(*rng.uniform(50, 300, 2), *rng.uniform(40, 200, 2)) for _ in range(count)]
    last = [(*rng.uniform(0, 200, 2), *rng.uniform(10, 60, 2)) for _ in range(count)]
    found = decode_boxes(batch, windows, 64, GRID, last, config)
    for i, item in enumerate(found):
        one = Maps(*(m[i : i + 1] for m in batch[:3]))
        expected = by_hand(one, windows[i], last[i], config)
        assert numbers(item) == pytest.approx(expected)
        alone = decode_box(batch, i, windows[i], 64, GRID, last[i], config)
        assert numbers(alone) == pytest.approx(expected)


def numbers(found: TrackResult) -> list[float]:
    scores = found.confidence, found.second_peak, found.classification, found.localization
    return [*found.box_xywh, *scores, found.fused_confidence]
