"""Readers of sequence folders, one a benchmark's layout.

Boxes are taken as they stand, but those of OTB and MOT: these count the first pixel as 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from siamla_ros.datasets.annotations import read_boxes, read_flags, read_numbers, read_regions
from siamla_ros.datasets.image_files import image_files
from siamla_ros.datasets.sequence import DatasetError, ImageFrames, Sequence, VideoFrames

VIDEO_NAMES = ('video.mp4', 'video.avi', 'video.mkv', 'video.webm')
# OTB folders with more images than rows: the number of the first image that a row belongs to.
OTB_FIRST_IMAGE = {
    'David': 300,
    'BlurCar1': 247,
    'BlurCar3': 3,
    'BlurCar4': 18,
    'Football1': 1,
    'Freeman3': 1,
    'Freeman4': 1,
    'Diving': 1,
}
OTB_SPARE_IMAGES = 10  # that other folders may have after their last row


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder, see `image_files`; DatasetError without the folder."""
    try:
        return image_files(folder)
    except ValueError as error:
        raise DatasetError(str(error)) from error


def image_number(path: Path) -> int:
    """The last number in a file name, 0 if there is none."""
    digits = re.findall(r'\d+', path.stem)
    return int(digits[-1]) if digits else 0


def image_sequence(
    name: str,
    images: list[Path],
    boxes: np.ndarray,
    truth: Path,
    absent: np.ndarray | None = None,
    origin_px: float = 0.0,
) -> Sequence:
    """A sequence of image files; DatasetError unless there is one ground-truth row an image."""
    if len(images) != len(boxes):
        raise DatasetError(f'{truth}: {len(boxes)} rows for {len(images)} images')
    return Sequence(
        name, ImageFrames(tuple(images)), boxes - (origin_px, origin_px, 0, 0), absent, origin_px
    )


def pad(boxes: np.ndarray, count: int) -> np.ndarray:
    """Rows of NaN after a single first box: frames whose truth is not published."""
    if len(boxes) != 1 or count <= 1:
        return boxes
    return np.concatenate([boxes, np.full((count - 1, 4), np.nan)])


def find_video(folder: Path) -> Path | None:
    """video.mp4 or one of its like, None if there is none."""
    return next((folder / name for name in VIDEO_NAMES if (folder / name).is_file()), None)


def video_folder(folder: Path) -> Iterator[Sequence]:
    """video.mp4 + groundtruth_rect.txt (+ absent.txt)."""
    video = find_video(folder)
    if video is None:
        raise DatasetError(f'{folder}: none of {", ".join(VIDEO_NAMES)}')
    flags = folder / 'absent.txt'
    absent = read_flags(flags) if flags.is_file() else None
    boxes = read_boxes(folder / 'groundtruth_rect.txt')
    yield Sequence(folder.name, VideoFrames(video), boxes, absent)


def otb_folder(folder: Path) -> Iterator[Sequence]:
    """img/ + groundtruth_rect.txt, or one groundtruth_rect.<n>.txt a target.

    Rows belong to the first images; in the folders of OTB_FIRST_IMAGE from another image on, as
    in the benchmark's own list of sequences.
    """
    images = list_images(folder / 'img')
    first = OTB_FIRST_IMAGE.get(folder.name)
    for truth in sorted(folder.glob('groundtruth_rect*.txt')):
        boxes = read_boxes(truth)
        chosen = images
        if len(images) > len(boxes) and first is not None:
            chosen = [path for path in images if image_number(path) >= first][: len(boxes)]
        elif len(images) <= len(boxes) + OTB_SPARE_IMAGES:
            chosen = images[: len(boxes)]
        number = truth.stem.removeprefix('groundtruth_rect').strip('.')
        name = f'{folder.name}-{number}' if number else folder.name
        yield image_sequence(name, chosen, boxes, truth, origin_px=1.0)


def got10k_folder(folder: Path) -> Iterator[Sequence]:
    """Images + groundtruth.txt (+ absence.label, cover.label, cut_by_image.label); the test split:
    first box only.

    A target of which nothing is visible (cover 0) is absent. One that the image cuts keeps its box,
    which is that of the part within it; the file only has to be whole.
    """
    truth = folder / 'groundtruth.txt'
    images = list_images(folder)
    boxes = pad(read_boxes(truth), len(images))
    absent = np.zeros(len(boxes), bool)
    if (folder / 'absence.label').is_file():
        absent |= _as_long(read_flags(folder / 'absence.label'), boxes, folder / 'absence.label')
    if (folder / 'cut_by_image.label').is_file():
        cut = folder / 'cut_by_image.label'
        _as_long(read_flags(cut), boxes, cut)
    if (folder / 'cover.label').is_file():
        cover = read_numbers(folder / 'cover.label')
        absent |= _as_long(cover, boxes, folder / 'cover.label') == 0
    yield image_sequence(folder.name, images, boxes, truth, absent)


def lasot_folder(folder: Path) -> Iterator[Sequence]:
    """img/ (TNL2K: imgs/) + groundtruth.txt (+ full_occlusion.txt, out_of_view.txt)."""
    truth = folder / 'groundtruth.txt'
    images = list_images(folder / ('imgs' if (folder / 'imgs').is_dir() else 'img'))
    boxes = pad(read_boxes(truth), len(images))
    absent = np.zeros(len(boxes), bool)
    for name in ('full_occlusion.txt', 'out_of_view.txt'):
        if (folder / name).is_file():
            absent |= _as_long(read_flags(folder / name), boxes, folder / name)
    yield image_sequence(folder.name, images, boxes, truth, absent)


def _as_long(flags: np.ndarray, boxes: np.ndarray, path: Path) -> np.ndarray:
    if len(flags) != len(boxes):
        raise DatasetError(f'{path}: {len(flags)} flags for {len(boxes)} boxes')
    return flags


def vot_folder(folder: Path) -> Iterator[Sequence]:
    """color/ or the folder itself with images; groundtruth.txt of boxes, polygons or masks.

    VOTS has several targets, one groundtruth_<target>.txt each, and publishes the first row only.
    """
    images = list_images(folder / 'color' if (folder / 'color').is_dir() else folder)
    for truth in sorted(folder.glob('groundtruth*.txt')):
        target = truth.stem.removeprefix('groundtruth').strip('_')
        name = f'{folder.name}-{target}' if target else folder.name
        yield image_sequence(name, images, pad(read_regions(truth), len(images)), truth)
