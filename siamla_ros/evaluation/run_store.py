"""Finished runs as files, so that an evaluation can be resumed, shared out and put together.

`<folder>/<tracker>/<sequence>.npz` holds one run and a fingerprint of what made it: the tracker's
description (with the sha256 of its model files), the annotation, the version of the package, and
what else the frames depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.report import versions
from siamla_ros.evaluation.runner import Run

Item = TypeVar('Item')
ARRAYS = ('boxes_xywh', 'confidence', 'seconds', 'truth_xywh', 'absent')


class Described(Protocol):
    """What is needed of a tracker to know its runs again."""

    @property
    def name(self) -> str: ...

    def describe(self) -> dict[str, Any]: ...


class RunStore:
    """The runs below one folder."""

    def __init__(
        self,
        folder: Path,
        cells: bool,
        keep: bool,
        shared: bool = False,
        frames_of: dict[str, Any] | None = None,
    ) -> None:
        """Open the folder.

        Args:
            folder: Where the runs lie.
            cells: Whether the alignment of cells is recorded with them.
            keep: Whether runs of an earlier evaluation are used; else they are removed, and
                nothing else: training may write its runs into a folder of the same name.
            shared: Others may be writing their shards into the folder at this moment: without
                `keep`, runs are replaced one by one.
            frames_of: What frames that were made depend on, besides the annotation.
        """
        self._folder, self._cells, self._keep = folder, cells, keep
        self._frames_of, self._replacing = frames_of, shared and not keep
        for path in () if keep or shared else sorted(folder.glob('*/*.npz')):
            if _is_run(path):
                path.unlink()

    def load(self, tracker: Described, sequence: Sequence) -> Run | None:
        """The finished run of this tracker on this sequence, None if there is none.

        Raises:
            ValueError: It was made by something else, or is damaged.
        """
        path = self._path(tracker.name, sequence.name)
        if self._replacing or not path.is_file():
            return None
        try:
            if not zipfile.is_zipfile(path):  # else NumPy speaks of pickles
                raise EOFError('no archive of arrays')
            return self._read(path, tracker, sequence)
        except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            if not self._keep:
                return None  # it is replaced
            raise ValueError(
                f'{path}: damaged ({error}); remove it, or leave out --resume'
            ) from error

    def _read(self, path: Path, tracker: Described, sequence: Sequence) -> Run:
        with np.load(path) as stored:
            if str(stored['fingerprint']) != self._fingerprint(tracker, sequence):
                raise ValueError(
                    f'{path}: was made with another tracker, annotation or version, or of other '
                    'frames (--seed, --sequences); name another --output, or leave out --resume'
                )
            arrays = [stored[name] for name in ARRAYS]
            extra = {k[6:]: stored[k] for k in stored.files if k.startswith('extra.')}
        return Run(tracker.name, sequence.name, *arrays, extra, sequence.origin_px)

    def save(self, tracker: Described, sequence: Sequence, run: Run) -> None:
        """Write the run, whole or not at all."""
        path = self._path(tracker.name, sequence.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {name: getattr(run, name) for name in ARRAYS}
        content |= {f'extra.{key}': values for key, values in run.extra.items()}
        partial = path.with_suffix(f'.{os.getpid()}.part.npz')
        np.savez_compressed(partial, fingerprint=self._fingerprint(tracker, sequence), **content)
        partial.replace(path)

    def _path(self, tracker: str, sequence: str) -> Path:
        return self._folder / tracker / f'{sequence.replace("/", "_")}.npz'

    def _fingerprint(self, tracker: Described, sequence: Sequence) -> str:
        made_by = {
            'tracker': tracker.describe(),
            'init': sequence.init_box_xywh,
            'boxes': hashlib.sha256(sequence.boxes_xywh.tobytes()).hexdigest(),
            'cells': self._cells,
            'version': versions()['siamla-ros'],
        }
        if self._frames_of:
            made_by['frames'] = self._frames_of
        text = json.dumps(made_by, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _is_run(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return 'fingerprint.npy' in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def shard_of(items: list[Item], shard: tuple[int, int]) -> list[Item]:
    """Every n-th item from the i-th on, for (i, n) with 1 <= i <= n."""
    number, count = shard
    return items[number - 1 :: count]
