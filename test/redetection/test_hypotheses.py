"""Candidates of a search, and what proves them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.searches import LAST, RATE_HZ, Answer

from siamla_ros.redetection.hypotheses import (
    AVERAGED_SAMPLES,
    Hypothesis,
    HypothesisSample,
    update_hypothesis,
)
from siamla_ros.tracker.logistic import logit

KNOWN = Hypothesis(LAST, 0.9, logit(0.9), samples=5, confirmed_frames=5, confirmed_s=0.2)


def again(box, chance, interval_s=1 / RATE_HZ, known=KNOWN) -> Hypothesis:
    return update_hypothesis(
        HypothesisSample(0, Answer(box, 0.9), known), chance, logit(0.6), interval_s
    )


def test_a_candidate_that_jumps_is_proven_anew():
    near = again((310.0, 205.0, 40.0, 40.0), 0.9)
    assert (near.confirmed_frames, near.confirmed_s) == (6, pytest.approx(0.2 + 1 / RATE_HZ))
    far = again((400.0, 200.0, 40.0, 40.0), 0.9)
    assert (far.samples, far.confirmed_frames, far.confirmed_s) == (1, 1, 0.0)
    slow = again((400.0, 200.0, 40.0, 40.0), 0.9, 0.5)
    assert slow.confirmed_frames == 6, 'half a second is time enough to get there'


@pytest.mark.parametrize(
    ('chances', 'proven'),
    [
        ([0.9], 6),
        ([0.5], 6),  # one doubtful look is outweighed by five good ones
        ([0.2, 0.2, 0.2, 0.2, 0.2], 0),  # a habit of doubt is not
        ([0.0001], 0),  # nor is one look that shows something else
        ([0.0001, 0.2, 0.2, 0.9], 0),
    ],
)
def test_proof_is_the_mean_of_the_looks(chances, proven):
    hypothesis = KNOWN
    for chance in chances:
        hypothesis = again(LAST, chance, known=hypothesis)
    assert hypothesis.confirmed_frames == proven


def test_old_looks_fade():
    hypothesis = replace(KNOWN, samples=1000)
    for _ in range(3 * AVERAGED_SAMPLES):
        hypothesis = again(LAST, 0.2, known=hypothesis)
    assert hypothesis.log_odds == pytest.approx(logit(0.2), abs=0.3)
