"""Requests a new box while a target is lost, and withdraws the request afterwards. Free of ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from siamla_ros.online.targets import MISSING, TargetOutput
from siamla_ros.supervision.supervisor import Reason


@dataclass
class _Open:
    header: Any
    output: TargetOutput
    attempt: int
    next_s: float


@dataclass(frozen=True)
class Request:
    """One message to publish.

    Attributes:
        header: of the image on which the target was lost.
        output: of the target on that image, its `last_here_xywh` in pixels of the present ones.
        attempt: 0 for the first message of this loss.
        reason: why the target was lost, or why the request was closed.
        closed: the request is withdrawn.
    """

    header: Any
    output: TargetOutput
    attempt: int
    reason: Reason
    closed: bool = False


class ReinitRequests:
    """The open requests by id, and the withdrawals that are still to be published."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._closed: list[Request] = []

    def observe(self, outputs: Sequence[TargetOutput], header: Any, now_s: float) -> None:
        """Open a request for each target that is newly missing; close those of all others."""
        by_id = {output.id: output for output in outputs}
        missing = {name: output for name, output in by_id.items() if output.state in MISSING}
        for name in [name for name in self._open if name not in missing]:
            # A target without output has a new box and is catching up with the present.
            reason = by_id[name].reason if name in by_id else Reason.REINITIALIZED
            self.close(name, reason)
        for name, output in missing.items():
            known = self._open.get(name)
            if output.newly_lost or known is None:
                self._open[name] = _Open(header, output, 0, now_s)
            elif known.output.last_here_xywh != output.last_here_xywh:
                # the camera changed its resolution: a detector must compare with another box
                known.output = replace(known.output, last_here_xywh=output.last_here_xywh)
                known.next_s = now_s

    def due(self, now_s: float, period_s: float) -> list[Request]:
        """The messages to publish now: withdrawals first, then open requests.

        Args:
            now_s: a steady time.
            period_s: pause between repetitions of an open request; 0: never repeated.
        """
        ready = [item for item in self._open.values() if now_s >= item.next_s]
        requests = [
            Request(item.header, item.output, item.attempt, item.output.reason) for item in ready
        ]
        for item in ready:
            item.attempt += 1
            item.next_s = now_s + period_s if period_s > 0.0 else float('inf')
        closed, self._closed = self._closed, []
        return closed + requests

    def close(self, target_id: str, reason: Reason = Reason.CLEARED) -> None:
        """Withdraw the request of a target, if there is one."""
        item = self._open.pop(target_id, None)
        if item is not None and item.attempt:  # else none was published
            self._closed.append(Request(item.header, item.output, item.attempt, reason, True))

    def close_all(self) -> None:
        """Withdraw every request: the targets are forgotten."""
        for name in list(self._open):
            self.close(name)
