"""Tracks to train on from the data sets of benchmarks: GOT-10k, LaSOT, TrackingNet, COCO, others.

A track makes its records when they are drawn, from one array of boxes: a data set of ten million
frames is held as its paths and 16 bytes a box.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.archives import folder_or_archive
from siamla_ros.datasets.discovery import FORMATS, load_dataset
from siamla_ros.datasets.sequence import DatasetError, ImageFrames
from siamla_ros.datasets.training_pack import MIN_SIDE_PX, Pack, Record, weights_of
from siamla_ros.geometry.boxes import FARTHEST_PX, check_box

LAYOUTS = (*FORMATS, 'coco', 'imagenet_vid')
VALIDATION_SHARE = 0.02  # of the tracks of a data set, by a hash of their names
LEAST_VISIBLE_FRAMES = 2  # of a track of video


class DatasetSpec(NamedTuple):
    """A data set to train on.

    Attributes:
        name: By which `data.sampling` weighs it.
        folder: Where it lies.
        layout: One of LAYOUTS.
    """

    name: str
    folder: Path
    layout: str = 'auto'


def distinct(specs: Sequence[DatasetSpec]) -> Sequence[DatasetSpec]:
    """The same; DatasetError where two have one name, by which they are weighed and indexed."""
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f'data set {name!r}: given twice; each needs a name of its own')
    return specs


@dataclass(frozen=True)
class FrameTrack(Sequence[Record]):
    """One object in the frames in which it can be seen.

    Attributes:
        dataset: Name of the data set.
        name: Of the object, unique within it.
        paths: The images of these frames.
        frames: (N,) int32, their numbers in the video, ascending.
        boxes_xywh: (N, 4) float32, pixels.
    """

    dataset: str
    name: str
    paths: Sequence[Path]
    frames: NDArray[np.int32]
    boxes_xywh: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        box = tuple(float(v) for v in self.boxes_xywh[index])
        path, frame = self.paths[index], int(self.frames[index])
        return Record(self.dataset, self.name, frame, path, box, None, self.name)

    def fingerprint(self) -> str:
        """What pairs drawn from this track depend on."""
        digest = hashlib.sha256(self.boxes_xywh.tobytes() + self.frames.tobytes()).hexdigest()
        return f'{self.dataset}/{self.name} {digest}'


def load_tracks(spec: DatasetSpec, damaged: list[str]) -> list[FrameTrack]:
    """The tracks of a data set.

    Args:
        spec: Which.
        damaged: Receives what is wrong with the sequences that are left out.

    Raises:
        DatasetError: The folder is none, nothing can be read, or frames are not image files.
    """
    if spec.layout not in LAYOUTS:
        raise DatasetError(f'layout {spec.layout!r}: must be one of {", ".join(LAYOUTS)}')
    if spec.layout == 'coco' or (spec.layout == 'auto' and (spec.folder / 'annotations').is_dir()):
        tracks = list(coco_tracks(spec, damaged))
    elif spec.layout == 'imagenet_vid':
        from siamla_ros.datasets.imagenet_vid import imagenet_vid_tracks

        tracks = list(imagenet_vid_tracks(spec.name, spec.folder))
    else:
        tracks = list(_video_tracks(spec, damaged))
    if not tracks:
        raise DatasetError(f'{spec.folder}: no object of {MIN_SIDE_PX:g} px or more to train on')
    return tracks


def _video_tracks(spec: DatasetSpec, damaged: list[str]) -> Iterator[FrameTrack]:
    for sequence in load_dataset(spec.folder, spec.layout, on_damage=damaged.append):
        if not isinstance(sequence.source, ImageFrames):
            raise DatasetError(
                f'{spec.folder}: {sequence.name} is a video file, whose frames cannot be drawn at '
                'random; use --video, or extract them'
            )
        boxes = sequence.boxes_xywh
        known = np.where(np.isfinite(boxes) & (np.abs(boxes) <= FARTHEST_PX), boxes, 0.0)
        frames = np.flatnonzero((known[:, 2:] >= MIN_SIDE_PX).all(1) & (known == boxes).all(1))
        if len(frames) >= LEAST_VISIBLE_FRAMES:
            paths = tuple(sequence.source.paths[frame] for frame in frames)
            chosen = boxes[frames].astype(np.float32)
            yield FrameTrack(spec.name, sequence.name, paths, frames.astype(np.int32), chosen)


def coco_tracks(spec: DatasetSpec, damaged: list[str]) -> Iterator[FrameTrack]:
    """COCO's objects as tracks of one picture: annotations/instances_<part>.json + <part>/ or
    <part>.zip.

    Crowds, objects with a side under 8 px, and boxes that are none or lie beyond their picture are
    left out, the latter with a word in `damaged`. `train*` is read where there is one.
    """
    found = sorted((spec.folder / 'annotations').glob('instances_*.json'))
    chosen = [path for path in found if 'train' in path.stem] or found
    if not chosen:
        raise DatasetError(f'{spec.folder / "annotations"}: no instances_*.json')
    for path in chosen:
        images, items = _coco_content(path)
        part = path.stem.removeprefix('instances_')
        folder, bad = folder_or_archive(spec.folder / part, part), []
        for number, item in enumerate(items):
            try:
                image = images[item['image_id']]
                place, box = folder / image['file_name'], _coco_box(item['bbox'], image)
                name = str(item['id'])
            except (KeyError, TypeError, ValueError) as error:
                bad.append(f'{number} ({type(error).__name__}: {error})')
                continue
            if not item.get('iscrowd') and box[0, 2:].min() >= MIN_SIDE_PX:
                yield FrameTrack(spec.name, name, (place,), np.zeros(1, np.int32), box)
        if bad:
            damaged.append(f'{path}: {len(bad)} of {len(items)} annotations, the first is {bad[0]}')


def _coco_content(path: Path) -> tuple[dict[Any, Any], list[Any]]:
    """Pictures by their number, and annotations."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        return {image['id']: image for image in content['images']}, list(content['annotations'])
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f'{path}: no annotations of COCO ({type(error).__name__}: {error})'
        ) from error


def _coco_box(values: Any, image: dict[str, Any]) -> NDArray[np.float32]:
    x, y, w, h = (float(value) for value in values)
    check_box((x, y, w, h), 0.0)
    width, height = (image.get(side, FARTHEST_PX) for side in ('width', 'height'))
    if x + w <= 0 or y + h <= 0 or x >= width or y >= height:
        raise ValueError(f'bbox {values} lies beyond its picture')
    return np.array([[x, y, w, h]], np.float32)


def held_out(track: FrameTrack) -> bool:
    """Whether a track serves for validation: by a hash of its name, so that it never moves."""
    digest = hashlib.sha256(f'{track.dataset}/{track.name}'.encode()).digest()
    return int.from_bytes(digest[:2], 'big') / 65536.0 < VALIDATION_SHARE


def with_tracks(
    pack: Pack | None, tracks: Sequence[FrameTrack], sampling: dict[str, float]
) -> Pack:
    """The pack and these tracks, weighed together.

    Args:
        pack: Objects of a training pack, and its photographs; None for none.
        tracks: Of benchmarks; those that are held out are left out.
        sampling: As for `load_pack`.
    """
    kept = [track for track in tracks if not held_out(track)]
    if pack is None:
        return Pack(kept, [], weights_of(kept, sampling))
    every = [*pack.tracks, *kept]
    return Pack(every, pack.photos, weights_of(every, sampling), pack.cutouts)


def validation_part(tracks: Sequence[FrameTrack], count: int, frames: int) -> list[list[Record]]:
    """At most `count` of the held-out tracks, each with at most `frames` frames, evenly spaced."""
    held = [track for track in tracks if held_out(track) and len(track) >= frames]
    chosen = held[:: -(-len(held) // count)] if held else []
    places = np.linspace(0.0, 1.0, frames)
    return [[t[int(round(p * (len(t) - 1)))] for p in places] for t in chosen]
