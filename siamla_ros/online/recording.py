"""Matches images with what was published about them, by stamp, and sums up. Free of ROS."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from siamla_ros.online.frame import Frame
from siamla_ros.online.overlay import Mark, target_marks
from siamla_ros.online.stats import percentiles
from siamla_ros.supervision.supervisor import State

LATENCIES = 100_000  # the last ones, of which percentiles are given: an hour at 30 Hz


@dataclass(frozen=True)
class StatusSample:
    """One status message of a target."""

    name: str
    state: State
    confidence: float
    box_xywh: tuple[float, float, float, float]
    confirmed: bool
    predicted_xywh: tuple[float, float, float, float] | None = None

    def marks(self) -> list[Mark]:
        """Boxes to draw."""
        return target_marks(
            self.name,
            self.state,
            self.confirmed,
            self.confidence,
            self.box_xywh,
            predicted_xywh=self.predicted_xywh,
        )


@dataclass
class _Entry:
    frame: Frame | None = None
    answered: bool = False
    samples: dict[str, StatusSample] = field(default_factory=dict)
    since_s: float = field(default_factory=time.monotonic)


class Timeline:
    """Entries by stamp; each leaves, in order, when it is complete or too old to wait for."""

    def __init__(self, patience_s: float) -> None:
        """patience_s: how long an image waits for its detections."""
        self.patience_s = patience_s
        self._entries: OrderedDict[int, _Entry] = OrderedDict()

    def _entry(self, stamp_ns: int) -> _Entry:
        return self._entries.setdefault(stamp_ns, _Entry())

    def image(self, frame: Frame) -> None:
        """An image arrived."""
        self._entry(frame.stamp_ns).frame = frame

    def answer(self, stamp_ns: int) -> None:
        """The detections of an image arrived."""
        self._entry(stamp_ns).answered = True

    def status(self, stamp_ns: int, target_id: str, sample: StatusSample) -> None:
        """A status arrived."""
        self._entry(stamp_ns).samples[target_id] = sample

    def ready(self, final: bool = False) -> Iterator[tuple[Frame, list[StatusSample], bool]]:
        """Frame, statuses and whether it was answered; `final`: do not wait for anything more."""
        now_s = time.monotonic()
        while self._entries:
            stamp_ns, entry = next(iter(self._entries.items()))
            complete = entry.frame is not None and entry.answered and entry.samples
            if not (complete or final or now_s - entry.since_s > self.patience_s):
                return
            del self._entries[stamp_ns]
            if entry.frame is not None:
                yield entry.frame, list(entry.samples.values()), entry.answered


@dataclass
class Summary:
    """What a recording amounts to; latencies are from image stamp to arrival of the
    detections, of the last `LATENCIES` images."""

    images: int = 0
    answers: int = 0
    detections: int = 0
    frames_with_detection: int = 0
    states: dict[str, int] = field(default_factory=dict)
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))

    def answer(self, detections: int, latency_s: float) -> None:
        """Count one array of detections."""
        self.answers += 1
        self.detections += detections
        self.frames_with_detection += detections > 0
        self.latencies_s.append(latency_s)

    def status(self, state: State) -> None:
        """Count one status."""
        self.states[state.name] = self.states.get(state.name, 0) + 1

    def as_dict(self) -> dict[str, object]:
        """For JSON; latencies in milliseconds, null without any."""
        latency = percentiles(list(self.latencies_s))
        return {
            'images_received': self.images,
            'images_processed': self.answers,
            'detections': self.detections,
            'images_with_detection': self.frames_with_detection,
            'states': self.states,
            'latency_p50_ms': round(latency.p50_ms, 2) if latency.count else None,
            'latency_p95_ms': round(latency.p95_ms, 2) if latency.count else None,
            'latency_p99_ms': round(latency.p99_ms, 2) if latency.count else None,
        }


def describe(summary: dict[str, object], extra: Sequence[str] = ()) -> str:
    """The summary as lines to read."""
    lines = [f'{name.replace("_", " ")}: {value}' for name, value in summary.items()]
    return '\n'.join([*lines, *extra])
