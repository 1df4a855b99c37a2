"""The shared memory of Fast DDS: what dead processes left, and whether this process has any.

Each participant owns a segment `fastdds_<16 hex digits>` (`fastrtps_` before Fast DDS 3) in
/dev/shm and holds a lock (flock) on the file of the same name with `_el` for as long as it lives. A
process that was killed leaves both; the kernel has released its lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path

from siamla_ros.online.dds_profile import profile_variables

FOLDER = Path('/dev/shm')
SEGMENT = re.compile(r'fast(?:dds|rtps)_[0-9a-f]{16}')  # Fast DDS 3; Fast DDS 2
LOCK_SUFFIX = '_el'
YOUNG_S = 2.0  # a segment this young may belong to a process that has not locked it yet


def remove_dead_segments(folder: Path = FOLDER) -> int:
    """Remove the segments whose owners are dead, as `fastdds shm clean` does.

    A segment is removed only while its lock is held here: never one of a living process.

    Args:
        folder: where the segments lie.

    Returns:
        Bytes that were freed.
    """
    try:
        names = os.listdir(folder)
    except OSError:  # no shared memory on this machine
        return 0
    locks = [name for name in names if name.endswith(LOCK_SUFFIX)]
    return sum(
        _remove_if_dead(folder / name, folder / name.removesuffix(LOCK_SUFFIX))
        for name in locks
        if SEGMENT.fullmatch(name.removesuffix(LOCK_SUFFIX))
    )


def _remove_if_dead(lock: Path, segment: Path) -> int:
    try:
        file = os.open(lock, os.O_RDONLY)
    except OSError:  # another process has just removed it, or it is another user's
        return 0
    try:
        if time.time() - os.fstat(file).st_mtime < YOUNG_S:
            return 0
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = segment.stat().st_size if segment.exists() else 0
        segment.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
        return size
    except OSError:  # locked by its owner, or another user's
        return 0
    finally:
        os.close(file)


def own_segments() -> list[str]:
    """Names of the segments of this process: those whose locks it holds."""
    return segments_of('self')


def segments_of(pid: int | str) -> list[str]:
    """Names of the segments whose locks a process holds; empty where there is no such process.

    That it has a file open is not enough: a participant that starts opens the locks of all others
    for a moment.
    """
    process, names = Path(f'/proc/{pid}'), set()
    for entry in process.glob('fd/*'):
        try:
            name = Path(os.readlink(entry)).name
            if not (name.endswith(LOCK_SUFFIX) and SEGMENT.fullmatch(name[: -len(LOCK_SUFFIX)])):
                continue
            held = 'FLOCK' in (process / 'fdinfo' / entry.name).read_text()
        except OSError:  # closed in the meantime
            continue
        if held:
            names.add(name.removesuffix(LOCK_SUFFIX))
    return sorted(names)


def profile_is_set() -> bool:
    """Whether this process was given a Fast DDS profile by a name that is read here."""
    names = profile_variables(os.environ.get('ROS_DISTRO', ''))
    return any(os.environ.get(name) for name in names)


def shared_memory_size(folder: Path = FOLDER) -> tuple[int, int]:
    """Size and free space of the shared memory, in bytes; zeros where there is none."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0, 0
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize


def transport_in_use(rmw: str, segments: int, size: int, free: int) -> tuple[str, str]:
    """How messages leave this process, as far as it can be known.

    Args:
        rmw: identifier of the middleware, such as `rmw_fastrtps_cpp`.
        segments: shared-memory segments that this process owns.
        size: bytes of the shared memory of this machine.
        free: how many of them are free.

    Returns:
        The transport, and a problem in words with its cause; empty if there is none.
    """
    if 'fastrtps' not in rmw:
        return f'of {rmw}', ''
    if segments:
        return 'shared memory', ''
    megabytes = f'/dev/shm has {size / 1e6:.0f} MB, {free / 1e6:.0f} MB of them free'
    return 'UDP', (
        f'no shared-memory segment, so images go over UDP and large ones are lost: {megabytes}; '
        'give the container more (docker run --shm-size=256m) or share it (--ipc=host)'
    )
