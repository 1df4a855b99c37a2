"""The tracks of a data set in files that are mapped into memory: found once, read by all processes.

A folder holds `tracks.json` (names, folders, what was left out, and what the data set looked like)
and three arrays over the frames of all tracks: names of files, numbers, boxes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.archives import place_of
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.datasets.training_tracks import DatasetSpec, FrameTrack, load_tracks

VERSION = 1
ARRAYS = ('files', 'frames', 'boxes')
# Of a data set's folder. Where there are more, they are sequences; else sequences, annotations or
# archives may lie in them.
FEW_ENTRIES = 200


@dataclass(frozen=True)
class IndexedPaths(Sequence[Path]):
    """Paths of a track's images, made when they are read.

    Attributes:
        folder: That they share.
        files: (N,) bytes, their places below it.
    """

    folder: str
    files: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return IndexedPaths(self.folder, self.files[index])
        return place_of(os.path.join(self.folder, os.fsdecode(bytes(self.files[index]))))


def indexed_tracks(
    spec: DatasetSpec, folder: Path, damaged: list[str], write: bool = True
) -> list[FrameTrack]:
    """The tracks of a data set, from its index where that is up to date.

    An index is out of date when files were added to or removed from the data set's folder, one of
    the folders in it or, where these are few, one of the folders in those; annotations that were
    edited in place are not noticed. Of runs that begin at once one makes the index, the others
    wait.

    Args:
        spec: Which.
        folder: Holds the indices, one folder for each name.
        damaged: Receives what is wrong with the sequences that are left out.
        write: Make the index where there is none.

    Raises:
        DatasetError: As `load_tracks`, or the index would take the place of something else.
    """
    place, looks = _place_of(folder, spec.name), _look_of(spec)
    found = _usable(place, spec, looks, damaged)
    if found is not None:
        return found
    with _alone(folder / f'{spec.name}.lock') if write else contextlib.nullcontext():
        found = _usable(place, spec, looks, damaged) if write else None
        if found is not None:
            return found
        left_out: list[str] = []
        tracks = load_tracks(spec, left_out)
        damaged += left_out
        if not write:
            return tracks
        _write(place, tracks, {**looks, 'left_out': left_out})
        return _read(place, spec, looks, [])  # mapped, so that the paths in memory can go


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """No other process is in here with the same lock."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open('w') as file:
        with contextlib.suppress(OSError):  # a file system that knows no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _usable(
    place: Path, spec: DatasetSpec, looks: dict[str, Any], damaged: list[str]
) -> list[FrameTrack] | None:
    """What the index holds; None where there is none, or it is damaged or of something else."""
    try:
        return _read(place, spec, looks, damaged)
    except (OSError, EOFError, LookupError, TypeError, ValueError):
        return None


def _place_of(folder: Path, name: str) -> Path:
    """Where the index of that name is, or may be written: whatever is there is removed."""
    if name in ('.', '..') or '/' in name:
        raise DatasetError(f'data set {name!r}: a folder of the index is called so, without /')
    for place in (folder / name, folder / f'{name}.tmp'):
        if not _may_be_index(place):
            raise DatasetError(f'{place}: exists and is no index; name another --index')
    return folder / name


def _may_be_index(place: Path) -> bool:
    """Whether an index is there, or nothing: another run may just be exchanging it."""
    try:
        found = os.listdir(place)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False
    return set(found) <= {'tracks.json', *(f'{array}.npy' for array in ARRAYS)}


def _look_of(spec: DatasetSpec) -> dict[str, Any]:
    """By what a data set is known to be the same: when its folders last changed."""
    root = spec.folder.resolve()
    seen = {'.': root.stat().st_mtime_ns} if root.exists() else {}
    entries = _entries(root)
    seen |= {entry.name: _changed_ns(entry) for entry in entries}
    for entry in entries if len(entries) <= FEW_ENTRIES else []:
        for inner in _entries(Path(entry.path)):
            if inner.is_dir():
                seen[f'{entry.name}/{inner.name}'] = _changed_ns(inner)
    return {'version': VERSION, 'root': str(root), 'layout': spec.layout, 'seen': seen}


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    return sorted(os.scandir(folder), key=lambda item: item.name) if folder.is_dir() else []


def _changed_ns(entry: os.DirEntry[str]) -> int:
    lost = entry.is_symlink() and not os.path.exists(entry.path)  # what it points to is gone
    return entry.stat(follow_symlinks=not lost).st_mtime_ns


def _read(
    place: Path, spec: DatasetSpec, looks: dict[str, Any], damaged: list[str]
) -> list[FrameTrack]:
    noted = json.loads((place / 'tracks.json').read_text(encoding='utf-8'))
    if any(noted[key] != value for key, value in looks.items()):
        raise ValueError(f'{place}: out of date')
    files, frames, boxes = (
        np.asarray(np.load(place / f'{name}.npy', mmap_mode='r')) for name in ARRAYS
    )
    ends = np.cumsum(noted['counts'])
    if not len(files) == len(frames) == len(boxes) == ends[-1]:
        raise ValueError(f'{place}: damaged')
    damaged += noted.get('left_out', [])
    tracks = []
    for name, number, count, end in zip(
        noted['names'], noted['places'], noted['counts'], ends, strict=True
    ):
        part = slice(int(end) - count, int(end))
        paths = IndexedPaths(noted['folders'][number], files[part])
        tracks.append(FrameTrack(spec.name, name, paths, frames[part], boxes[part]))
    return tracks


def _write(place: Path, tracks: Sequence[FrameTrack], noted: dict[str, Any]) -> None:
    """Whole or not at all."""
    folders: dict[str, int] = {}
    places, files = [], []
    for track in tracks:
        parents = {os.fspath(path.parent) for path in track.paths}
        shared = parents.pop() if len(parents) == 1 else os.path.commonpath(parents)
        places.append(folders.setdefault(shared, len(folders)))
        files += [os.fsencode(os.path.relpath(path, shared)) for path in track.paths]
    content = {
        **noted,
        'names': [track.name for track in tracks],
        'counts': [len(track) for track in tracks],
        'folders': list(folders),
        'places': places,
    }
    fresh = place.with_name(f'{place.name}.tmp')
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    np.save(fresh / 'files.npy', np.array(files))
    np.save(fresh / 'frames.npy', np.concatenate([track.frames for track in tracks]))
    np.save(fresh / 'boxes.npy', np.concatenate([track.boxes_xywh for track in tracks]))
    (fresh / 'tracks.json').write_text(json.dumps(content), encoding='utf-8')
    shutil.rmtree(place, ignore_errors=True)
    fresh.replace(place)
