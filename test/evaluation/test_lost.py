"""Verdicts on followers in episodes, worked out by hand, and the whole benchmark on a toy."""

import math

import numpy as np
import pytest
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.followers import Trace, by_threshold, supervised
from siamla_ros.evaluation.lost_metrics import figures, tally, tuning_objective
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.scenarios import Episode, episodes
from siamla_ros.evaluation.splice import FrameList

GONE, BACK, TOTAL = 10, 50, 70
ON, OFF = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0)


def make_episode(gone=GONE, back=BACK):
    absent = (np.arange(TOTAL) >= gone) & (np.arange(TOTAL) < back)
    sequence = Sequence('s', FrameList([]), np.tile(ON, (TOTAL, 1)), absent)
    return Episode('leave_same', sequence, gone, back, np.full((TOTAL, 4), np.nan))


def make_trace(lost=(), unconfirmed=(), off=()):
    """lost, unconfirmed, off: (start, stop) spans."""
    flags = {}
    for name, spans in (('lost', lost), ('unconfirmed', unconfirmed), ('off', off)):
        flags[name] = np.zeros(TOTAL, bool)
        for start, stop in spans:
            flags[name][start:stop] = True
    boxes = np.where(flags['off'][:, None], OFF, ON)
    confirmed = ~flags['lost'] & ~flags['unconfirmed']
    return Trace(boxes, confirmed, flags['lost'], confirmed.astype(float))


def test_a_good_follower():
    found = tally(make_episode(), make_trace(lost=[(13, 54)], unconfirmed=[(10, 54)]))
    assert found.lost_after == 4  # frames 10, 11, 12 and, on 13, LOST
    assert found.found_after == 5  # frame 54 is the fifth after the return
    assert (found.false_lost, found.found, found.found_wrong) == (0, 1, 0)
    assert found.visible == 10 + (TOTAL - 55)
    assert (found.away, found.confirmed_away) == (30, 0)


def test_a_follower_that_notices_nothing():
    found = tally(make_episode(), make_trace())
    assert found.lost_after == math.inf
    assert found.found_after == 1
    assert (found.away, found.confirmed_away) == (30, 30)


def test_false_alarms_and_wrong_finds():
    # LOST in sight; LOST ends while it is away; and again after the return, but elsewhere
    spans = [(5, 7), (12, 30), (33, 52)]
    found = tally(make_episode(), make_trace(lost=spans, off=[(52, 60)]))
    assert found.false_lost == 1
    assert (found.found, found.found_wrong) == (3, 2)
    assert found.found_after == 11
    assert found.lost_after == 3


def test_lost_before_it_went_says_nothing_of_the_delay():
    assert math.isnan(tally(make_episode(), make_trace(lost=[(8, 60)])).lost_after)


def test_a_short_absence_need_not_be_noticed():
    found = tally(make_episode(back=25), make_trace())
    assert math.isnan(found.lost_after)
    assert found.away == 0


def test_a_likeness_that_takes_over():
    episode = make_episode(TOTAL, TOTAL)
    rival = np.tile(OFF, (TOTAL, 1)).astype(float)
    crossing = Episode('crossing', episode.sequence, TOTAL, TOTAL, rival)
    assert tally(crossing, make_trace(off=[(40, TOTAL)])).switched
    assert not tally(crossing, make_trace(off=[(40, 50)])).switched


def test_figures_over_episodes():
    good = tally(make_episode(), make_trace(lost=[(13, 54)]))
    blind = tally(make_episode(), make_trace())
    result = figures([good, good, good, blind], crossings=0)
    assert result.lost_median == 4
    assert result.lost_worst == math.inf
    assert result.lost_in_time == 0.75
    assert result.found_in_time == 1.0
    assert result.confirmed_away == 0.25
    assert result.false_lost_per_1000 == 0.0
    assert result.wrong_found == 0.0
    assert math.isnan(result.switched)
    assert tuning_objective(result) > tuning_objective(figures([blind], crossings=0))


def test_threshold_follower_waits_and_finds_at_once():
    confidence = np.array([np.nan, 0.9, 0.1, 0.1, 0.1, 0.9, 0.1])
    boxes = np.tile(ON, (7, 1)).astype(float)
    run = Run('t', 's', boxes, confidence, np.zeros(7), boxes, np.zeros(7, bool), {})
    trace = by_threshold(run, 0.5, frames=2)
    assert trace.lost.tolist() == [False, False, False, True, True, False, False]
    assert trace.confirmed.tolist() == [True, True, False, False, False, True, False]


@pytest.mark.parametrize(
    ('scenario', 'mode', 'found'),
    [
        ('leave_same', 'off', False),
        ('leave_same', 'local', True),
        ('leave_elsewhere', 'global', True),
        ('occlusion_60', 'local', True),
        ('occlusion_5', 'off', True),
    ],
)
def test_supervised_follower_on_a_tracker_that_sees_color(scenario, mode, found):
    scene = square_scene()
    donor = square_scene('donor', seed=5)
    for image in donor.images:
        image[:] = image // 3
    episode = next(episodes(scene, donor, 0, (scenario,)))
    trace = supervised(ColorTracker(), mode).follow(episode.sequence)
    counts = tally(episode, trace)
    assert counts.false_lost == 0
    assert counts.found_wrong == 0
    assert math.isfinite(counts.found_after) == found
    if scenario != 'occlusion_5':
        assert counts.lost_after <= 15
