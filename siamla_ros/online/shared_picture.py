"""One picture for all viewers: however many look, it is drawn and encoded once a period."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class SharedPicture(Generic[T]):
    """Keeps what `make` returned for a while, so that the work does not grow with the viewers.

    Args:
        make: Draws and encodes; called by one thread at a time.
        period_s: How long its result is handed out.
    """

    def __init__(self, make: Callable[[], T], period_s: float) -> None:
        self._make, self._period_s = make, period_s
        self._lock = threading.Lock()
        self._made: T | None = None
        self._until_s = float('-inf')

    def get(self) -> T:
        """The picture; what `make` raises is passed on."""
        with self._lock:
            if self._made is None or time.monotonic() >= self._until_s:
                self._made = None
                self._until_s = time.monotonic() + self._period_s
                self._made = self._make()
            return self._made
