"""Messages that belong together by their stamps."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar('T')
JUMP_NS = 500_000_000
"""Stamps that run back by more than this begin anew (a bag that loops)."""


class StampBuffer(Generic[T]):
    """The newest messages of one topic, found again by stamp."""

    def __init__(self, size: int) -> None:
        self._kept: deque[tuple[int, T]] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def newest_ns(self) -> int | None:
        """The latest stamp; None while there is none."""
        return max((stamp_ns for stamp_ns, _ in self._kept), default=None)

    def put(self, stamp_ns: int, message: T) -> None:
        """Keep a message; one whose stamp runs far back ends the older ones."""
        if self._kept and stamp_ns < self._kept[-1][0] - JUMP_NS:
            self._kept.clear()
        self._kept.append((stamp_ns, message))

    def nearest(self, stamp_ns: int, tolerance_ns: int) -> T | None:
        """The message nearest to a stamp, if it is within the tolerance."""
        found = min(self._kept, key=lambda item: abs(item[0] - stamp_ns), default=None)
        return found[1] if found and abs(found[0] - stamp_ns) <= tolerance_ns else None

    def is_past(self, stamp_ns: int, tolerance_ns: int) -> bool:
        """Whether a message for that stamp can no longer come: a later one has."""
        return self.newest_ns is not None and self.newest_ns > stamp_ns + tolerance_ns
