"""How far figures move with what should not matter: first box, first frame, parameters, seeds.

Each variant is a one-pass evaluation of the same targets, compared with that from the exact first
box target by target. Boxes are shifted and scaled as in OTB's spatial robustness evaluation (Wu et
al., "Object Tracking Benchmark", PAMI 2015), four of its eight shifts.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.compare import ONE_PASS, Frames, Targets, differences
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.starts import careless, drawn, from_frame
from siamla_ros.model.decode_config import DecodeConfig

SEED, START, BOX, PARAMETER = 'seed of the first box', 'first frame', 'first box', 'parameter'
TRAINING = 'seed of training'
# As a command line calls them.
GROUPS = {
    'seeds': SEED,
    'frames': START,
    'boxes': BOX,
    'parameters': PARAMETER,
    'training': TRAINING,
}
LATER = (0.25, 0.5, 0.75)  # of the sequence
SHIFT = 0.1  # of the sides
SHIFTS = {'left': (-SHIFT, 0), 'right': (SHIFT, 0), 'up': (0, -SHIFT), 'down': (0, SHIFT)}
FACTORS = (0.8, 0.9, 1.1, 1.2)  # of the sides of the first box
CHANGES = (0.8, 1.2)  # of a parameter
MARKED = 0.1  # change of a target's AUC that is counted
AUC, SR, ECE = 'success AUC', 'SR0.5', 'ECE'


@dataclass(frozen=True)
class Variant:
    """One thing that is done otherwise.

    Attributes:
        group: One of GROUPS; '' for the run that others are compared with.
        name: Of the value.
        begin: The sequence as it is run; None where it cannot be.
        options: Parameters of the tracker that differ.
        model: Its weights where they differ, a file.
    """

    group: str
    name: str
    begin: Callable[[Sequence], Sequence | None] = field(compare=False)
    options: dict[str, float] = field(default_factory=dict)
    model: str = ''


@dataclass(frozen=True)
class Row:
    """What a variant gives; `before` is the run from the exact box on the same frames."""

    group: str
    name: str
    targets: int
    auc: float
    sr_050: float
    ece: float
    before: float
    low: float  # of the difference of the AUC, 95 %
    high: float
    moved: int  # targets whose AUC changes by more than MARKED
    worst: float  # the lowest difference of a target


def _as_it_is(sequence: Sequence) -> Sequence:
    return sequence


def _later(share: float, sequence: Sequence) -> Sequence | None:
    return from_frame(sequence, int(share * len(sequence)), f'from-{share:g}')


def _seeded(seed: int, sequence: Sequence) -> Sequence:
    return careless(sequence, seed)


def _off(name: str, shift: tuple[float, float], factor: float, sequence: Sequence) -> Sequence:
    return drawn(sequence, name, shift, (factor, factor))


EXACT = Variant('', 'exact', _as_it_is)


def variants(
    seeds: int, decode: DecodeConfig | None, models: Mapping[int, str] | None = None
) -> list[Variant]:
    """Everything that is varied, EXACT first.

    Args:
        seeds: Number of careless first boxes of each target.
        decode: The tracker's parameters; None for a tracker that has none to vary. Those that are
            0 are off and stay off; values end at their limits.
        models: Files of weights by the seed of their training; '' for those of EXACT.
    """
    found = [EXACT]
    found += [Variant(SEED, str(seed), partial(_seeded, seed)) for seed in range(seeds)]
    found += [Variant(START, f'at {share:.0%}', partial(_later, share)) for share in LATER]
    for name, shift in SHIFTS.items():
        found.append(Variant(BOX, f'{SHIFT:.0%} {name}', partial(_off, name, shift, 1.0)))
    for factor in FACTORS:
        begin = partial(_off, f'x{factor:g}', (0.0, 0.0), factor)
        found.append(Variant(BOX, f'sides x {factor:g}', begin))
    for name, value in asdict(decode).items() if decode else ():
        for factor in CHANGES if value else ():
            changed = round(float(np.clip(factor * value, *DecodeConfig.limits(name))), 6)
            title = f'{name} {value:g} -> {changed:g}'
            found.append(Variant(PARAMETER, title, _as_it_is, {name: changed}))
    for seed, model in (models or {}).items():
        found.append(Variant(TRAINING, str(seed), _as_it_is, model=model))
    return found


def frames_of(run: Run, first: int = 0) -> Frames:
    """Confidence and IoU of the judged frames after frame `first`."""
    judged = run.judged.copy()
    judged[: first + 1] = False
    return Frames(run.confidence[judged], run.iou[judged])


def row_of(variant: Variant, exact: list[Run], runs: list[Run]) -> Row | None:
    """Compare a variant with the exact runs on the frames that both judge.

    Args:
        variant: What `runs` are of.
        exact: A run of each target.
        runs: Of the same targets, or fewer; where they begin later, they end at the same frame.

    Returns:
        The row; None where no target has a frame to judge.
    """
    by_name = {run.sequence: run for run in exact}
    before: Targets = {}
    after: Targets = {}
    for run in runs:
        name = run.sequence.partition('@')[0]
        other = by_name[name]
        pair = frames_of(other, len(other.iou) - len(run.iou)), frames_of(run)
        if len(pair[1].iou):
            before[name], after[name] = [pair[0]], [pair[1]]
    if not after:
        return None
    (auc,) = differences(before, after, {AUC: ONE_PASS[AUC]})
    every = [frames for one in after.values() for frames in one]
    confident = np.isfinite(np.concatenate([frames.confidence for frames in every])).all()
    change = [ONE_PASS[AUC](after[name]) - ONE_PASS[AUC](before[name]) for name in after]
    return Row(
        variant.group, variant.name, len(after), auc.after, ONE_PASS[SR](every),
        ONE_PASS[ECE](every) if confident else float('nan'),
        auc.before, auc.low, auc.high, int((np.abs(change) > MARKED).sum()), min(change),
    )  # fmt: skip


def spread(groups: dict[str, list[list[Run]]]) -> dict[str, dict[str, float]]:
    """How far the AUC moves within each group of variants that run all frames of all targets.

    Args:
        groups: For each group the runs of each variant, the same targets in the same order.

    Returns:
        By group: number of variants, mean of the mean AUC and its standard deviation, and the mean
        over targets of the standard deviation of a target's own AUC (NaN for one variant).
    """
    found = {}
    for group, lists in groups.items():
        table = np.array([[run.scores.success_auc for run in runs] for runs in lists])
        several = len(lists) > 1
        found[group] = {
            'variants': len(lists),
            'mean AUC': float(table.mean()),
            'sd of the mean': float(table.mean(1).std(ddof=1)) if several else float('nan'),
            "sd of a target's AUC": float(table.std(0, ddof=1).mean()) if several else float('nan'),
        }
    return found


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """One line a row, all digits; empty where a value is not defined."""
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, [item.name for item in fields(Row)])
        writer.writeheader()
        for row in rows:
            values = asdict(row).items()
            writer.writerow({key: '' if value != value else value for key, value in values})


def stability_table(rows: Iterable[Row]) -> str:
    """One row a variant."""
    header = ['varied', 'value', 'targets', 'AUC', 'SR0.5', 'ECE', 'AUC - exact, 95 %']
    header += [f'targets moved > {MARKED:g}', 'worst target']
    cells: list[list[Any]] = [
        [
            r.group, r.name, r.targets, r.auc, r.sr_050, r.ece,
            f'{r.auc - r.before:+.3f} ({r.low:+.3f}, {r.high:+.3f})', r.moved, f'{r.worst:+.3f}',
        ]
        for r in rows
    ]  # fmt: skip
    return markdown_table(header, cells)


def spread_table(found: dict[str, dict[str, float]]) -> str:
    """One row a group of variants."""
    header = ['varied', *next(iter(found.values()), ())]
    return markdown_table(header, [[group, *row.values()] for group, row in found.items()])
