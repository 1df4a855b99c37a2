"""Real crossings: stretches of annotated scenes in which one target passes another.

Two targets of a scene (`targets.csv`) meet where their boxes share much of the smaller one, and a
crossing is such a meeting with frames before and after it on which both stand apart. Each is a
sequence of its own that begins shortly before, so that no earlier failure counts in it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.discovery import sequence_folders
from siamla_ros.datasets.formats import find_video
from siamla_ros.datasets.scenes import HIDDEN, WELL_VISIBLE, SceneTarget, read_targets
from siamla_ros.datasets.sequence import DatasetError, Sequence, VideoFrames

MEET, PEAK, APART = 0.2, 0.4, 0.1  # shared area, of the smaller box
PAUSE = 5  # frames apart that do not yet end a meeting
BEFORE, AFTER, LEAST_AFTER = 20, 20, 3  # frames


@dataclass(frozen=True)
class Crossing:
    """One target that meets another.

    Attributes:
        sequence: Of the target, from shortly before the meeting to after it.
        other_xywh: (N, 4) boxes of the other target on these frames, NaN where it has none.
        meet: First frame of the meeting, in the sequence.
        part: First frame after it.
    """

    sequence: Sequence
    other_xywh: NDArray[np.float64]
    meet: int
    part: int


def scene_crossings(folder: Path) -> Iterator[Crossing]:
    """Every crossing of a scene with a `targets.csv`; of two targets each is followed once.

    Raises:
        DatasetError: The scene has no video, or its annotation is damaged.
    """
    video = find_video(folder)
    if video is None:
        raise DatasetError(f'{folder}: no video file')
    count = sum(1 for _ in VideoFrames(video))
    targets = read_targets(folder / 'targets.csv', count)
    for target in targets:
        for other in targets:
            if other is target:
                continue
            for start, meet, part, stop in spans(target, other):
                shown = np.where(target.visibility[:, None] >= HIDDEN, target.boxes_xywh, np.nan)
                sequence = Sequence(
                    f'{folder.name}/{target.name}-{other.name}@{meet}',
                    VideoFrames(video, start, stop - start),
                    shown[start:stop],
                )
                others = other.boxes_xywh[start:stop]
                yield Crossing(sequence, others, meet - start, part - start)


def load_crossings(
    root: Path,
    patterns: Collection[str] = (),
    on_damage: Callable[[str, DatasetError], None] | None = None,
) -> list[Crossing]:
    """The crossings of every scene below root that has several targets.

    Args:
        root: Holds a folder a scene.
        patterns: Only scenes whose name matches one of them (with * and ?); all if empty.
        on_damage: Receives name and error of each scene that is left out; without it none is.

    Raises:
        DatasetError: There is no crossing.
    """
    found: list[Crossing] = []
    for folder in sequence_folders(root):
        if not (folder / 'targets.csv').is_file() or not _wanted(folder.name, patterns):
            continue
        try:
            found += scene_crossings(folder)
        except DatasetError as error:
            if on_damage is None:
                raise
            on_damage(folder.name, error)
    if not found:
        raise DatasetError(f'{root}: no scene with a targets.csv in which targets cross')
    return found


def _wanted(name: str, patterns: Collection[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def spans(target: SceneTarget, other: SceneTarget) -> Iterator[tuple[int, int, int, int]]:
    """(start, meet, part, stop) of each crossing of the target by the other, stop excluded."""
    shared = shared_area(target.boxes_xywh, other.boxes_xywh)
    free = np.isfinite(target.boxes_xywh[:, 0] + other.boxes_xywh[:, 0]) & (shared < MEET)
    for first, last in _runs(shared >= MEET):
        if shared[first : last + 1].max() < PEAK:
            continue
        before = _stretch(free, first - 1, -1, BEFORE)
        good = [
            frame
            for frame in range(first - before, first)
            if shared[frame] < APART and target.visibility[frame] >= WELL_VISIBLE
        ]
        after = _stretch(free, last + 1, 1, AFTER)
        if good and after >= LEAST_AFTER:
            yield good[0], first, last + 1, last + 1 + after


def shared_area(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) common area of two rows of boxes over that of the smaller; 0 where one is missing."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    smaller = np.minimum(first[:, 2:].prod(1), second[:, 2:].prod(1))
    return np.nan_to_num(np.clip(high - low, 0.0, None).prod(1) / smaller)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last frame of each stretch of true ones, pauses bridged."""
    frames = np.flatnonzero(flags)
    if not len(frames):
        return []
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > PAUSE) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]


def _stretch(flags: NDArray[np.bool_], start: int, step: int, most: int) -> int:
    """How many frames in a row are true from `start` on, at most `most`."""
    count = 0
    while count < most and 0 <= start + count * step < len(flags) and flags[start + count * step]:
        count += 1
    return count
