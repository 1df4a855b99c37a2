"""Keeps asking for a new box while a target is lost and nobody answers. Free of ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from siamla_ros.online.targets import MISSING, TargetOutput


@dataclass
class _Open:
    header: Any
    output: TargetOutput
    attempt: int
    next_s: float


@dataclass(frozen=True)
class Request:
    """One request to publish: header of the image on which the target was lost, and the attempt."""

    header: Any
    output: TargetOutput
    attempt: int


class ReinitRequests:
    """The open requests by id."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def observe(self, outputs: Sequence[TargetOutput], header: Any, now_s: float) -> None:
        """Open a request for each target that is newly missing, close those that are not any
        more.
        """
        missing = {output.id: output for output in outputs if output.state in MISSING}
        for name in [name for name in self._open if name not in missing]:
            del self._open[name]
        for name, output in missing.items():
            if output.newly_lost or name not in self._open:
                self._open[name] = _Open(header, output, 0, now_s)

    def due(self, now_s: float, period_s: float) -> list[Request]:
        """The requests to publish now; each is repeated after `period_s`, never if that is 0."""
        ready = [item for item in self._open.values() if now_s >= item.next_s]
        requests = [Request(item.header, item.output, item.attempt) for item in ready]
        for item in ready:
            item.attempt += 1
            item.next_s = now_s + period_s if period_s > 0.0 else float('inf')
        return requests

    def close(self, target_id: str) -> None:
        """The target was given a box or was forgotten."""
        self._open.pop(target_id, None)

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()
