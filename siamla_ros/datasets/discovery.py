"""Datasets by folder: which layout it is, and its sequences."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from siamla_ros.datasets import benchmark_roots, formats, mot, scenes
from siamla_ros.datasets.archives import folder_of, is_archive, subfolders
from siamla_ros.datasets.sequence import DatasetError, Entry, Sequence

FOLDER_READERS: dict[str, Callable[[Path], Iterator[Sequence]]] = {
    'video': formats.video_folder,
    'targets': scenes.target_sequences,
    'otb': formats.otb_folder,
    'got10k': formats.got10k_folder,
    'lasot': formats.lasot_folder,
    'vot': formats.vot_folder,
    'mot': mot.mot_folder,
}
ROOT_READERS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    'trackingnet': benchmark_roots.trackingnet_entries,
    'uav123': benchmark_roots.uav123_entries,
    'davis': benchmark_roots.davis_entries,
}
FORMATS = ('auto', *FOLDER_READERS, *ROOT_READERS)
DEPTH = 3  # folders below the root in which sequences are looked for: LaSOT_ext/class/class-1


def detect_format(root: Path) -> str:
    """The layout of a dataset folder; DatasetError when it is none of FORMATS."""
    if (root / 'JPEGImages').is_dir() and (root / 'Annotations').is_dir():
        return 'davis'
    if (root / 'anno').is_dir() and (root / 'data_seq').is_dir():
        return 'uav123'
    if root.is_dir() and benchmark_roots.trackingnet_parts(root):
        return 'trackingnet'
    folders = sequence_folders(root)
    if not folders:
        raise DatasetError(
            f'{root}: no folder with groundtruth_rect.txt, groundtruth.txt, targets.csv or '
            'gt/gt.txt, and neither JPEGImages/ and Annotations/ nor anno/ and frames/ or data_seq/'
        )
    return _folder_format(folders[0])


def _folder_format(folder: Path) -> str:
    if (folder / 'targets.csv').is_file():
        return 'targets'
    if (folder / 'gt' / 'gt.txt').is_file():
        return 'mot'
    if list(folder.glob('groundtruth_rect*.txt')):
        return 'video' if formats.find_video(folder) else 'otb'
    if (folder / 'img').is_dir() or (folder / 'imgs').is_dir():
        return 'lasot'
    if (folder / 'color').is_dir() or _regions(folder):
        return 'vot'
    return 'got10k'


def _regions(folder: Path) -> bool:
    """Whether the first row is a polygon or a mask, or there is a file for each target."""
    truth = folder / 'groundtruth.txt'
    if not truth.is_file():
        return True
    with truth.open(encoding='utf-8-sig') as file:
        row = file.readline()
    return row.startswith('m') or len(row.replace(',', ' ').split()) > 4


def _annotated(folder: Path) -> bool:
    return (
        (folder / 'targets.csv').is_file()
        or (folder / 'gt' / 'gt.txt').is_file()
        or any(folder.glob('groundtruth*.txt'))
    )


def sequence_folders(root: Path) -> list[Path]:
    """Folders at or up to DEPTH below root that hold ground truth, by name; none in another. Those
    in archives count as well, unless they are unpacked beside it.
    """
    if not root.is_dir():
        raise DatasetError(
            f'{root}: is a file, must be a folder, a ZIP archive or a plain TAR archive; unpack it'
            if root.is_file()
            else f'{root}: no such folder'
        )
    found = _annotated_below(root, DEPTH)
    unpacked = {path.name for path in found if isinstance(path, Path)}
    return [path for path in found if isinstance(path, Path) or path.name not in unpacked]


def _annotated_below(folder: Path, depth: int) -> list[Path]:
    if _annotated(folder):
        return [folder]
    children = subfolders(folder) if depth else []
    return [
        found
        for child in children
        for found in _annotated_below(child, depth - (not is_archive(child)))
    ]


def _entries(root: Path, layout: str) -> list[Entry]:
    if layout in ROOT_READERS:
        return list(ROOT_READERS[layout](root))
    entries = []
    for folder in sequence_folders(root):
        targets = (folder / 'targets.csv').is_file()  # scenes of one and of several targets mix
        read = FOLDER_READERS['targets' if targets else layout]
        entries.append(Entry(folder.name, partial(read, folder)))
    return entries


def load_dataset(
    root: str | Path,
    layout: str = 'auto',
    names: Iterable[str] = (),
    on_damage: Callable[[str], None] | None = None,
) -> list[Sequence]:
    """Every sequence under root, or those whose name matches one of the patterns in `names`.

    Annotations of sequences that match no pattern are not read.

    Args:
        root: The folder of the dataset, or a ZIP or TAR archive of it.
        layout: One of FORMATS.
        names: Names or patterns with * and ?; all if empty.
        on_damage: Receives the error of each sequence that is left out. A sequence that is named
            without a wildcard is never left out; without this argument none is.

    Raises:
        DatasetError: A file is missing or damaged, or a pattern matches nothing.
    """
    root, patterns = folder_of(Path(root)), list(names)
    if layout not in FORMATS:
        raise DatasetError(f'format {layout!r}: must be one of {", ".join(FORMATS)}')
    layout = detect_format(root) if layout == 'auto' else layout
    entries = _entries(root, layout)
    wanted = [entry for entry in entries if _may_match(entry.name, patterns)]
    found = [item for entry in wanted for item in _read(entry, patterns, on_damage)]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(item.name, pattern) for item in found):
            known = ', '.join(item.name for item in found) or ', '.join(e.name for e in entries)
            raise DatasetError(f'{root}: no sequence matches {pattern!r}; there are: {known}')
    if not found:
        raise DatasetError(f'{root}: no sequence in format {layout} that can be read')
    return [item for item in found if _matches(item.name, patterns)]


def _read(
    entry: Entry, patterns: list[str], on_damage: Callable[[str], None] | None
) -> list[Sequence]:
    try:
        return list(entry.read())
    except DatasetError as error:
        if on_damage is None or any(part in patterns for part in _beginnings(entry.name)):
            raise
        on_damage(str(error))
        return []


def _matches(name: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _may_match(name: str, patterns: list[str]) -> bool:
    """Whether the name, or one that goes on with a hyphen and a target, may match a pattern."""
    return not patterns or any(
        fnmatch.fnmatchcase(name, part) for pattern in patterns for part in _beginnings(pattern)
    )


def _beginnings(pattern: str) -> list[str]:
    """The pattern, and what stands before each of its hyphens."""
    return [pattern, *(pattern[:at] for at, sign in enumerate(pattern) if sign == '-')]
