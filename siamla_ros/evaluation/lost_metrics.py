"""What a follower did in an episode, and the figures over many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamla_ros.evaluation.followers import Trace
from siamla_ros.evaluation.metrics import overlap
from siamla_ros.evaluation.scenarios import Episode

ON_TARGET, OFF_TARGET = 0.5, 0.3  # IoU from which a box is right, and below which it is wrong
LOST_WITHIN, FOUND_WITHIN = 10, 30  # frames: what is aimed at
LONG_ABSENCE = 30  # frames; only a longer absence must lead to LOST
SETTLED = 10  # frames at the end that decide whether the distractor took over


@dataclass(frozen=True)
class EpisodeTally:
    """One episode. Frames are counted from 1: 1 is the first frame that could show it.

    Attributes:
        lost_after: Frames from the begin of the absence to LOST. Infinite: never; NaN: it was LOST
            before, or its absence is short.
        found_after: Frames from its return to a confirmed box on it. Infinite: never; NaN: it does
            not return.
        visible: Frames on which it was visible and followed.
        false_lost: Times that LOST was declared on them.
        visible_lost: Those of them that were spent LOST.
        away: Frames of a long absence from LOST_WITHIN on.
        confirmed_away: Those of them with a confirmed box.
        found: Times that LOST ended.
        found_wrong: Those at which the box was not on the target.
        switched: The distractor has taken its place at the end.
    """

    lost_after: float
    found_after: float
    visible: int
    false_lost: int
    visible_lost: int
    away: int
    confirmed_away: int
    found: int
    found_wrong: int
    switched: bool


def tally(episode: Episode, trace: Trace) -> EpisodeTally:
    """Compare a trace with the ground truth of its episode."""
    truth, absent = episode.sequence.boxes_xywh, episode.sequence.absent
    seen = np.isfinite(truth).all(1)
    iou = overlap(trace.boxes_xywh, truth)
    gone, back = episode.gone, episode.back
    found_after = _first(trace.confirmed[back:] & (iou[back:] > ON_TARGET))
    watched = np.zeros(len(seen), bool)  # visible and not yet to be found again
    watched[:gone] = seen[:gone]
    if math.isfinite(found_after):
        start = back + int(found_after)
        watched[start:] = seen[start:]
    entered = trace.lost & ~np.roll(trace.lost, 1)
    ended = ~trace.lost & np.roll(trace.lost, 1)
    entered[0] = ended[0] = False
    wrong = ended & (absent | (seen & (iou < OFF_TARGET)))
    long_away = back - gone >= LONG_ABSENCE
    late = trace.confirmed[gone + LOST_WITHIN : back] if long_away else trace.confirmed[:0]
    timely = long_away and not trace.lost[gone - 1]
    return EpisodeTally(
        lost_after=_first(trace.lost[gone:back]) if timely else math.nan,
        found_after=found_after if back < len(seen) else math.nan,
        visible=int(watched.sum()),
        false_lost=int((entered & watched).sum()),
        visible_lost=int((trace.lost & watched).sum()),
        away=len(late),
        confirmed_away=int(late.sum()),
        found=int((ended & (absent | seen)).sum()),
        found_wrong=int(wrong.sum()),
        switched=_switched(episode, trace, iou),
    )


def _first(flags: np.ndarray) -> float:
    """Number of the first true one, from 1; infinite if there is none."""
    return float(np.argmax(flags) + 1) if flags.any() else math.inf


def _switched(episode: Episode, trace: Trace, iou: np.ndarray) -> bool:
    distractor = overlap(trace.boxes_xywh, episode.distractor_xywh)[-SETTLED:]
    # The distractor goes on beyond the image; a box that is left behind confirmed has switched.
    displaced = trace.confirmed[-SETTLED:] & (iou[-SETTLED:] < OFF_TARGET)
    crosses = np.isfinite(episode.distractor_xywh[-1]).all()
    return bool(crosses and (displaced.mean() > 0.5 or (distractor > ON_TARGET).mean() > 0.5))


@dataclass(frozen=True)
class Figures:
    """Over episodes; shares in [0, 1], NaN where nothing could be counted."""

    episodes: int
    lost_median: float
    lost_worst: float
    lost_in_time: float
    false_lost_per_1000: float
    visible_lost: float
    confirmed_away: float
    found_in_time: float
    found_median: float
    found_ever: float
    wrong_found: float
    switched: float


def figures(tallies: Sequence[EpisodeTally], crossings: int) -> Figures:
    """The means and medians; crossings: how many of the tallies have a distractor."""
    lost = np.array([s.lost_after for s in tallies if not math.isnan(s.lost_after)])
    found = np.array([s.found_after for s in tallies if not math.isnan(s.found_after)])
    total = {
        name: sum(getattr(s, name) for s in tallies)
        for name in (
            'visible',
            'false_lost',
            'visible_lost',
            'away',
            'confirmed_away',
            'found',
            'found_wrong',
        )
    }
    return Figures(
        episodes=len(tallies),
        lost_median=_quantile(lost, 0.5),
        lost_worst=_quantile(lost, 1.0),
        lost_in_time=_ratio((lost <= LOST_WITHIN).sum(), len(lost)),
        false_lost_per_1000=1000 * _ratio(total['false_lost'], total['visible']),
        visible_lost=_ratio(total['visible_lost'], total['visible']),
        confirmed_away=_ratio(total['confirmed_away'], total['away']),
        found_in_time=_ratio((found <= FOUND_WITHIN).sum(), len(found)),
        found_median=_quantile(found[np.isfinite(found)], 0.5),
        found_ever=_ratio(np.isfinite(found).sum(), len(found)),
        wrong_found=_ratio(total['found_wrong'], total['found']),
        switched=_ratio(sum(s.switched for s in tallies), crossings),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan


def _quantile(values: np.ndarray, share: float) -> float:
    """The value at or above which (1 - share) lie; it is one of the values, so infinity may be."""
    return float(np.quantile(values, share, method='higher')) if len(values) else math.nan


def tuning_objective(result: Figures) -> float:
    """One number to tune a threshold by: the mean of what is aimed at, false alarms counted."""
    parts = (
        result.lost_in_time,
        result.found_in_time,
        1 - result.wrong_found,
        1 - result.confirmed_away,
        1 - min(1.0, result.false_lost_per_1000 / 10),
    )
    known = [part for part in parts if not math.isnan(part)]
    return float(np.mean(known))
