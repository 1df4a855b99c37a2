"""Datasets by folder: which layout it is, and its sequences."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from siamla_ros.datasets import formats, scenes
from siamla_ros.datasets.sequence import DatasetError, Sequence

FOLDER_READERS: dict[str, Callable[[Path], Iterator[Sequence]]] = {
    'video': formats.video_folder,
    'targets': scenes.target_sequences,
    'otb': formats.otb_folder,
    'got10k': formats.got10k_folder,
    'lasot': formats.lasot_folder,
    'vot': formats.vot_folder,
}
ROOT_READERS: dict[str, Callable[[Path], Iterator[Sequence]]] = {
    'trackingnet': formats.trackingnet_root,
    'davis': formats.davis_root,
}
FORMATS = ('auto', *FOLDER_READERS, *ROOT_READERS)


def detect_format(root: Path) -> str:
    """The layout of a dataset folder; DatasetError when it is none of FORMATS."""
    if (root / 'JPEGImages').is_dir() and (root / 'Annotations').is_dir():
        return 'davis'
    if (root / 'anno').is_dir() and (root / 'frames').is_dir():
        return 'trackingnet'
    folders = sequence_folders(root)
    if not folders:
        raise DatasetError(
            f'{root}: no folder with groundtruth_rect.txt or groundtruth.txt, and neither '
            'JPEGImages/ and Annotations/ nor anno/ and frames/'
        )
    return _folder_format(folders[0])


def _folder_format(folder: Path) -> str:
    if _targets(folder):
        return 'targets'
    if list(folder.glob('groundtruth_rect*.txt')):
        return 'video' if formats.find_video(folder) else 'otb'
    if (folder / 'img').is_dir():
        return 'lasot'
    if (folder / 'color').is_dir() or _polygons(folder):
        return 'vot'
    return 'got10k'


def _polygons(folder: Path) -> bool:
    with (folder / 'groundtruth.txt').open(encoding='utf-8') as file:
        return len(file.readline().replace(',', ' ').split()) > 4


def _targets(folder: Path) -> bool:
    return (folder / 'targets.csv').is_file()


def _annotated(folder: Path) -> bool:
    return _targets(folder) or bool(list(folder.glob('groundtruth*.txt')))


def sequence_folders(root: Path) -> list[Path]:
    """Folders at or below root that hold ground truth, by name; not within one another."""
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    if _annotated(root):
        return [root]
    found: list[Path] = []
    for child in sorted(path for path in root.iterdir() if path.is_dir()):
        found += [child] if _annotated(child) else _below(child)
    return found


def _below(folder: Path) -> list[Path]:
    """LaSOT keeps its sequences one folder deeper, by class."""
    children = sorted(path for path in folder.iterdir() if path.is_dir())
    return [child for child in children if _annotated(child)]


def load_dataset(
    root: str | Path, layout: str = 'auto', names: Iterable[str] = ()
) -> list[Sequence]:
    """Every sequence under root, or those whose name matches one of the patterns in `names`.

    Raises:
        DatasetError: A file is missing or damaged, or a pattern matches nothing.
    """
    root, patterns = Path(root), list(names)
    if layout not in FORMATS:
        raise DatasetError(f'format {layout!r}: must be one of {", ".join(FORMATS)}')
    if layout == 'auto':
        layout = detect_format(root)
    if layout in ROOT_READERS:
        sequences = list(ROOT_READERS[layout](root))
    else:
        read = FOLDER_READERS[layout]
        sequences = [
            item
            for folder in sequence_folders(root)
            for item in (scenes.target_sequences if _targets(folder) else read)(folder)
        ]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(item.name, pattern) for item in sequences):
            known = ', '.join(item.name for item in sequences)
            raise DatasetError(f'{root}: no sequence matches {pattern!r}; there are: {known}')
    if patterns:
        sequences = [s for s in sequences if any(fnmatch.fnmatchcase(s.name, p) for p in patterns)]
    if not sequences:
        raise DatasetError(f'{root}: no sequence in format {layout}')
    return sequences
