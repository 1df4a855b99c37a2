"""What is made of the figures of one episode: a summary, and what went wrong in it. Free of ROS."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from follow_sim.measures import Measures

MOST_LOST_WAY_M = 0.1
LEAST_IN_VIEW = 0.7


@dataclass(frozen=True)
class Outcome:
    """Of an episode that was played with the real nodes.

    Attributes:
        measures: of the whole episode.
        way_before_m: driven before the robot was enabled.
        velocities_before: velocities sent before that.
        wall_s: time that the episode took.
    """

    measures: Measures
    way_before_m: float
    velocities_before: int
    wall_s: float

    def failures(self) -> list[str]:
        """What did not happen, or should not have; empty where all went well."""
        one = self.measures
        checks = (
            (
                self.way_before_m > 0.0 or self.velocities_before > 0,
                'the robot was driven before it was enabled',
            ),
            (one.collisions > 0, f'the robot ran into a figure, {one.collisions} times'),
            (
                one.lost_way_m > MOST_LOST_WAY_M,
                f'it drove {one.lost_way_m:.2f} m while the target was LOST',
            ),
            (math.isinf(one.return_s), 'the target was not followed again after its return'),
            (
                not one.in_view >= LEAST_IN_VIEW,
                f'the target was in view for {one.in_view:.2f} of the time, must be at least '
                f'{LEAST_IN_VIEW:g}',
            ),
        )
        return [words for failed, words in checks if failed]

    def figures(self) -> dict[str, float | int | None]:
        """By name; None for what there was no step to measure in."""
        one = self.measures
        bearing = list(np.degrees(one.bearing_errors))
        return {
            'distance_error_median_m': _percentile(one.distance_errors, 50),
            'distance_error_p95_m': _percentile(one.distance_errors, 95),
            'bearing_error_median_deg': _percentile(bearing, 50),
            'bearing_error_p95_deg': _percentile(bearing, 95),
            'in_view_share': _number(one.in_view),
            'collisions': one.collisions,
            'figures_that_ran_into_it': one.run_into,
            'way_while_lost_m': _number(one.lost_way_m),
            'way_after_another_m': _number(one.wrong_way_m),
            'return_to_following_s': _number(one.return_s),
            'way_before_enabled_m': _number(self.way_before_m),
            'wall_s': _number(self.wall_s),
        }


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def _percentile(values: list[float], share: float) -> float | None:
    return _number(float(np.percentile(values, share))) if values else None
