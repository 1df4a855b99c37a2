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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.discovery import FORMATS, load_dataset
from siamla_ros.datasets.sequence import DatasetError, ImageFrames
from siamla_ros.datasets.training_pack import MIN_SIDE_PX, Pack, Record, weights_of

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
        tracks = list(coco_tracks(spec))
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
        frames = np.flatnonzero((np.nan_to_num(boxes[:, 2:]) >= MIN_SIDE_PX).all(1))
        if len(frames) >= LEAST_VISIBLE_FRAMES:
            paths = tuple(sequence.source.paths[frame] for frame in frames)
            chosen = boxes[frames].astype(np.float32)
            yield FrameTrack(spec.name, sequence.name, paths, frames.astype(np.int32), chosen)


def coco_tracks(spec: DatasetSpec) -> Iterator[FrameTrack]:
    """COCO's objects as tracks of one picture: annotations/instances_<part>.json + <part>/.

    Crowds and objects with a side under 8 px are left out. `train*` is read where there is one.
    """
    found = sorted((spec.folder / 'annotations').glob('instances_*.json'))
    chosen = [path for path in found if 'train' in path.stem] or found
    if not chosen:
        raise DatasetError(f'{spec.folder / "annotations"}: no instances_*.json')
    for path in chosen:
        content = json.loads(path.read_text(encoding='utf-8'))
        images = spec.folder / path.stem.removeprefix('instances_')
        names = {image['id']: images / image['file_name'] for image in content['images']}
        for item in content['annotations']:
            x, y, w, h = item['bbox']
            if item.get('iscrowd') or min(w, h) < MIN_SIDE_PX:
                continue
            box, frame = np.array([[x, y, w, h]], np.float32), np.zeros(1, np.int32)
            yield FrameTrack(spec.name, str(item['id']), (names[item['image_id']],), frame, box)


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
