"""Two evaluations of the same targets, compared target by target with bootstrap intervals.

    siamla eval --dataset VIDEO --session --trackers siamla:OLD --output before
    siamla eval --dataset VIDEO --session --trackers siamla:NEW --output after
    python -m siamla_ros.evaluation.compare before after

Reads what `siamla eval --output` wrote: frames of one-pass runs (`records/*.csv`), and the counts
of `--session` (`results.json`). Both runs see the same targets, so the difference is far less
uncertain than either figure: targets are drawn anew, with all their starts, and the same ones for
both.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.evaluation.command_line import guarded
from siamla_ros.evaluation.confidence import CORRECT_IOU, reliability
from siamla_ros.evaluation.metrics import SUCCESS_THRESHOLDS
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.session_metrics import SessionFigures, TargetTally, session_figures

RESAMPLES = 2000
RIGHT_IOU, TIGHT_IOU, WRONG_IOU = CORRECT_IOU, 0.75, 0.1


class Frames(NamedTuple):
    """Frames of one run in which the target is there: confidence and IoU, (N,) each."""

    confidence: NDArray[np.float64]
    iou: NDArray[np.float64]


class Difference(NamedTuple):
    """One figure before and after, and the 95 % interval of the difference."""

    name: str
    before: float
    after: float
    low: float
    high: float


Targets = dict[str, list[Any]]  # runs (Frames) or tallies of each target
Figure = Callable[[list[Any]], float]


def _mean(part: Callable[[NDArray], float]) -> Figure:
    """The mean over runs of something of their IoU."""
    return lambda runs: float(np.mean([part(run.iou) for run in runs]))


def expected_calibration_error(runs: list[Frames]) -> float:
    """Of the frames of all runs together."""
    confidence, iou = (np.concatenate(column) for column in zip(*runs, strict=True))
    return reliability(confidence, iou > RIGHT_IOU).ece


def confident_wrong(runs: list[Frames]) -> float:
    """Share of the frames of IoU below 0.1 whose confidence is above 0.5; NaN without any."""
    confidence, iou = (np.concatenate(column) for column in zip(*runs, strict=True))
    wrong = iou < WRONG_IOU
    return float((confidence[wrong] > 0.5).mean()) if wrong.any() else float('nan')


ONE_PASS: dict[str, Figure] = {
    'success AUC': _mean(lambda iou: float((iou[:, None] > SUCCESS_THRESHOLDS).mean())),
    'SR0.5': _mean(lambda iou: float((iou > RIGHT_IOU).mean())),
    'SR0.75': _mean(lambda iou: float((iou > TIGHT_IOU).mean())),
    'IoU < 0.1': _mean(lambda iou: float((iou < WRONG_IOU).mean())),
    'ECE': expected_calibration_error,
    'c > 0.5 where IoU < 0.1': confident_wrong,
}
SESSION: dict[str, Figure] = {
    name: lambda rows, name=name: getattr(session_figures(rows), name)  # type: ignore[misc]
    for name in SessionFigures.__dataclass_fields__
}


def read_records(path: Path) -> Targets:
    """Target -> its runs, one a start, from a file of `siamla eval --output`."""
    frames: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['present'] == '1':
                values = float(row['confidence']), float(row['iou'])
                frames.setdefault(row['sequence'], []).append(values)
    found: Targets = {}
    for name, values in frames.items():
        run = Frames(*np.array(values).T)
        found.setdefault(name.partition('@')[0], []).append(run)
    return found


def read_session(path: Path) -> dict[str, Targets]:
    """Follower -> target -> its tallies, from `results.json`; empty without a session."""
    session = json.loads(path.read_text(encoding='utf-8')).get('session', {})
    followers: dict[str, Targets] = {}
    for name, content in session.items():
        if name == 'notes':
            continue
        for row in content['targets']:
            # Results of earlier versions lack what was counted later.
            known = TargetTally.__dataclass_fields__
            tally = TargetTally(**{k: v for k, v in row.items() if k in known})
            targets = followers.setdefault(name, {})
            targets.setdefault(tally.name.partition('@')[0], []).append(tally)
    return followers


def differences(before: Targets, after: Targets, figures: dict[str, Figure]) -> list[Difference]:
    """Each figure of both, with the interval of the difference over drawn targets.

    Raises:
        ValueError: The targets are not the same.
    """
    if set(before) != set(after):
        only = sorted(set(before) ^ set(after))
        raise ValueError(f'targets differ: {", ".join(only)} only in one of both')
    names, rng = sorted(before), np.random.default_rng(0)
    draws = rng.integers(0, len(names), (RESAMPLES, len(names)))
    chosen = [names, *([names[i] for i in draw] for draw in draws)]
    pairs = [([before[n] for n in some], [after[n] for n in some]) for some in chosen]
    found = []
    for label, figure in figures.items():
        values = np.array([[figure(sum(side, [])) for side in pair] for pair in pairs])
        changes = values[1:, 1] - values[1:, 0]
        known = changes[np.isfinite(changes)]
        low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
        found.append(Difference(label, *values[0], float(low), float(high)))
    return found


def compare(before: Path, after: Path) -> str:
    """The tables of everything that both folders hold.

    Raises:
        ValueError: They hold nothing in common, or other targets.
    """
    parts = []
    for path in sorted((before / 'records').glob('*.csv')):
        other = after / 'records' / path.name
        if other.is_file():
            rows = differences(read_records(path), read_records(other), ONE_PASS)
            parts.append(f'{path.stem}\n\n{_table(rows)}')
    first, second = (read_session(folder / 'results.json') for folder in (before, after))
    for name in first:
        if name in second:
            parts.append(f'{name}\n\n{_table(differences(first[name], second[name], SESSION))}')
    if not parts:
        raise ValueError(f'{before} and {after} hold no follower in common')
    return '\n\n'.join(parts)


def _table(rows: list[Difference]) -> str:
    cells = [[r.name, r.before, r.after, _change(r)] for r in rows]
    return markdown_table(['', 'before', 'after', 'difference, 95 %'], cells)


def _change(row: Difference) -> str | float:
    change = row.after - row.before
    return f'{change:+.3f} ({row.low:+.3f}, {row.high:+.3f})' if np.isfinite(change) else math.nan


def main(arguments: list[str] | None = None) -> int:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('before', type=Path, help='folder of `siamla eval --output`')
    parser.add_argument('after', type=Path, help='the same of the other')
    args = parser.parse_args(arguments)
    print(compare(args.before, args.after))
    return 0


if __name__ == '__main__':
    sys.exit(guarded('compare', main))
