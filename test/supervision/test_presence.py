"""The evidence of a frame and of many: a table, and what holds for any input."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamla_ros.supervision.presence import (
    MOST_LOG_ODDS,
    START_LOG_ODDS,
    EvidenceModel,
    frame_log_odds,
    update_presence,
)

MODEL = EvidenceModel(  # whatever is shipped: the tests are about these numbers
    confidence_weight=0.6,
    second_peak_weight=-4.5,
    similarity_weight=7.0,
    color_weight=3.0,
    bias=-5.2,
    usual_similarity=0.46,
    usual_similarity_slope=0.054,
    usual_color=0.95,
    correlation_s=0.056,
    loss_rate=1.0,
    return_rate=0.3,
)
unit = st.floats(0.0, 1.0)
odds = st.floats(-MOST_LOG_ODDS, MOST_LOG_ODDS)


@pytest.mark.parametrize(
    ('frame', 'low', 'high'),
    [
        ((0.97, 0.0, 0.75, 0.97), 2.0, 6.0),  # as ever
        ((0.02, 0.0, 0.35, 0.7), -9.0, -2.5),  # gone
        ((0.95, 0.0, 0.5, 0.6), 0.0, 6.0),  # turned, in another light: not enough against it
        ((0.95, 0.6, 0.5, 0.6), -9.0, -1.0),  # the same with a distractor in sight
        ((0.97, 0.0), 2.0, 6.0),  # never sampled
        ((0.05, 0.0), -6.0, -1.5),  # gone, and never sampled
    ],
)
def test_what_one_frame_says(frame, low, high):
    assert low <= frame_log_odds(MODEL, *frame) <= high


@given(unit, unit, unit, unit, unit)
def test_more_of_what_speaks_for_it_is_never_less_likely(confidence, peak, similarity, color, more):
    base = frame_log_odds(MODEL, confidence, peak, similarity, color)
    assert frame_log_odds(MODEL, confidence, peak, max(similarity, more), color) >= base
    assert frame_log_odds(MODEL, confidence, peak, similarity, max(color, more)) >= base
    assert frame_log_odds(MODEL, confidence, min(peak, more), similarity, color) >= base
    assert frame_log_odds(MODEL, max(confidence, more), peak, similarity, color) >= base - 1e-9


def accumulate(frame: float, frames: int, rate_hz: float = 30.0, start: float = START_LOG_ODDS):
    presence = start
    for _ in range(frames):
        presence = update_presence(MODEL, presence, frame, 1.0 / rate_hz)
    return presence


def test_frames_add_up_and_one_is_not_enough():
    assert accumulate(-4.0, 1) > 0.0 > accumulate(-4.0, 6)
    assert accumulate(4.0, 6, start=-4.0) > 0.0


@pytest.mark.parametrize('rate_hz', [10.0, 30.0, 100.0])
def test_evidence_counts_by_time_not_by_frames(rate_hz):
    seconds = [accumulate(-4.0, n, rate_hz) > 0.0 for n in range(100)].index(False) / rate_hz
    assert 0.05 <= seconds <= 0.2


def test_without_evidence_a_target_becomes_uncertain_with_time():
    presence = accumulate(0.0, 300)
    assert presence < START_LOG_ODDS
    assert presence == pytest.approx(math.log(0.3), abs=0.1), 'return rate against loss rate'


@given(odds, odds, st.floats(-100.0, 100.0), st.floats(0.0, 1e6))
def test_presence_is_bounded_and_rises_with_the_evidence(first, second, frame, interval_s):
    low, high = sorted((first, second))
    worse, better = (update_presence(MODEL, value, frame, interval_s) for value in (low, high))
    assert -MOST_LOG_ODDS <= worse <= better + 1e-9 <= MOST_LOG_ODDS + 1e-9
    assert update_presence(MODEL, low, frame + 1.0, interval_s) >= worse


@pytest.mark.parametrize('field', ['bias', 'correlation_s', 'loss_rate'])
def test_model_names_field_and_value(field):
    with pytest.raises(ValueError, match=f'{field} is nan'):
        EvidenceModel(**{field: math.nan})


def test_thresholds_stand_in_order():
    with pytest.raises(ValueError, match='lost_below is 2.0, must not exceed uncertain_below 0.0'):
        replace(MODEL, lost_below=2.0)


def test_every_number_describes_itself():
    assert all(item.metadata['description'] for item in fields(EvidenceModel))
