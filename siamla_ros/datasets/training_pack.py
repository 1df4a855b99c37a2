"""The training pack: a folder of images and `index.csv`, one row an object in a picture.

Columns: `dataset, track_id, frame, file, x, y, w, h, has_mask, source`. Rows that share dataset
and track_id show the same object in different frames. Where `has_mask` is 1, `file` with the
ending `.png` is its mask (non-zero on the object). A folder `photos/` of unlabeled
photographs serves as background. Your own data in the same form train as well.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.image_files import imread

COLUMNS = ('dataset', 'track_id', 'frame', 'file', 'x', 'y', 'w', 'h')
MIN_SIDE_PX = 8.0
REDUCTIONS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class Record:
    """One object in one picture; `box_xywh` in pixels of the file."""

    dataset: str
    track: str
    frame: int
    path: Path
    box_xywh: tuple[float, float, float, float]
    mask_path: Path | None
    source: str


@dataclass
class Pack:
    """Objects grouped by identity, and background photographs.

    Attributes:
        tracks: Records of the same object, in the order of their frames.
        weights: Probability of each track; sums to 1.
    """

    tracks: list[Sequence[Record]]
    photos: list[Path]
    weights: np.ndarray
    cutouts: list[Record] = field(default_factory=list)

    def choose(self, rng: np.random.Generator) -> Sequence[Record]:
        """A track, drawn by weight."""
        return self.tracks[int(np.searchsorted(self._cumulative, rng.random()))]

    def __post_init__(self) -> None:
        self._cumulative = np.cumsum(self.weights)
        self._cumulative[-1] = 1.0


def read_image(path: Path, reduction: int = 1) -> NDArray[np.uint8]:
    """An image as HxWx3 uint8 BGR.

    Args:
        path: The file.
        reduction: One of REDUCTIONS: each block of so many pixels on a side becomes one as it is
            decoded, with sides rounded up. For JPEG files, where it saves time; see `reducible`.

    Raises:
        OSError: It cannot be read.
    """
    image = imread(path, REDUCTIONS[reduction])
    if image is None:
        raise OSError(f'{path}: cannot be read as an image')
    return image


def reducible(path: Path) -> bool:
    """Whether a picture decodes faster at a reduced size: JPEG does, by its transform; others are
    decoded whole, and then shrunk to other sizes.
    """
    return path.suffix.lower() in ('.jpg', '.jpeg')


def text_lines(path: Path) -> io.StringIO:
    """A file's text; ValueError with its name where it is none."""
    try:
        return io.StringIO(path.read_text(encoding='utf-8-sig'), newline='')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: not UTF-8 text: {error}') from error


def read_index(folder: Path) -> list[Record]:
    """All rows of `folder/index.csv`; objects with a side under 8 px are left out.

    Raises:
        FileNotFoundError: No index.
        ValueError: A column is missing, or a value is no number (names file and line).
    """
    index = folder / 'index.csv'
    if not index.is_file():
        raise FileNotFoundError(f'{index}: no training index there')
    with text_lines(index) as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f'{index}: columns missing: {", ".join(missing)}')
        records = [
            _record(folder, index, number, row) for number, row in enumerate(reader, start=2)
        ]
    return [r for r in records if min(r.box_xywh[2:]) >= MIN_SIDE_PX]


def _record(folder: Path, index: Path, number: int, row: dict[str, str]) -> Record:
    try:
        box = tuple(float(row[key]) for key in ('x', 'y', 'w', 'h'))
        frame = int(row['frame'])
    except (TypeError, ValueError) as error:  # TypeError: the row is shorter than the header
        raise ValueError(f'{index}, line {number}: {error}') from error
    if not np.isfinite(box).all():
        raise ValueError(f'{index}, line {number}: x, y, w, h = {box}: must be finite')
    path = folder / row['file']
    mask = path.with_suffix('.png') if row.get('has_mask') == '1' else None
    return Record(
        row['dataset'], row['track_id'], frame, path, box, mask, row.get('source') or row['file']
    )


def in_validation(record: Record, fraction: float, track_fraction: float, is_video: bool) -> bool:
    """Whether an object belongs to the validation split: by hash of its identity, so that it never
    moves.
    """
    digest = hashlib.sha256(f'{record.dataset}/{record.track}'.encode()).digest()
    return digest[0] / 256.0 < (track_fraction if is_video else fraction)


def load_pack(
    folder: Path,
    split: str,
    sampling: dict[str, float],
    val_fraction: float = 0.08,
    val_track_fraction: float = 0.35,
) -> Pack:
    """The objects of one split.

    Args:
        split: `train` or `val`.
        sampling: Weight by group of datasets, `{"voc": 5, "uav123+otb": 4}`: members of a group
            share it, by track; datasets that are not named share the weight under `"*"`.

    Raises:
        ValueError: Nothing is left to train on.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in read_index(folder):
        groups.setdefault((record.dataset, record.track), []).append(record)
    kept: list[Sequence[Record]] = []
    for track in groups.values():
        held_out = in_validation(track[0], val_fraction, val_track_fraction, len(track) > 8)
        if held_out == (split == 'val'):
            kept.append(sorted(track, key=lambda r: r.frame))
    if not kept:
        raise ValueError(f'{folder}: no objects in split {split!r}')
    photos = sorted((folder / 'photos').glob('*.jpg'))
    cutouts = [r for track in kept for r in track if r.mask_path is not None]
    return Pack(kept, photos, weights_of(kept, sampling), cutouts)


def weights_of(tracks: Sequence[Sequence[Record]], sampling: dict[str, float]) -> np.ndarray:
    """Probability of each track, see `load_pack`; ValueError where these are none."""
    group_of = {name: key for key in sampling for name in key.split('+')}
    keys = [group_of.get(track[0].dataset, '*') for track in tracks]
    counts = {key: keys.count(key) for key in set(keys)}
    weights = np.array([sampling.get(key, 1.0) / counts[key] for key in keys], np.float64)
    if not (weights >= 0.0).all() or not 0.0 < weights.sum() < np.inf:
        present = {key: sampling.get(key, 1.0) for key in sorted(counts)}
        raise ValueError(
            f'data.sampling: {present}: none must lie below 0, and the sum must lie above 0'
        )
    return weights / weights.sum()


def without_tracks(pack: Pack, names: Collection[str]) -> Pack:
    """The pack without the tracks whose `dataset_track` is one of `names`: frames of scenes of
    video that are not to be trained on.
    """
    kept = [i for i, t in enumerate(pack.tracks) if f'{t[0].dataset}_{t[0].track}' not in names]
    tracks, weights = [pack.tracks[i] for i in kept], pack.weights[kept]
    held = {id(track) for track in tracks}
    lost = {id(r) for track in pack.tracks if id(track) not in held for r in track}
    cutouts = [r for r in pack.cutouts if id(r) not in lost]
    return Pack(tracks, pack.photos, weights / weights.sum(), cutouts)
