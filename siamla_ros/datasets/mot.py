"""Sequences of the MOT challenges: img1/ + gt/gt.txt, several targets each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from siamla_ros.datasets.annotations import read_rows
from siamla_ros.datasets.formats import list_images
from siamla_ros.datasets.scenes import SceneTarget, well_visible_span
from siamla_ros.datasets.sequence import DatasetError, ImageFrames, Sequence

PEDESTRIAN = 1.0


def mot_folder(folder: Path) -> Iterator[Sequence]:
    """A sequence for each counted pedestrian of gt/gt.txt that is once well visible.

    Rows are frame,id,x,y,w,h,counted[,class,visibility]; frames and pixels count from 1. Rows of
    MOT15 end after `counted` and three numbers that are not used.
    """
    images = list_images(folder / 'img1')
    if not images:
        raise DatasetError(f'{folder / "img1"}: no images')
    size_hw = next(iter(ImageFrames(tuple(images[:1])))).shape[:2]
    for target in read_mot(folder / 'gt' / 'gt.txt', len(images)):
        span = well_visible_span(target, size_hw)
        if span is None:
            continue
        start, stop, boxes = span
        name = f'{folder.name}-{target.name}'
        yield Sequence(name, ImageFrames(tuple(images[start:stop])), boxes, origin_px=1.0)


def read_mot(path: Path, frames: int) -> list[SceneTarget]:
    """The counted pedestrians of a gt.txt, by id; boxes count pixels from 0.

    Raises:
        DatasetError: A row has fewer than seven numbers, or a frame lies outside of the video.
    """
    boxes: dict[int, np.ndarray] = {}
    visible: dict[int, np.ndarray] = {}
    for line, row in enumerate(read_rows(path, 7), 1):
        frame, number, counted = int(row[0]) - 1, int(row[1]), row[6]
        if not 0 <= frame < frames:
            raise DatasetError(f'{path}:{line}: frame = {frame + 1}: must lie in [1, {frames}]')
        has_class = len(row) == 9
        if not counted or (has_class and row[7] != PEDESTRIAN):
            continue
        place = boxes.setdefault(number, np.full((frames, 4), np.nan))
        place[frame] = np.array(row[2:6]) - (1.0, 1.0, 0.0, 0.0)
        share = row[8] if has_class else 1.0
        visible.setdefault(number, np.zeros(frames))[frame] = share
    return [SceneTarget(str(number), boxes[number], visible[number]) for number in sorted(boxes)]
