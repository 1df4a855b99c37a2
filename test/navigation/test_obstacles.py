"""The free way in a laser scan: what stands in the strip, beside it, and what is no answer."""

from __future__ import annotations

import math

import pytest

from siamla_ros.navigation.obstacles import ScanGeometry, free_way
from siamla_ros.navigation.safety import Clearance, InputError

BEAMS = 181
GEOMETRY = ScanGeometry(-math.pi / 2, math.radians(1.0), 0.1, 10.0)


def scan(values):
    """All beams free but those at these degrees, positive to the left."""
    ranges = [math.inf] * BEAMS
    for degrees, value in values.items():
        ranges[degrees + 90] = value
    return ranges


@pytest.mark.parametrize(
    ('values', 'free'),
    [
        ({}, math.inf),
        ({0: 2.0}, 2.0),
        ({0: 2.0, 5: 1.0}, math.cos(math.radians(5))),
        ({30: 0.8}, 0.8 * math.cos(math.radians(30))),  # 0.4 m beside: in the way
        ({30: 1.2}, math.inf),  # 0.6 m beside
        ({90: 0.6}, math.inf),  # not ahead
        ({0: 20.0}, math.inf),  # beyond the limit
        ({0: 0.0, 1: math.nan}, math.inf),  # no answers
        ({3: -math.inf}, 0.0),  # too near to measure
        ({80: -math.inf}, math.inf),
    ],
)
def test_the_nearest_thing_in_the_strip(values, free):
    assert free_way(scan(values), GEOMETRY, 0.5) == pytest.approx(free)


def test_a_scanner_that_looks_to_the_left_is_turned():
    turned = ScanGeometry(-math.pi / 2, math.radians(1.0), 0.1, 10.0, yaw_rad=math.pi / 2)
    assert free_way(scan({-90: 3.0}), turned, 0.5) == pytest.approx(3.0)


@pytest.mark.parametrize('ranges', [[], [math.nan] * BEAMS, [0.0] * BEAMS])
def test_a_blind_scan_is_refused(ranges):
    with pytest.raises(InputError, match='scan ranges hold no valid answer within 0.35 rad'):
        free_way(ranges, GEOMETRY, 0.5)


def test_bad_angles_and_distances_name_the_field():
    with pytest.raises(InputError, match='scan angle_min is nan'):
        free_way([1.0], ScanGeometry(math.nan, 0.1, 0.1, 10.0), 0.5)
    with pytest.raises(InputError, match='scan free_m is -1.0'):
        Clearance(1.0, -1.0).check()


@pytest.mark.parametrize(
    ('nearest', 'farthest'),
    [(0.1, math.nan), (math.nan, 10.0), (0.0, 0.0), (5.0, 1.0), (0.1, -math.inf), (-1.0, 10.0)],
)
def test_limits_that_cannot_be_are_no_free_way(nearest, farthest):
    """They leave every answer out but those of beams that met nothing."""
    geometry = ScanGeometry(GEOMETRY.angle_min, GEOMETRY.angle_increment, nearest, farthest)
    with pytest.raises(InputError, match=r'range_min is .* range_max is .* must be 0 <= range_min'):
        free_way(scan({0: 0.5}), geometry, 0.5)
