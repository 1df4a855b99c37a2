"""What is remembered of a target's appearance: no network, no image."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamla_ros.identity import state as identity
from siamla_ros.identity.state import IdentityConfig, compare

CONFIG = IdentityConfig(views=8)


def tint(*bins: int) -> np.ndarray:
    """A color description with equal shares in these bins."""
    found = np.zeros(600, np.float32)
    for number in bins:
        found[number] += 1.0 / len(bins)
    return found


MINE, OTHER = tint(*range(20)), tint(*range(12, 32))


def test_a_sample_is_compared_with_the_most_similar_view():
    known = identity.from_first_frame(MINE)
    known = identity.update(CONFIG, known, compare(known, 0.8, OTHER), learn=True)
    assert compare(known, 0.7, OTHER) == (0.7, 1.0, OTHER, 1, 0.0)
    assert compare(known, 0.6, MINE) == (0.6, 1.0, MINE, 0, 0.0)
    assert compare(known, 0.6, tint(99)).color == 0.0


@pytest.mark.parametrize('known', [identity.from_first_frame(None), identity.IdentityState()])
def test_nothing_to_compare_is_no_measurement(known):
    assert compare(known, 0.5, MINE) == (0.5, None, MINE, -1, 0.0)
    assert compare(identity.from_first_frame(MINE), 0.5, None) == (0.5, None, None, -1, 0.0)


def test_a_bad_frame_is_measured_but_not_learned():
    known = identity.from_first_frame(MINE)
    after = identity.update(CONFIG, known, compare(known, 0.5, OTHER), learn=False)
    assert after.views == (MINE,)
    assert after.latest.similarity == 0.5
    assert after.latest.color == pytest.approx(0.4)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(0, 60))
def test_memory_is_bounded_and_keeps_the_first_view(views, samples):
    known = identity.from_first_frame(MINE)
    config = replace(CONFIG, views=views)
    for number in range(samples):
        sample = compare(known, 0.8, tint(number, number + 1))
        known = identity.update(config, known, sample, learn=True)
    assert len(known.views) == min(views, samples + 1)
    assert known.views[0] is MINE


def test_frames_and_seconds_count_from_the_last_sample():
    known = identity.skip(identity.skip(identity.from_first_frame(MINE), 0.1), 0.2)
    assert (known.frames, known.seconds) == (2, pytest.approx(0.3))
    after = identity.update(CONFIG, known, compare(known, 0.8, MINE), learn=False)
    assert (after.frames, after.seconds) == (0, 0.0)
    assert identity.skip(after).latest == after.latest, 'it stands until the next sample'


@pytest.mark.parametrize(('field', 'value'), [('views', 0), ('sample_s', -1.0)])
def test_config_names_field_and_value(field, value):
    with pytest.raises(ValueError, match=f'{field} is {value!r}'):
        IdentityConfig(**{field: value})


def test_every_parameter_describes_itself():
    assert all(item.metadata['description'] for item in fields(IdentityConfig))
