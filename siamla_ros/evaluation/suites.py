"""The evaluations of the command line, each over several trackers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from siamla_ros.datasets.sequence import DatasetError, Sequence
from siamla_ros.evaluation import splice
from siamla_ros.evaluation.confidence import Absence, absence, agreement
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.parallel import MakeTrackers, run_tasks
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.evaluation.run_store import RunStore
from siamla_ros.evaluation.runner import Run, run_sequence
from siamla_ros.evaluation.splice import Scene
from siamla_ros.evaluation.supervised import SupervisedRun, run_supervised

Runs = dict[str, list[Run]]
Item = TypeVar('Item')


def one_pass(
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    cells: bool,
    quiet: bool = False,
    store: RunStore | None = None,
    jobs: int = 1,
    make: MakeTrackers | None = None,
    damage: Damage | None = None,
) -> Runs:
    """Each tracker alone over all sequences, whole.

    Args:
        trackers: To run.
        sequences: To run them on.
        cells: Also judge score alignment.
        quiet: No progress bar.
        store: Holds finished runs, which are not run again; new ones are added.
        jobs: Number of processes; their times are those of a busy machine.
        make: Makes the same trackers in another process; needed for more than one.
        damage: Hears of sequences whose frames cannot be read, which are left out of the runs of
            all trackers; without it that is an error.

    Raises:
        DatasetError: Frames cannot be read, and there is no `damage` or no sequence is left.
    """
    damage = damage or Damage()
    done: dict[tuple[int, int], Run] = {}
    places = [(t, s) for t in range(len(trackers)) for s in range(len(sequences))]
    if store is not None:
        found = ((place, store.load(trackers[place[0]], sequences[place[1]])) for place in places)
        done = {place: run for place, run in found if run is not None}
    left = [place for place in places if place not in done]
    with progress('frames', sum(len(sequences[s]) for _, s in left), quiet) as bar:
        for place, run in _runs(left, trackers, sequences, cells, bar, jobs, make):
            if isinstance(run, DatasetError):
                damage.note(sequences[place[1]].name, run)
                continue
            done[place] = run
            if store is not None:
                store.save(trackers[place[0]], sequences[place[1]], run)
    whole = {sequence.name for sequence in damage.rest(sequences)}
    kept = [s for s, sequence in enumerate(sequences) if sequence.name in whole]
    return {tracker.name: [done[t, s] for s in kept] for t, tracker in enumerate(trackers)}


def _runs(
    places: list[tuple[int, int]],
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    cells: bool,
    bar: tqdm,
    jobs: int,
    make: MakeTrackers | None,
) -> Iterator[tuple[tuple[int, int], Run | DatasetError]]:
    if jobs == 1 or make is None:
        for t, s in places:
            bar.set_description(trackers[t].name)
            found: Run | DatasetError
            try:
                found = run_sequence(trackers[t], sequences[s], bar.update, cells)
            except DatasetError as error:
                found = error
            yield (t, s), found
        return
    place_of = {(t, sequences[s].name): (t, s) for t, s in places}
    tasks = [(t, sequences[s]) for t, s in places]
    for (t, sequence), run in run_tasks(tasks, make, cells, jobs):
        bar.update(len(sequence))
        yield place_of[t, sequence.name], run


def supervised(
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    quiet: bool = False,
    damage: Damage | None = None,
) -> dict[str, list[SupervisedRun]]:
    """Each tracker over all sequences, started again after each failure; damage: as `one_pass`.

    Raises:
        DatasetError: As `one_pass`.
    """
    runs: dict[str, list[SupervisedRun]] = {tracker.name: [] for tracker in trackers}
    damage = damage or Damage()
    with progress('frames', sum(map(len, sequences)) * len(trackers), quiet) as bar:
        for sequence in sequences:
            try:
                found = [run_supervised(tracker, sequence) for tracker in trackers]
            except DatasetError as error:
                damage.note(sequence.name, error)
                continue
            for tracker, run in zip(trackers, found, strict=True):
                runs[tracker.name].append(run)
            bar.update(len(sequence) * len(trackers))
    damage.rest(sequences)
    return runs


def progress(unit: str, total: int, quiet: bool) -> tqdm:
    """A progress bar on standard error."""
    return tqdm(total=total, unit=f' {unit}', file=sys.stderr, disable=quiet, smoothing=0.05)


def counted(items: Iterable[Item], bar: tqdm) -> Iterator[Item]:
    """The items; the bar moves on when one is done with."""
    for item in items:
        yield item
        bar.update()


def scenes_of(
    sequences: Iterable[Sequence], damage: Damage | None = None
) -> tuple[list[Scene], list[str]]:
    """The scenes to splice, and why other sequences cannot be (the target fills them).

    damage: hears of those whose frames cannot be read; without it they are among the others.
    """
    scenes, refused = [], []
    for sequence in sequences:
        try:
            scenes.append(splice.load_scene(sequence, splice.SCENE_FRAMES))
        except ValueError as error:
            if damage is not None and isinstance(error, DatasetError):
                damage.note(sequence.name, error)
            else:
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
