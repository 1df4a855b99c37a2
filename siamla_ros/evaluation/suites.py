"""The evaluations of the command line, each over several trackers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import splice
from siamla_ros.evaluation.confidence import Absence, absence, agreement
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.runner import Run, run_sequence
from siamla_ros.evaluation.splice import Scene

Runs = dict[str, list[Run]]
Item = TypeVar('Item')


def one_pass(
    trackers: list[EvalTracker], sequences: list[Sequence], cells: bool, quiet: bool = False
) -> Runs:
    """Each tracker alone over all sequences, whole; cells: also judge score alignment."""
    runs: Runs = {}
    frames = sum(map(len, sequences)) * len(trackers)
    with progress('frames', frames, quiet) as bar:
        for tracker in trackers:
            bar.set_description(tracker.name)
            runs[tracker.name] = [
                run_sequence(tracker, sequence, bar.update, cells) for sequence in sequences
            ]
    return runs


def progress(unit: str, total: int, quiet: bool) -> tqdm:
    """A progress bar on standard error."""
    return tqdm(total=total, unit=f' {unit}', file=sys.stderr, disable=quiet, smoothing=0.05)


def counted(items: Iterable[Item], bar: tqdm) -> Iterator[Item]:
    """The items; the bar moves on when one is done with."""
    for item in items:
        yield item
        bar.update()


def scenes_of(sequences: Iterable[Sequence]) -> tuple[list[Scene], list[str]]:
    """The scenes to splice, and the names of sequences that cannot be (the target fills them)."""
    scenes, refused = [], []
    for sequence in sequences:
        try:
            scenes.append(splice.load_scene(sequence, splice.SCENE_FRAMES))
        except ValueError as error:
            refused.append(str(error))
    return scenes, refused


def spliced(
    trackers: list[EvalTracker],
    scenes: list[Scene],
    kinds: dict[str, Callable[[Scene, Scene, int], Sequence]],
    seed: int,
    quiet: bool = False,
) -> dict[str, Runs]:
    """Kind -> tracker -> runs; every tracker sees the same frames."""
    result: dict[str, Runs] = {kind: {t.name: [] for t in trackers} for kind in kinds}
    with progress('sequences', len(kinds) * len(scenes) * len(trackers), quiet) as bar:
        for scene in scenes:
            donor = splice.donor_of(scene, scenes, seed)
            for kind, make in kinds.items():
                sequence = make(scene, donor, seed)
                bar.set_description(sequence.name)
                for tracker in trackers:
                    result[kind][tracker.name].append(run_sequence(tracker, sequence))
                    bar.update()
    return result


def confidence_figures(runs: Runs, gone: dict[str, Runs]) -> dict[str, Any]:
    """Tracker -> agreement figures and, by kind, Absence; None without a confidence."""
    return {
        name: {
            **agreement(runs[name]),
            **{kind: absence(by_tracker[name]) for kind, by_tracker in gone.items()},
        }
        for name in runs
    }


def confidence_tables(figures: dict[str, Any], kinds: Iterable[str]) -> str:
    """The table of all trackers, and how fast the confidence falls."""
    kinds = list(kinds)
    top, falls = [], []
    for name, row in figures.items():
        aurocs = [row[kind].auroc if row[kind] else None for kind in kinds]
        aligned = [row['alignment_gap'], row['alignment_rank']]
        top.append([name, row['spearman'], row['ece'], *aligned, *aurocs])
        falls += [[name, kind, *_fall_cells(row[kind])] for kind in kinds if row[kind]]
    header = ['tracker', 'Spearman(c, IoU)', 'ECE', 'alignment gap', 'alignment rank']
    first = markdown_table([*header, *(f'AUROC {kind}' for kind in kinds)], top)
    header = ['tracker', 'target gone by', 'threshold', 'frames to fall: median', 'worst', 'never']
    second = markdown_table([*header, 'median c present', 'median c absent'], falls)
    return f'{first}\n\n{second}'


def _fall_cells(row: Absence) -> list[Any]:
    never = f'{row.never} of {row.sequences}'
    fall = [_whole(row.fall_median), _whole(row.fall_worst)]
    return [row.threshold, *fall, never, row.median_present, row.median_absent]


def _whole(frames: float) -> float | str:
    return f'{frames:g}' if frames < float('inf') else frames
