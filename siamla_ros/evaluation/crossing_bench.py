"""After two targets have crossed: does the box still sit on its own?

siamla runs as in the node and answers for its confirmed boxes only. Peers, and siamla's network
alone, have no states: every box of theirs counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Items
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from siamla_ros.evaluation import suites
from siamla_ros.evaluation.crossings import Crossing
from siamla_ros.evaluation.followers import Trace, supervised
from siamla_ros.evaluation.metrics import overlap
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.runner import run_sequence

ON = 0.3  # IoU from which a box is on a target, if it is not more on the other
SETTLED = 5  # frames at the end that decide
RESAMPLES = 1000


@dataclass(frozen=True)
class CrossingTally:
    """One follower in one crossing; flags of the last frames, by majority.

    Attributes:
        name: Of the crossing.
        held_before: The box was on the target when the two met.
        kept: A box that counts is on the target at the end.
        switched: A box that counts is on the other at the end.
    """

    name: str
    held_before: bool
    kept: bool
    switched: bool


def tally(crossing: Crossing, trace: Trace) -> CrossingTally:
    """Compare a trace with both targets."""
    own = overlap(trace.boxes_xywh, crossing.sequence.boxes_xywh)
    other = overlap(trace.boxes_xywh, crossing.other_xywh)
    on_target = trace.confirmed & (own >= ON) & (own >= other)
    on_other = trace.confirmed & (other >= ON) & (other > own)
    end = np.arange(len(own)) >= max(len(own) - SETTLED, crossing.part)
    return CrossingTally(
        crossing.sequence.name,
        bool(on_target[max(crossing.meet - 1, 0)]),
        bool(on_target[end].mean() > 0.5),
        bool(on_other[end].mean() > 0.5),
    )


def evaluate(
    trackers: list[EvalTracker], crossings: list[Crossing], modes: list[str], quiet: bool = False
) -> tuple[str, dict[str, Any]]:
    """The table as text, and everything for JSON.

    Args:
        trackers: Those to compare.
        crossings: Made by `crossings.load_crossings`.
        modes: Of siamla's search, each a row of its own.
        quiet: No progress bar.
    """
    rows: dict[str, list[CrossingTally]] = {}
    with suites.progress('crossings', len(trackers) * len(crossings), quiet) as bar:
        for tracker in trackers:
            bar.set_description(tracker.name)
            for crossing in crossings:
                for name, trace in _traces(tracker, crossing, modes):
                    rows.setdefault(name, []).append(tally(crossing, trace))
                bar.update()
    content = {
        name: {**shares(items), 'crossings': [asdict(item) for item in items]}
        for name, items in rows.items()
    }
    return table(rows), content


def _traces(tracker: EvalTracker, crossing: Crossing, modes: list[str]) -> list[tuple[str, Trace]]:
    found = []
    if isinstance(tracker, SiamlaTracker):
        for mode in modes:
            trace = supervised(tracker.tracker, mode).follow(crossing.sequence)
            found.append((f'{tracker.name}, search {mode}', trace))
    run = run_sequence(tracker, crossing.sequence)
    every = np.ones(len(run.boxes_xywh), bool)
    found.append(
        (f'{tracker.name}, every box', Trace(run.boxes_xywh, every, ~every, run.confidence))
    )
    return found


def shares(items: Items[CrossingTally]) -> dict[str, float]:
    """Of the crossings at whose beginning the box was on the target: how each ended, [0, 1]."""
    held = [item for item in items if item.held_before]
    count = len(held)
    return {
        'held_before': float(count),
        'kept': _share(sum(item.kept for item in held), count),
        'switched': _share(sum(item.switched for item in held), count),
        'neither': _share(sum(not (item.kept or item.switched) for item in held), count),
    }


def interval(items: Items[CrossingTally], name: str, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of one of the shares, over crossings; NaN where none counts."""
    random = np.random.default_rng(seed)
    values = [
        shares([items[i] for i in random.integers(0, len(items), len(items))])[name]
        for _ in range(RESAMPLES)
    ]
    known = [value for value in values if not math.isnan(value)]
    low, high = np.percentile(known, (2.5, 97.5)) if known else (math.nan, math.nan)
    return float(low), float(high)


def table(rows: dict[str, list[CrossingTally]]) -> str:
    """One row a follower."""
    cells = []
    for name, items in rows.items():
        found = shares(items)
        low, high = interval(items, 'switched')
        cells.append(
            [
                name,
                f'{found["held_before"]:.0f} of {len(items)}',
                _percent(found['kept']),
                f'{_percent(found["switched"])} ({_percent(low)}-{_percent(high)})',
                _percent(found['neither']),
            ]
        )
    header = ['follower', 'on the target before', 'kept', 'on the other after', 'neither']
    return markdown_table(header, cells)


def _percent(value: float) -> str:
    return f'{100 * value:.1f} %'


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float('nan')
