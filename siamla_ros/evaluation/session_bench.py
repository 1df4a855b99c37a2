"""What the node is worth on plain sequences: every follower once over each target.

siamla runs as in the node; a peer's own score decides for it, with the threshold that is best for
it on these very sequences.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from siamla_ros.datasets.sequence import DatasetError, Sequence
from siamla_ros.evaluation import suites
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.followers import Trace, by_threshold, supervised
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.run_store import RunStore
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.session_metrics import (
    TargetTally,
    f_score,
    interval,
    session_figures,
    tally,
)
from siamla_ros.evaluation.stored import Maker, run_of, trace_of

THRESHOLDS = 40  # tried, at even shares of the peer's own scores
COLUMNS = {
    'precision': 'precision',
    'recall': 'recall',
    'f_score': 'F',
    'f_score_mean': 'F, mean of targets',
    'visible_lost': 'visible, LOST',
    'visible_lost_while_right': 'LOST after IoU > 0.5',
    'confirmed_wrong': 'confirmed at IoU < 0.1',
    'confident_wrong': 'c > 0.5 where IoU < 0.1',
    'ece': 'ECE',
}
WITH_INTERVAL = ('f_score', 'visible_lost')
Tallies = dict[str, list[TargetTally]]
Followed = Run | dict[str, TargetTally]  # a peer is judged once all its runs are known


def evaluate(
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    modes: list[str],
    quiet: bool = False,
    store: RunStore | None = None,
    damage: Damage | None = None,
) -> tuple[str, dict[str, Any]]:
    """The tables as text, and everything for JSON.

    Args:
        trackers: Those to compare.
        sequences: Plain sequences, one target each.
        modes: Of siamla's search, each a row of its own.
        quiet: No progress bar.
        store: Holds what was followed before; what it lacks is added.
        damage: As for `suites.one_pass`.
    """
    found = _all_followed(trackers, sequences, modes, quiet, store, damage or Damage())
    rows: Tallies = {}
    notes: list[str] = []
    for number, tracker in enumerate(trackers):
        runs: list[Run] = []
        for item in (of_sequence[number] for of_sequence in found):
            if isinstance(item, Run):
                runs.append(item)
                continue
            for name, one in item.items():
                rows.setdefault(name, []).append(one)
        if not runs:
            continue
        if all(np.isfinite(run.confidence).all() for run in runs):
            label, rows_of = tuned(tracker.name, runs)
            rows[label] = rows_of
        else:
            notes.append(f'{tracker.name}: no score, so it cannot report a lost target')
    text = '\n'.join([tables(rows), '', *notes]).rstrip()
    content = {
        name: {
            **session_figures(items).as_dict(),
            'intervals': {key: interval(items, key) for key in WITH_INTERVAL},
            'targets': [{**asdict(item), 'f_score': f_score(item)} for item in items],
        }
        for name, items in rows.items()
    }
    return text, {**content, 'notes': notes}


def _all_followed(
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    modes: list[str],
    quiet: bool,
    store: RunStore | None,
    damage: Damage,
) -> list[list[Followed]]:
    """A row for each sequence that is not damaged, of one for each tracker."""
    found: list[list[Followed]] = []
    with suites.progress('sequences', len(trackers) * len(sequences), quiet) as bar:
        for sequence in sequences:
            bar.set_description(sequence.name)
            try:
                found.append([_followed(t, sequence, modes, store) for t in trackers])
            except DatasetError as error:
                damage.note(sequence.name, error)
            bar.update(len(trackers))
    damage.rest(sequences)
    return found


def _followed(
    tracker: EvalTracker, sequence: Sequence, modes: list[str], store: RunStore | None
) -> Followed:
    if not isinstance(tracker, SiamlaTracker):
        return run_of(store, tracker, sequence)
    rows = {}
    for mode in modes:
        name, follow = f'{tracker.name}, search {mode}', supervised(tracker.tracker, mode).follow
        trace = trace_of(store, Maker(name, tracker.describe), follow, sequence)
        rows[name] = _tally(sequence, trace)
    return rows


def _tally(sequence: Sequence, trace: Trace) -> TargetTally:
    return tally(sequence.name, trace, sequence.boxes_xywh, sequence.absent)


def tuned(name: str, runs: list[Run]) -> tuple[str, list[TargetTally]]:
    """The threshold under which the peer's F is best; it is LOST on each frame below it."""
    best: tuple[float, str, list[TargetTally]] | None = None
    scores = np.concatenate([run.confidence[1:] for run in runs])
    for threshold in np.unique(np.quantile(scores, np.linspace(0.0, 0.9, THRESHOLDS))):
        rows = [
            tally(run.sequence, by_threshold(run, threshold, 1), run.truth_xywh, run.absent)
            for run in runs
        ]
        value = session_figures(rows).f_score
        if best is None or value > best[0]:
            best = value, f'{name}, score < {threshold:.4g}', rows
    assert best is not None
    return best[1], best[2]


def tables(rows: Tallies) -> str:
    """One row a follower, then F of every target."""
    table = []
    for name, items in rows.items():
        figures = session_figures(items)
        table.append([name, *(_cell(items, key, getattr(figures, key)) for key in COLUMNS)])
    first = markdown_table(['follower', *COLUMNS.values()], table)
    targets = [item.name for item in next(iter(rows.values()), [])]
    by_target = [
        [target, *(f_score(items[number]) for items in rows.values())]
        for number, target in enumerate(targets)
    ]
    return f'{first}\n\nF of each target\n\n{markdown_table(["target", *rows], by_target)}'


def _cell(items: list[TargetTally], key: str, value: float) -> str | float:
    if key not in WITH_INTERVAL:
        return value
    low, high = interval(items, key)
    return f'{value:.3f} ({low:.3f}-{high:.3f})'
