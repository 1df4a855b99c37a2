"""What a process holds: memory, file handles, threads, shared memory. From /proc, Linux only."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from siamla_ros.ros.shared_memory import segments_of

PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')
SHARED_MEMORY = Path('/dev/shm')


class Usage(NamedTuple):
    """One moment of one process; sizes in MB. shared_mb: segments whose lock it holds."""

    memory_mb: float
    handles: int
    threads: int
    shared_mb: float


class Growth(NamedTuple):
    """Median of the last quarter minus that of the first, past the warm-up."""

    memory_mb: float
    handles: float
    threads: float
    shared_mb: float


def usage(pid: int | None = None) -> Usage:
    """What a process holds now; this one by default.

    Raises:
        OSError: there is no such process.
    """
    folder = Path(f'/proc/{pid or os.getpid()}')
    pages = int((folder / 'statm').read_text().split()[1])
    handles = list((folder / 'fd').iterdir())
    return Usage(
        memory_mb=pages * PAGE_BYTES / 1e6,
        handles=len(handles),
        threads=len(list((folder / 'task').iterdir())),
        shared_mb=sum(map(_segment_mb, segments_of(pid or 'self'))),
    )


def _segment_mb(name: str) -> float:
    try:
        return (SHARED_MEMORY / name).stat().st_size / 1e6
    except OSError:
        return 0.0


def growth(series: Sequence[Usage], warm_up: float = 0.2) -> Growth:
    """How much more is held at the end than at the beginning.

    Args:
        series: in order of time.
        warm_up: share of it that is left out: caches fill and code is loaded.

    Returns:
        Zeros for fewer than four moments past the warm-up.
    """
    rest = list(series)[int(len(series) * warm_up) :]
    quarter = len(rest) // 4
    if not quarter:
        return Growth(0.0, 0.0, 0.0, 0.0)
    first, last = (
        [statistics.median(values) for values in zip(*part)]
        for part in (rest[:quarter], rest[-quarter:])
    )
    return Growth(*(round(b - a, 3) for a, b in zip(first, last)))
