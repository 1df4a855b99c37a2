"""The memory of a look, as a table: no network, no image."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.identity import model as identity
from siamla_ros.identity.model import Identity, IdentityConfig, Look, Spread

CONFIG = IdentityConfig(  # whatever is shipped: the table below is about these numbers
    prior_looks=5.0,
    usual_confidence=3.0,
    confidence_spread=0.5,
    usual_likeness=0.8,
    likeness_spread=0.04,
    usual_color=0.95,
    color_spread=0.03,
    confidence_weight=0.5,
    likeness_weight=0.8,
    color_weight=0.8,
    bias=4.0,
    views=8,
)


def tint(*bins: int) -> np.ndarray:
    """A color description with equal shares in these bins."""
    found = np.zeros(600, np.float32)
    for number in bins:
        found[number] += 1.0 / len(bins)
    return found


MINE = tint(*range(20))
NEARLY = tint(*range(2, 22))
OTHER = tint(*range(12, 32))


def tracked(likeness=0.8, confidence=0.95, looks=12, wobble=0.02) -> Identity:
    """A target that was tracked for a while."""
    known = identity.begun(MINE)
    for number in range(looks):
        shift = wobble * (-1) ** number
        known = identity.learn(CONFIG, known, Look(confidence, likeness + shift, MINE))
    return known


def chance(known: Identity, confidence=0.95, likeness=0.8, colors=MINE) -> float:
    return identity.probability(CONFIG, known, Look(confidence, likeness, colors))


@pytest.mark.parametrize(
    ('known', 'look', 'low', 'high'),
    [
        (tracked(), {}, 0.9, 1.0),  # as ever
        (tracked(), {'likeness': 0.5}, 0.0, 0.35),  # same colors, another shape
        (tracked(), {'likeness': 0.7, 'colors': OTHER}, 0.0, 0.1),  # same kind, other colors
        (tracked(), {'colors': None}, 0.9, 1.0),  # nothing to compare is no evidence
        (tracked(0.6), {'likeness': 0.6}, 0.9, 1.0),  # a target that turns a lot
        (tracked(0.95, wobble=0.005), {'likeness': 0.6}, 0.0, 0.35),  # the same value, a still one
        (tracked(), {'confidence': 0.999, 'likeness': 0.45, 'colors': OTHER}, 0.0, 0.03),
        (identity.begun(MINE), {'likeness': CONFIG.usual_likeness}, 0.5, 1.0),  # nothing learnt
    ],
)
def test_who_is_it(known, look, low, high):
    assert low <= chance(known, **look) <= high


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 60))
def test_more_alike_is_never_less_likely(first, second, confidence, looks):
    known = tracked(looks=looks)
    low, high = sorted((first, second))
    worse, better = (chance(known, confidence, value) for value in (low, high))
    assert 0.0 <= worse <= better <= 1.0


def test_memory_is_bounded_and_keeps_the_first_view():
    known = identity.begun(MINE)
    for number in range(100):
        known = identity.learn(CONFIG, known, Look(0.9, 0.8, tint(number, number + 1)))
    assert len(known.views) == CONFIG.views
    assert known.views[0] is MINE


def test_one_view_alone_stays():
    config = replace(CONFIG, views=1)
    known = identity.learn(config, identity.begun(MINE), Look(0.9, 0.8, OTHER))
    assert known.views == (MINE,)


def test_a_slow_change_is_followed():
    known = tracked(0.9)
    for step in range(60):
        known = identity.learn(CONFIG, known, Look(0.95, 0.9 - 0.005 * step, NEARLY))
    assert chance(known, likeness=0.6) > 0.5 > chance(tracked(0.9, wobble=0.005), likeness=0.6)


def test_a_spread_forgets_what_is_long_ago():
    spread = Spread()
    for value in [0.0] * 500 + [1.0] * 200:
        spread = spread.more(value)
    assert spread.mean == pytest.approx(1.0, abs=0.01)
    assert spread.variance == pytest.approx(0.0, abs=0.01)


def test_deviations_count_in_the_targets_own_spread():
    calm, restless = tracked(wobble=0.005, looks=40), tracked(wobble=0.15, looks=40)
    look = Look(0.95, 0.7, MINE)
    first, second = (
        identity.deviations(CONFIG, known, identity.measured(known, look)).likeness
        for known in (calm, restless)
    )
    assert identity.LEAST_Z <= first < second < 0.0


def test_what_was_lost_for_long_may_look_different_but_not_anyhow():
    known = tracked()
    look = {'likeness': 0.66}

    def after(seconds):
        return chance(replace(known, lost_s=seconds), **look)

    assert after(0.0) < after(1.0) < after(CONFIG.ageing_s)
    assert after(CONFIG.ageing_s) == after(100 * CONFIG.ageing_s) < chance(known)
    stranger = replace(known, lost_s=1e6)
    assert chance(stranger, likeness=0.3, colors=OTHER) < 0.2


def test_growth_is_of_the_variance():
    known = tracked(wobble=0.1, looks=40)
    seen = identity.measured(known, Look(0.95, 0.7, MINE))
    fresh = identity.deviations(CONFIG, known, seen).likeness
    old = identity.deviations(CONFIG, replace(known, lost_s=CONFIG.ageing_s), seen).likeness
    assert old == pytest.approx(fresh / math.sqrt(2.0))


def test_better_than_usual_does_not_make_up_for_other_colors():
    assert chance(tracked(0.6), likeness=1.0, colors=tint(*range(100, 120))) < 0.75


@pytest.mark.parametrize('lost_s', [0.0, 1e3])
@pytest.mark.parametrize(('veto', 'taken'), [(5.9, False), (100.0, True)])
def test_a_search_takes_nobody_back_in_colors_never_seen(veto, taken, lost_s):
    config = IdentityConfig(color_veto=veto, color_weight=0.1)
    known, other = tracked(0.6), Look(0.99, 0.9, tint(*range(100, 120)))
    assert identity.probability(config, known, other) > 0.9  # tracked, it passes: light changes
    known = replace(known, lost_s=lost_s)
    assert (identity.return_probability(config, known, other) > 0.9) is taken


def test_frames_are_counted_between_looks():
    known = identity.passed(identity.waited(tracked(), looked=False), 0.9)
    assert known.frames == 2
    assert identity.waited(known, looked=True).frames == 0
    assert identity.learn(CONFIG, known, Look(0.9, 0.8, MINE)).frames == 0


@pytest.mark.parametrize(
    ('field', 'value'), [('views', 0), ('color_spread', 0.0), ('bias', math.nan)]
)
def test_config_names_field_and_value(field, value):
    with pytest.raises(ValueError, match=f'{field} is {value!r}'):
        IdentityConfig(**{field: value})


def test_every_parameter_describes_itself():
    assert all(item.metadata['description'] for item in fields(IdentityConfig))
