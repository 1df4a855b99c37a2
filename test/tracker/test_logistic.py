"""Probabilities, log odds, Platt scaling; and that no room writes them again."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from siamla_ros.tracker.logistic import (
    PEAK_KEPT,
    logit,
    peak_ratio,
    platt,
    recent_peak_ratio,
    sigmoid,
)

PACKAGE = Path(__file__).resolve().parents[2] / 'siamla_ros'
SIGMOID = r'1(?:\.0)? / \(1(?:\.0)? \+ (?:np|math)\.exp'
LOGIT = r'log\((\w+) / \(1(?:\.0)? - \1\)\)'


@pytest.mark.parametrize(('probability', 'odds'), [(0.5, 0.0), (0.75, math.log(3))])
def test_logit_and_sigmoid_are_inverse(probability, odds):
    assert logit(probability) == pytest.approx(odds)
    assert logit(1.0 - probability) == pytest.approx(-odds)
    assert sigmoid(odds) == pytest.approx(probability)


def test_certainty_stays_finite():
    assert logit(1.0) == pytest.approx(math.log(1e6), abs=1e-5)
    assert logit(0.0, 1e-3) == pytest.approx(-math.log(999))
    assert 0.0 < sigmoid(-1e9) < 1e-12 < 1.0 - 1e-12 < sigmoid(1e9) <= 1.0


def test_platt_scales_log_odds():
    scores = np.array([0.0, 0.2, 0.7, 1.0])
    assert platt(scores, 1.0, 0.0) == pytest.approx(scores, abs=2e-6)
    expected = [sigmoid(2.0 * logit(score) - 0.5) for score in scores]
    assert platt(scores, 2.0, -0.5) == pytest.approx(expected)
    assert [float(platt(score, 2.0, -0.5)) for score in scores] == pytest.approx(expected)


def test_nothing_else_writes_a_sigmoid_or_a_logit():
    found = {
        path.name
        for path in PACKAGE.rglob('*.py')
        if re.search(f'{SIGMOID}|{LOGIT}', path.read_text('utf-8'))
    }
    assert found == {'logistic.py'}


def test_the_ratio_of_peaks_is_bounded_and_remembered():
    assert (
        peak_ratio(0.9, 0.0) == 0.0 and peak_ratio(0.9, 1.0) == 1.0 and peak_ratio(0.0, 0.0) == 0.0
    )
    assert peak_ratio(0.8, 0.2) == pytest.approx(0.5)
    assert peak_ratio(0.001, 0.001) < 0.15, 'two answers to nothing are no likeness'
    row = recent_peak_ratio(np.full(4, 0.8), np.array([0.0, 0.2, 0.0, 0.8]))
    assert row == pytest.approx([0.0, 0.5, 0.5 * PEAK_KEPT, 1.0])
