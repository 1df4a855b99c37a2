"""Places of one image against each other: there is only one target."""

from __future__ import annotations

import pytest

from siamla_ros.supervision.acceptance import AcceptanceModel, against_others

MODEL = AcceptanceModel(other_weight=-4.0)


def test_a_place_alone_keeps_what_it_says():
    assert against_others(MODEL, [2.5]) == [2.5]
    assert against_others(MODEL, []) == []


def test_the_likeliest_other_place_counts_by_its_probability():
    assert against_others(MODEL, [3.0, 0.0, -9.0]) == pytest.approx(
        [3.0 - 4.0 * 0.5, 0.0 - 4.0 * 0.952574, -9.0 - 4.0 * 0.952574]
    )


def test_two_similar_places_are_both_improbable():
    first, second = against_others(MODEL, [4.0, 4.0])
    assert first == second < 0.1


def test_a_place_that_cannot_be_the_target_says_nothing_against_another():
    assert against_others(MODEL, [2.0, float('-inf')])[0] == pytest.approx(2.0)


def test_weights_out_of_range_are_refused_by_name():
    with pytest.raises(ValueError, match='other_weight'):
        AcceptanceModel(other_weight=1.0)
    with pytest.raises(ValueError, match=r'bias is 101.0, must lie in \[-100.0, 100.0\]'):
        AcceptanceModel(bias=101.0)  # its own default, the limits of the base class
