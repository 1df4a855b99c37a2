"""Figures against values worked out by hand."""

import numpy as np
import pytest

from siamla_ros.evaluation.metrics import (
    Scores,
    center_error,
    curves,
    judged_frames,
    mean_scores,
    overlap,
    sequence_scores,
)

NAN = [np.nan] * 4
TRUTH = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], NAN, [0, 0, 0, 5]], float)


@pytest.mark.parametrize(
    ('a', 'b', 'expected'),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 10, 10], 1 / 3),
        ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),
        ([0, 0, 10, 10], NAN, 0.0),
        (NAN, [0, 0, 10, 10], 0.0),
    ],
)
def test_overlap(a, b, expected):
    assert overlap(np.array([a], float), np.array([b], float))[0] == pytest.approx(expected)


def test_first_frame_and_frames_without_truth_do_not_count():
    assert judged_frames(TRUTH).tolist() == [False, True, True, False, False]


def test_success_is_strict_and_averages_21_thresholds():
    predicted = TRUTH.copy()
    predicted[1] = [0, 0, 10, 5]  # IoU 0.5: above 0, 0.05 ... 0.45, not above 0.5
    predicted[2] = [0, 0, 10, 10]  # IoU 1: above all but 1
    scores = sequence_scores(predicted, TRUTH)
    assert scores.success_auc == pytest.approx((10 / 21 + 20 / 21) / 2)
    assert scores.ao == pytest.approx(0.75)
    assert scores.sr_050 == 0.5  # 0.5 itself does not count
    assert scores.sr_075 == 0.5
    assert scores.frames == 2


def test_precision_counts_the_limit_itself():
    predicted = TRUTH.copy()
    predicted[1] += [12, 16, 0, 0]  # 20 px off
    predicted[2] += [12, 17, 0, 0]
    scores = sequence_scores(predicted, TRUTH)
    assert scores.precision_20px == 0.5
    assert scores.success_auc == 0.0


def test_normalized_precision_is_in_units_of_the_true_box():
    truth = np.array([[0, 0, 10, 40]] * 2, float)
    predicted = truth + [2, 4, 0, 0]  # 0.2 and 0.1 of the sides
    assert center_error(predicted, truth, normalized=True)[1] == pytest.approx(np.hypot(0.2, 0.1))
    # hypot(0.2, 0.1) = 0.2236: reached from threshold 0.23 to 0.50, 28 of 51
    assert sequence_scores(predicted, truth).normalized_precision == pytest.approx(28 / 51)


def test_a_missing_prediction_is_a_miss():
    predicted = TRUTH.copy()
    predicted[1] = NAN
    curve = curves(predicted, TRUTH)
    assert curve.precision[-1] == 0.5
    assert curve.success[0] == 0.5


@pytest.mark.parametrize(
    ('predicted', 'truth', 'message'),
    [
        (TRUTH[:3], TRUTH, r'shape \(3, 4\)'),
        (TRUTH[:1], TRUTH[:1], 'nothing to judge'),
    ],
)
def test_refuses(predicted, truth, message):
    with pytest.raises(ValueError, match=message):
        sequence_scores(predicted, truth)


def test_mean_over_sequences_and_over_frames():
    one = Scores(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, frames=3)
    none = Scores(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, frames=1)
    assert mean_scores([one, none]).ao == 0.5
    assert mean_scores([one, none], pooled=True).ao == 0.75
    assert mean_scores([one, none]).frames == 4
    with pytest.raises(ValueError, match='no sequence'):
        mean_scores([])
