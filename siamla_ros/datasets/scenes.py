"""Scenes of annotated video with one or several targets each, for training and
evaluation.

A scene is a folder with a video and its boxes: `groundtruth_rect.txt` (one target, a row a frame)
or `targets.csv` (`frame,target_id,x,y,w,h,visibility`, as in MOT challenges).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.annotations import read_boxes
from siamla_ros.datasets.formats import find_video
from siamla_ros.datasets.sequence import DatasetError, VideoFrames, normalize_boxes
from siamla_ros.datasets.sequence import Sequence as TargetSequence
from siamla_ros.datasets.yaml_file import read_mapping

WELL_VISIBLE = 0.8  # share of a target from which a sequence may begin with it
HIDDEN = 0.25  # share below which its box is not counted
LEAST_FRAMES, LEAST_AREA_PX2 = 20, 300.0  # of a target that makes a sequence
SIDES = ('development', 'training')
TARGET_COLUMNS = ('frame', 'target_id', 'x', 'y', 'w', 'h', 'visibility')


@dataclass(frozen=True)
class SceneTarget:
    """One target of a scene.

    Attributes:
        name: Name of the target, unique within its scene.
        boxes_xywh: (N, 4) float64, pixels, one row a frame; NaN where there is no box.
        visibility: (N,) visible share of the target in [0, 1].
    """

    name: str
    boxes_xywh: NDArray[np.float64]
    visibility: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """One video with its targets.

    Attributes:
        name: Name of the folder.
        targets: What is annotated in it.
        frames_path: Decoded frames, (N, H, W, 3) uint8 BGR, as a `.npy` file.
    """

    name: str
    targets: tuple[SceneTarget, ...]
    frames_path: Path

    def frames(self) -> NDArray[np.uint8]:
        """The frames (N, H, W, 3), mapped from the file: only what is read enters memory."""
        return np.load(self.frames_path, mmap_mode='r')


def load_scenes(root: Path, cache: Path, exclude: Collection[str] = ()) -> list[Scene]:
    """Every scene below `root` that is not excluded; frames are decoded to `cache` once.

    Args:
        root: Folder that holds one folder a scene.
        cache: Folder for the decoded frames; an existing file is not decoded again.
        exclude: Names of scenes to leave out.

    Raises:
        DatasetError: No scene is left, a name to exclude does not exist, or a file is missing or
            damaged.
    """
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    folders = {path.name: path for path in sorted(root.iterdir()) if find_video(path) is not None}
    unknown = sorted(set(exclude) - set(folders))
    if unknown:
        raise DatasetError(f'{root}: no scene {", ".join(unknown)} to exclude')
    chosen = [path for name, path in folders.items() if name not in set(exclude)]
    if not chosen:
        raise DatasetError(f'{root}: no scene to train on')
    cache.mkdir(parents=True, exist_ok=True)
    return [_scene(folder, cache) for folder in chosen]


def read_split(path: Path) -> tuple[str, ...]:
    """Names of the development scenes of a split file (YAML, a list under `development`).

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no YAML, or there is no such list.
    """
    names = read_mapping(path).get('development')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DatasetError(f'{path}: development = {names!r}: must be a list of names of scenes')
    return tuple(names)


def of_side(
    sequences: Iterable[TargetSequence], scenes: Collection[str], side: str, whole: bool = True
) -> list[TargetSequence]:
    """The sequences of the scenes of a split file, or all others.

    A sequence is of a scene if it has its name, alone or before a hyphen and a target's name.

    Args:
        sequences: To choose from.
        scenes: Names of the scenes for development.
        side: One of `SIDES`.
        whole: They are a whole data set, which must hold each of the scenes.

    Raises:
        DatasetError: A scene has no sequence, or no sequence is left.
    """
    kept, seen = [], set()
    for item in sequences:
        scene = next((s for s in scenes if item.name == s or item.name.startswith(f'{s}-')), None)
        seen.add(scene)
        if (scene is not None) == (side == 'development'):
            kept.append(item)
    missing = sorted(set(scenes) - seen)
    if missing and whole and side == 'development':
        raise DatasetError(f'no sequence of {", ".join(missing)}, which the split names')
    if not kept:
        raise DatasetError(f'no sequence on the side {side!r} of the split')
    return kept


def read_targets(path: Path, frames: int) -> tuple[SceneTarget, ...]:
    """The targets of a `targets.csv`, in the order in which they appear.

    An empty visibility counts as 1.

    Args:
        path: The file.
        frames: Number of frames of the video.

    Raises:
        DatasetError: A column is missing, a value is no number, or a frame lies outside of the
            video; the message names file and line.
    """
    boxes: dict[str, NDArray[np.float64]] = {}
    visible: dict[str, NDArray[np.float64]] = {}
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        missing = [name for name in TARGET_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(f'{path}: columns missing: {", ".join(missing)}')
        for line, row in enumerate(reader, start=2):
            try:
                frame, values = int(row['frame']), [float(row[k]) for k in TARGET_COLUMNS[2:6]]
                # not every benchmark states it
                values.append(1.0 if row['visibility'] == '' else float(row['visibility']))
            except (TypeError, ValueError) as error:  # TypeError: the row is shorter than the head
                raise DatasetError(f'{path}:{line}: {error}') from None
            if not 0 <= frame < frames:
                raise DatasetError(f'{path}:{line}: frame = {frame}: must lie in [0, {frames})')
            name = row['target_id']
            boxes.setdefault(name, np.full((frames, 4), np.nan))[frame] = values[:4]
            visible.setdefault(name, np.zeros(frames))[frame] = values[4]
    if not boxes:
        raise DatasetError(f'{path}: empty')
    return tuple(
        SceneTarget(n, normalize_boxes(b, str(path)), visible[n]) for n, b in boxes.items()
    )


def target_sequences(folder: Path) -> Iterator[TargetSequence]:
    """One sequence for each target of a `targets.csv` that is once well visible, from there on.

    Frames on which less than a quarter of the target is visible are not counted.
    """
    video = find_video(folder)
    if video is None:
        raise DatasetError(f'{folder}: no video file')
    sizes = [image.shape[:2] for image in VideoFrames(video)]
    for target in read_targets(folder / 'targets.csv', len(sizes)):
        span = well_visible_span(target, sizes[0])
        if span is not None:
            start, stop, boxes = span
            frames = VideoFrames(video, start, stop - start)
            yield TargetSequence(f'{folder.name}-{target.name}', frames, boxes)


def well_visible_span(
    target: SceneTarget, size_hw: tuple[int, ...]
) -> tuple[int, int, NDArray[np.float64]] | None:
    """The frames of a sequence of this target: from where it is well visible to its last box.

    Returns:
        First frame, the frame after the last, and the boxes between them, NaN where less than a
        quarter of the target is visible; None if it is never well visible or too short.
    """
    boxes = np.where(target.visibility[:, None] >= HIDDEN, target.boxes_xywh, np.nan)
    good = (target.visibility >= WELL_VISIBLE) & _inside(boxes, size_hw)
    good &= np.nan_to_num(boxes[:, 2] * boxes[:, 3]) >= LEAST_AREA_PX2
    if not good.any():
        return None
    start = int(np.argmax(good))
    stop = int(np.flatnonzero(np.isfinite(target.boxes_xywh[:, 0]))[-1]) + 1
    return (start, stop, boxes[start:stop]) if stop - start >= LEAST_FRAMES else None


def _inside(boxes_xywh: NDArray[np.float64], size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
    """(N,) whether at least nine tenths of a box lie within the image."""
    low = np.maximum(boxes_xywh[:, :2], 0.0)
    high = np.minimum(boxes_xywh[:, :2] + boxes_xywh[:, 2:], (size_hw[1], size_hw[0]))
    visible = np.prod(np.maximum(high - low, 0.0), axis=1)
    return np.nan_to_num(visible / np.prod(boxes_xywh[:, 2:], axis=1)) >= 0.9


def _scene(folder: Path, cache: Path) -> Scene:
    frames_path = cache / f'{folder.name}.npy'
    if not frames_path.is_file():
        _decode(folder, frames_path)
    count = len(np.load(frames_path, mmap_mode='r'))
    if (folder / 'targets.csv').is_file():
        return Scene(folder.name, read_targets(folder / 'targets.csv', count), frames_path)
    truth = folder / 'groundtruth_rect.txt'
    boxes = normalize_boxes(read_boxes(truth), str(truth))
    if len(boxes) != count:
        raise DatasetError(f'{truth}: {len(boxes)} rows for {count} frames')
    target = SceneTarget('target', boxes, np.isfinite(boxes[:, 0]).astype(np.float64))
    return Scene(folder.name, (target,), frames_path)


def _decode(folder: Path, path: Path) -> None:
    """Write the frames of a scene's video, whole or not at all."""
    video = find_video(folder)
    assert video is not None
    frames: Sequence[NDArray[np.uint8]] = list(VideoFrames(video))
    if not frames:
        raise DatasetError(f'{video}: no frame could be read')
    partial = path.with_suffix('.part.npy')
    np.save(partial, np.stack(frames))
    partial.replace(path)
