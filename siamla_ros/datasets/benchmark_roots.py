"""Benchmarks that keep frames and annotations apart: one entry a sequence below their root."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from siamla_ros.datasets.annotations import read_boxes, read_mask_boxes
from siamla_ros.datasets.archives import folder_or_archive
from siamla_ros.datasets.formats import image_number, image_sequence, list_images, pad
from siamla_ros.datasets.sequence import DatasetError, Entry, Sequence

# UAV123 cuts some videos: the number of the first frame of each part. Its own list (configSeqs).
UAV123_FIRST_FRAME = {
    'bird1': (1, 775, 1573),
    'car1': (1, 751, 1627),
    'car6': (1, 487, 1807, 2953, 3925),
    'car8': (1, 1357),
    'car16': (1, 415),
    'group1': (1, 1333, 2515, 3925),
    'group2': (1, 907, 1771),
    'group3': (1, 1567, 2827, 4369),
    'person2': (1, 1189),
    'person4': (1, 1501),
    'person5': (1, 877),
    'person7': (1, 1249),
    'person8': (1, 1075),
    'person12': (1, 601),
    'person14': (1, 847, 1813),
    'person17': (1, 1501),
    'person19': (1, 1243, 2791),
    'truck4': (1, 577),
    'uav1': (1, 1555, 2473),
}


def trackingnet_entries(root: Path) -> Iterator[Entry]:
    """anno/NAME.txt + frames/NAME/N.jpg, at root or in its TRAIN_0 ... TRAIN_11 and TEST; or the
    zips/NAME.zip that it is shipped as.
    """
    for part in trackingnet_parts(root):
        for truth in sorted((part / 'anno').glob('*.txt')):
            folder = part / 'frames' / truth.stem
            if not folder.is_dir():
                shipped = folder_or_archive(part / 'zips' / truth.stem)
                folder = shipped if shipped.is_dir() else folder
            yield Entry(truth.stem, partial(_trackingnet, truth, folder))


def trackingnet_parts(root: Path) -> list[Path]:
    """Root itself if it holds anno/ and frames/ or zips/, else its folders that do."""
    parts = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    found = [
        part
        for part in parts
        if (part / 'anno').is_dir() and ((part / 'frames').is_dir() or (part / 'zips').is_dir())
    ]
    return found[:1] if found[:1] == [root] else found


def _trackingnet(truth: Path, folder: Path) -> Iterator[Sequence]:
    images = list_images(folder)
    yield image_sequence(truth.stem, images, pad(read_boxes(truth), len(images)), truth)


def uav123_entries(root: Path) -> Iterator[Entry]:
    """anno/UAV123/NAME.txt + data_seq/UAV123/VIDEO/N.jpg; UAV20L's anno/UAV20L if that is all."""
    annotations = next(
        (root / 'anno' / name for name in ('UAV123', 'UAV20L') if (root / 'anno' / name).is_dir()),
        root / 'anno',
    )
    for truth in sorted(annotations.glob('*.txt')):
        yield Entry(truth.stem, partial(_uav123, truth, root / 'data_seq'))


def _uav123(truth: Path, frames: Path) -> Iterator[Sequence]:
    video, _, part = truth.stem.rpartition('_')
    firsts = UAV123_FIRST_FRAME.get(video, ()) if truth.parent.name == 'UAV123' else ()
    cut = part.isdigit() and int(part) <= len(firsts)
    folder = video if cut else truth.stem
    nested = frames / 'UAV123' / folder
    images = list_images(nested if nested.is_dir() else frames / folder)
    boxes = read_boxes(truth)
    first = firsts[int(part) - 1] if cut else 1
    chosen = [path for path in images if image_number(path) >= first]
    yield image_sequence(truth.stem, chosen[: len(boxes)] if cut else chosen, boxes, truth)


def davis_entries(root: Path) -> Iterator[Entry]:
    """JPEGImages/[480p/]NAME/ + Annotations/[480p/]NAME/*.png: one target a mask color."""
    images_root, masks_root = (_resolution(root / part) for part in ('JPEGImages', 'Annotations'))
    for masks in sorted(path for path in masks_root.iterdir() if path.is_dir()):
        yield Entry(masks.name, partial(_davis, images_root / masks.name, masks))


def _davis(folder: Path, masks: Path) -> Iterator[Sequence]:
    images = list_images(folder)
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
