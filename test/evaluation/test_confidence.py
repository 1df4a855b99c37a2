"""Rank correlation, calibration and presence figures against values worked out by hand."""

import math

import numpy as np
import pytest

from siamla_ros.evaluation.cells import Cells, alignment, spearman
from siamla_ros.evaluation.confidence import (
    absence,
    agreement,
    auroc,
    frames_until_below,
    reliability,
)
from siamla_ros.evaluation.runner import Run


def run_of(confidence, boxes, truth, absent=None, extra=None) -> Run:
    confidence, truth = np.array(confidence, float), np.array(truth, float)
    absent = np.zeros(len(truth), bool) if absent is None else np.array(absent, bool)
    seconds = np.full(len(truth), 0.01)
    return Run('t', 's', np.array(boxes, float), confidence, seconds, truth, absent, extra or {})


@pytest.mark.parametrize(
    ('a', 'b', 'expected'),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [9, 4, 1, 0], -1.0),
        ([1, 2, 3], [1, 3, 2], 0.5),
        ([1, 2, 3, np.nan], [1, 3, 2, 100], 0.5),
        ([1, 1, 2, 2], [1, 2, 1, 2], 0.0),
    ],
)
def test_spearman(a, b, expected):
    assert spearman(np.array(a, float), np.array(b, float)) == pytest.approx(expected)


@pytest.mark.parametrize(('a', 'b'), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_spearman_of_too_little_is_not_a_number(a, b):
    assert math.isnan(spearman(np.array(a, float), np.array(b, float)))


@pytest.mark.parametrize(
    ('positive', 'negative', 'expected'),
    [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1], [1], 0.5), ([1, 3], [2, 2], 0.5)],
)
def test_auroc(positive, negative, expected):
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_auroc_needs_both_sides():
    assert math.isnan(auroc(np.array([]), np.array([1.0])))


def test_calibration_error_weighs_the_bins():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.1, np.nan])
    right = np.array([1, 1, 1, 0, 0, 1], bool)
    bins = reliability(confidence, right, bins=10)
    assert bins.count.sum() == 5
    assert bins.ece == pytest.approx(4 / 5 * abs(0.75 - 0.9) + 1 / 5 * 0.1)


def test_a_confidence_of_one_falls_in_the_last_bin():
    assert reliability(np.array([1.0]), np.array([True]), bins=15).count[-1] == 1


@pytest.mark.parametrize(
    ('confidence', 'expected'), [([0.2, 0.9], 1), ([0.9, 0.4], 2), ([0.9, 0.8], math.inf)]
)
def test_frames_until_below(confidence, expected):
    assert frames_until_below(np.array(confidence), 0.5) == expected


def test_alignment_looks_at_cells_within_the_true_box_only():
    truth = np.array([0, 0, 10, 10], float)
    boxes = np.array([[0, 0, 10, 5], [0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 10]], float)
    centers = np.array([[1, 1], [5, 5], [9, 9], [50, 50]], float)
    found = alignment(Cells(boxes, centers, np.array([0.9, 0.5, 0.1, 1.0])), truth)
    assert found['alignment_gap'] == pytest.approx(0.5)  # best box 1.0, best score's box 0.5
    assert found['alignment_rank'] == pytest.approx(-0.5)
    assert alignment(Cells(boxes, centers + 100, np.ones(4)), truth) == {}


def test_agreement_pools_judged_frames():
    truth = [[0, 0, 10, 10]] * 4
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 6], [0, 0, 10, 3]]
    extra = {'alignment_gap': np.array([np.nan, 0.1, 0.2, 0.3])}
    figures = agreement([run_of([1, 0.9, 0.6, 0.3], boxes, truth, extra=extra)])
    assert figures['spearman'] == pytest.approx(1.0)
    assert figures['alignment_gap'] == pytest.approx(0.2)
    assert math.isnan(figures['alignment_rank'])


def test_absence_compares_frames_on_the_target_with_frames_without_it():
    truth = [[0, 0, 10, 10]] * 3 + [[np.nan] * 4] * 2
    boxes = [[0, 0, 10, 10]] * 2 + [[0, 0, 10, 4]] + [[0, 0, 10, 10]] * 2
    # the third frame is off the target: its low confidence must not count as present
    run = run_of([1, 0.8, 0.1, 0.9, 0.3], boxes, truth, absent=[0, 0, 0, 1, 1])
    figures = absence([run])
    assert figures.auroc == pytest.approx(0.5)
    assert figures.threshold == pytest.approx(0.8)
    assert figures.fall_median == 2
    assert figures.never == 0


def test_no_confidence_no_figures():
    truth = [[0, 0, 10, 10]] * 2 + [[np.nan] * 4]
    run = run_of([1, np.nan, np.nan], [[0, 0, 10, 10]] * 3, truth, absent=[0, 0, 1])
    assert absence([run]) is None
    assert math.isnan(agreement([run])['spearman'])
