"""The stability analysis: what is varied, against what it is compared, and what is said of it."""

import numpy as np
import pytest

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import stability
from siamla_ros.evaluation.runner import Run
from siamla_ros.model.decode_config import DecodeConfig

TRUTH = np.tile([10.0, 20.0, 30.0, 40.0], (40, 1))


def run(name: str, good: np.ndarray, confidence: float = 1.0) -> Run:
    """A run whose box is exact where `good` and far away elsewhere."""
    truth = TRUTH[-len(good) :]
    boxes = np.where(good[:, None], truth, truth + 500.0)
    filled = np.full(len(good), confidence)
    return Run('t', name, boxes, filled, filled, truth, np.zeros(len(good), bool), {})


def test_each_parameter_is_varied_by_a_fifth_within_its_limits():
    decode = DecodeConfig(
        vote_iou=0.9,
        min_update_confidence=0.0,
        second_peak_weight=-2.5,
        distractor_weight=-3.0,
        bystander_weight=-3.0,
        filter_weight=-4.0,
        wide_factor=4.0,
    )
    found = [v for v in stability.variants(2, decode) if v.group == stability.PARAMETER]
    options = [v.options for v in found]
    assert {'vote_iou': 0.72} in options and {'vote_iou': 1.0} in options  # its limit
    assert {'second_peak_weight': -3.0} in options
    assert {'wide_factor': 3.2} in options and {'wide_factor': 4.0} in options
    names = {name for one in options for name in one}
    off = {'min_update_confidence', 'agreement_exponent', 'calibration_bias'}
    assert names == set(DecodeConfig.__dataclass_fields__) - off
    for one in options:
        DecodeConfig(**one)


def test_boxes_seeds_and_first_frames_are_varied_of_any_tracker():
    found = stability.variants(3, None)
    groups = [v.group for v in found]
    assert groups == [
        '', *[stability.SEED] * 3, *[stability.START] * 3, *[stability.BOX] * 8,
    ]  # fmt: skip
    begun = [v.begin(Sequence('s', [], TRUTH)) for v in found]
    names = [item.name for item in begun if item is not None]
    assert len(set(names)) == len(names)  # each run has a file of its own
    assert 's@from-0.5' in names and 's@from-0.75' not in names  # ten frames are too few
    wider = next(item for v, item in zip(found, begun) if v.name == 'sides x 1.2')
    assert wider.init_box_xywh == pytest.approx((7.0, 16.0, 36.0, 48.0))


def test_a_later_start_is_compared_on_its_own_frames():
    halves = np.arange(40) >= 20
    variant = stability.Variant(stability.START, 'at 50%', lambda s: s)
    row = stability.row_of(variant, [run('s', halves)], [run('s@from-0.5', np.ones(20, bool))])
    assert row.auc == pytest.approx(row.before) and row.targets == 1
    assert (row.low, row.high, row.moved) == (0.0, 0.0, 0)


def test_a_row_tells_of_each_target():
    all_good, none = np.ones(40, bool), np.zeros(40, bool)
    exact = [run('a', all_good), run('b', all_good)]
    variant = stability.Variant(stability.SEED, '0', lambda s: s)
    found = stability.row_of(variant, exact, [run('a@c', all_good), run('b@c', none)])
    best = 20 / 21  # of 21 thresholds an overlap of 1 is above 20
    assert (found.before, found.auc) == (pytest.approx(best), pytest.approx(best / 2))
    assert (found.moved, found.worst) == (1, pytest.approx(-best))
    assert (found.low, found.high) == (pytest.approx(-best), pytest.approx(0.0))
    assert found.ece == pytest.approx(0.5)
    assert f'{best / 2 - best:+.3f} ({-best:+.3f}, +0.000)' in stability.stability_table([found])


def test_a_tracker_without_a_confidence_has_no_calibration_error():
    runs = [run('a', np.ones(40, bool), np.nan)]
    row = stability.row_of(stability.Variant('g', 'v', lambda s: s), runs, runs)
    assert np.isnan(row.ece)


def test_the_spread_is_that_of_the_mean_and_of_each_target():
    good, none = np.ones(40, bool), np.zeros(40, bool)
    lists = [[run('a', good), run('b', none)], [run('a', none), run('b', good)]]
    found = stability.spread({'seed': lists, 'one': lists[:1]})
    assert found['seed']['variants'] == 2
    assert found['seed']['sd of the mean'] == pytest.approx(0.0)
    assert found['seed']["sd of a target's AUC"] == pytest.approx(20 / 21 / np.sqrt(2))
    assert np.isnan(found['one']['sd of the mean'])
    assert '| seed' in stability.spread_table(found)
