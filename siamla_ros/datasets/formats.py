"""Readers of sequence folders, one a benchmark's layout. Boxes are taken as they stand, 0-based."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from siamla_ros.datasets.annotations import (
    read_boxes,
    read_flags,
    read_mask_boxes,
    read_regions,
)
from siamla_ros.datasets.image_files import image_files
from siamla_ros.datasets.sequence import DatasetError, ImageFrames, Sequence, VideoFrames

VIDEO_NAMES = ('video.mp4', 'video.avi', 'video.mkv', 'video.webm')
# OTB sequences whose annotation does not begin with the first image of the folder.
OTB_FIRST_IMAGE = {'David': 300, 'BlurCar1': 247, 'BlurCar3': 3, 'BlurCar4': 18}


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
    name: str, images: list[Path], boxes: np.ndarray, truth: Path, absent: np.ndarray | None = None
) -> Sequence:
    """A sequence of image files; DatasetError unless there is one ground-truth row an image."""
    if len(images) != len(boxes):
        raise DatasetError(f'{truth}: {len(boxes)} rows for {len(images)} images')
    return Sequence(name, ImageFrames(tuple(images)), boxes, absent)


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
    """img/ + groundtruth_rect.txt, or one groundtruth_rect.<n>.txt a target."""
    images = list_images(folder / 'img')
    first = OTB_FIRST_IMAGE.get(folder.name)
    for truth in sorted(folder.glob('groundtruth_rect*.txt')):
        boxes = read_boxes(truth)
        chosen = images
        if first is not None and len(images) > len(boxes):
            chosen = [path for path in images if image_number(path) >= first][: len(boxes)]
        number = truth.stem.removeprefix('groundtruth_rect').strip('.')
        name = f'{folder.name}-{number}' if number else folder.name
        yield image_sequence(name, chosen, boxes, truth)


def got10k_folder(folder: Path) -> Iterator[Sequence]:
    """Images + groundtruth.txt (+ absence.label); the hidden test split has the first box only."""
    truth, flags = folder / 'groundtruth.txt', folder / 'absence.label'
    images = list_images(folder)
    boxes = _pad(read_boxes(truth), len(images))
    absent = read_flags(flags) if flags.is_file() else None
    yield image_sequence(folder.name, images, boxes, truth, absent)


def lasot_folder(folder: Path) -> Iterator[Sequence]:
    """img/ + groundtruth.txt + full_occlusion.txt + out_of_view.txt."""
    truth = folder / 'groundtruth.txt'
    boxes = read_boxes(truth)
    absent = np.zeros(len(boxes), bool)
    for name in ('full_occlusion.txt', 'out_of_view.txt'):
        if (folder / name).is_file():
            flags = read_flags(folder / name)
            if len(flags) != len(boxes):
                raise DatasetError(f'{folder / name}: {len(flags)} flags for {len(boxes)} boxes')
            absent |= flags
    yield image_sequence(folder.name, list_images(folder / 'img'), boxes, truth, absent)


def vot_folder(folder: Path) -> Iterator[Sequence]:
    """color/ or the folder itself with images + groundtruth.txt of boxes or polygons."""
    truth = folder / 'groundtruth.txt'
    images = list_images(folder / 'color' if (folder / 'color').is_dir() else folder)
    yield image_sequence(folder.name, images, read_regions(truth), truth)


def trackingnet_root(root: Path) -> Iterator[Sequence]:
    """anno/<name>.txt + frames/<name>/<n>.jpg."""
    for truth in sorted((root / 'anno').glob('*.txt')):
        images = list_images(root / 'frames' / truth.stem)
        yield image_sequence(truth.stem, images, _pad(read_boxes(truth), len(images)), truth)


def davis_root(root: Path) -> Iterator[Sequence]:
    """JPEGImages/[480p/]<name>/ + Annotations/[480p/]<name>/*.png: one target a mask color."""
    images_root, masks_root = (_resolution(root / part) for part in ('JPEGImages', 'Annotations'))
    for masks in sorted(path for path in masks_root.iterdir() if path.is_dir()):
        images = list_images(images_root / masks.name)
        found = [read_mask_boxes(path) for path in list_images(masks)]
        colors = sorted(set().union(*found))
        for number, color in enumerate(colors, 1):
            boxes = np.array([frame.get(color, (np.nan,) * 4) for frame in found])
            absent = np.isnan(boxes[:, 0])
            start = int(np.argmin(absent))  # an object that enters late begins there
            name = f'{masks.name}-{number}' if len(colors) > 1 else masks.name
            if len(images) != len(boxes):
                raise DatasetError(f'{masks}: {len(boxes)} masks for {len(images)} images')
            yield image_sequence(name, images[start:], boxes[start:], masks, absent[start:])


def _resolution(folder: Path) -> Path:
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    return folder / '480p' if (folder / '480p').is_dir() else folder


def _pad(boxes: np.ndarray, count: int) -> np.ndarray:
    """Rows of NaN after a single first box: frames whose truth is not published."""
    if len(boxes) != 1 or count <= 1:
        return boxes
    return np.concatenate([boxes, np.full((count - 1, 4), np.nan)])
