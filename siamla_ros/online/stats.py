"""What happened so far, for /diagnostics: counters and the latencies of the last images."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

MAX_ERROR_LENGTH = 500
WINDOW = 300  # images over which latencies are summarised: ten seconds at 30 Hz


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds of `count` images; NaN when there are none."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int


@dataclass(frozen=True)
class Snapshot:
    """All figures at one moment; latencies from image stamp, and from arrival, to publication."""

    counts: dict[str, int] = field(default_factory=dict)
    stamp: Latency = Latency(float('nan'), float('nan'), float('nan'), 0)
    arrival: Latency = Latency(float('nan'), float('nan'), float('nan'), 0)


class Stats:
    """Thread-safe counters: received, processed, dropped, bad_image, time_jump, error and
    others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.last_bad = ''
        self.received_s = float('-inf')
        self._stamp: deque[float] = deque(maxlen=WINDOW)
        self._arrival: deque[float] = deque(maxlen=WINDOW)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def received(self) -> None:
        """An image came, be it usable or not."""
        with self._lock:
            self._counts['received'] += 1
            self.received_s = time.monotonic()

    def bad_image(self, reason: str) -> None:
        """An image that came cannot be used."""
        with self._lock:
            self._counts['bad_image'] += 1
            self.last_bad = reason

    def processed(self, stamp_latency_s: float, arrival_latency_s: float) -> None:
        """One image was answered."""
        with self._lock:
            self._counts['processed'] += 1
            self._stamp.append(stamp_latency_s)
            self._arrival.append(arrival_latency_s)

    def snapshot(self) -> Snapshot:
        """A consistent copy."""
        with self._lock:
            counts, stamp, arrival = dict(self._counts), list(self._stamp), list(self._arrival)
        return Snapshot(counts, percentiles(stamp), percentiles(arrival))


def percentiles(values_s: list[float]) -> Latency:
    """p50, p95 and p99 of values in seconds."""
    if not values_s:
        return Latency(float('nan'), float('nan'), float('nan'), 0)
    p50, p95, p99 = (float(value) * 1e3 for value in np.percentile(values_s, (50, 95, 99)))
    return Latency(p50, p95, p99, len(values_s))


def error_text(error: Exception) -> str:
    """Type and message of an error, bounded: a runtime may put a whole graph into its message."""
    text = f'{type(error).__name__}: {error}'
    return text if len(text) <= MAX_ERROR_LENGTH else f'{text[:MAX_ERROR_LENGTH]}...'
