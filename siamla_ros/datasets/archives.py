"""Folders in ZIP and plain TAR archives, read without unpacking them."""

from __future__ import annotations

import fnmatch
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

try:
    from lzma import LZMAError
except ImportError:  # a Python without it refuses such archives
    LZMAError = zlib.error  # type: ignore[misc, assignment]

SUFFIXES = ('.zip', '.tar')
SIGN = '!/'  # between an archive and what is in it, in texts
# RuntimeError: encrypted, or compressed in a way that this Python does not know.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, LZMAError, RuntimeError)
OPEN_AT_ONCE = 64  # archives a process keeps open: TrackingNet has one for each video


class ArchivePath:
    """A file or folder in an archive, with what readers of data sets use of `pathlib.Path`.

    Args:
        archive: The file.
        inner: Place in it; '.' is its top.
    """

    def __init__(self, archive: Path, inner: str = '.') -> None:
        self.archive, self.inner = archive, PurePosixPath(inner)

    def __truediv__(self, other: str | os.PathLike[str]) -> ArchivePath:
        return ArchivePath(self.archive, str(self.inner / other))

    def __str__(self) -> str:
        return f'{self.archive}{SIGN}{self.inner}'

    __fspath__ = __str__

    def __repr__(self) -> str:
        return f'ArchivePath({str(self)!r})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArchivePath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __lt__(self, other: Any) -> bool:
        return str(self) < str(other)

    @property
    def name(self) -> str:
        """Its last part; at the top the archive's name without its ending."""
        return self.inner.name or self.archive.stem

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.inner.stem or self.archive.stem

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return self.inner.suffix

    @property
    def parent(self) -> ArchivePath:
        """The folder that holds it; the top's is the top."""
        return ArchivePath(self.archive, str(self.inner.parent))

    def is_dir(self) -> bool:
        """Whether it is a folder with something in it."""
        return str(self.inner) in self._open().folders

    def is_file(self) -> bool:
        """Whether it is a file."""
        return str(self.inner) in self._open().files

    def iterdir(self) -> Iterator[ArchivePath]:
        """What lies directly in the folder."""
        return (self / name for name in self._open().folders.get(str(self.inner), ()))

    def glob(self, pattern: str) -> Iterator[ArchivePath]:
        """What lies directly in the folder and is named so."""
        return (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))

    def read_bytes(self) -> bytes:
        """The content.

        Raises:
            OSError: There is no such file, or it is damaged or encrypted.
        """
        member = self._open().files.get(str(self.inner))
        if member is None:
            raise FileNotFoundError(f'{self}: no such file')
        try:
            return member()
        except DAMAGED as error:
            raise OSError(f'{self}: damaged: {error}') from error

    def read_text(self, encoding: str = 'utf-8') -> str:
        """The content as text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = 'r', encoding: str = 'utf-8', **_: Any) -> io.TextIOBase:
        """The content as a file of text."""
        return io.StringIO(self.read_text(encoding))

    def _open(self) -> _Content:
        return _content(str(self.archive), os.getpid())


class _Content:
    """What an archive holds: the names in each folder, and how each file is read."""

    def __init__(self, files: dict[str, Callable[[], bytes]]) -> None:
        self.files = files
        self.folders: dict[str, dict[str, None]] = {'.': {}}
        for name in files:
            path = PurePosixPath(name)
            for part in (path, *path.parents):
                if str(part) != '.':
                    self.folders.setdefault(str(part.parent), {})[part.name] = None


@lru_cache(maxsize=OPEN_AT_ONCE)
def _content(archive: str, _: int) -> _Content:
    """By process: one that was forked must not share the place in the file."""
    try:
        zipped = archive.lower().endswith('.zip')
        return _Content(_zip_files(archive) if zipped else _tar_files(archive))
    except DAMAGED as error:
        raise OSError(f'{archive}: no archive that can be read: {error}') from error


def _zip_files(archive: str) -> dict[str, Callable[[], bytes]]:
    source = zipfile.ZipFile(archive)
    return {
        _tidy(item.filename): lambda item=item: source.read(item)
        for item in source.infolist()
        if not item.is_dir()
    }


def _tar_files(archive: str) -> dict[str, Callable[[], bytes]]:
    source = tarfile.open(archive, 'r:')  # noqa: SIM115 - read from as long as it is cached
    return {
        _tidy(item.name): lambda item=item: source.extractfile(item).read()
        for item in source.getmembers()
        if item.isfile()
    }


def _tidy(name: str) -> str:
    return str(PurePosixPath(name))  # without the './' that tar writes


def is_archive(path: Path | ArchivePath) -> bool:
    """Whether it is the top of an archive."""
    return isinstance(path, ArchivePath) and str(path.inner) == '.'


def folder_of(path: Path) -> Path | ArchivePath:
    """The top of an archive; another path as it is."""
    return ArchivePath(path) if _named_as_archive(path) and path.is_file() else path


def _named_as_archive(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def subfolders(folder: Path | ArchivePath) -> list[Path | ArchivePath]:
    """Folders and archives in a folder, by name; an archive beside its own folder is left out."""
    children = list(folder.iterdir())
    found = {path.name: path for path in children if path.is_dir()}
    for path in children:
        if isinstance(path, Path) and _named_as_archive(path) and path.is_file():
            found.setdefault(path.stem, ArchivePath(path))
    return [found[name] for name in sorted(found)]


def folder_or_archive(folder: Path, inner: str = '.') -> Path | ArchivePath:
    """The folder, or what the archive of its name holds where there is no such folder.

    Args:
        folder: Without an ending.
        inner: The place in the archive that stands for the folder.
    """
    if not folder.is_dir():
        for suffix in SUFFIXES:
            archive = folder.with_name(folder.name + suffix)
            if archive.is_file():
                return ArchivePath(archive, inner)
    return folder


def place_of(text: str) -> Path | ArchivePath:
    """The path whose text this is; a folder may be called `x!`, too."""
    at = text.find(SIGN)
    while at >= 0:
        if _named_as_archive(Path(text[:at])):
            return ArchivePath(Path(text[:at]), text[at + len(SIGN) :] or '.')
        at = text.find(SIGN, at + 1)
    return Path(text)
