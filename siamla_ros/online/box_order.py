"""Which init boxes come too late: their target has been cleared, or given a newer box, meanwhile.

A detector answers a request for a lost target by a box on an image of the past. It may be on its
way when an operator clears the target or gives a box: the target must not come back, or jump.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from siamla_ros.online.frame_buffer import TIME_JUMP_NS
from siamla_ros.online.init_requests import InitCode, InitError, InitRequest

MAX_IDS = 256
MAX_SINCE_IMAGE_S = (
    1.0  # of the time since the last image: a bag that is paused has no later stamps
)


class BoxOrder:
    """The oldest image of which a box is taken, by id; thread-safe.

    Only boxes of the topic that carry a stamp are judged: a caller of the service acts after the
    clear, and may mean an image from before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest_ns, self._newest_s = 0, 0.0
        self._limits: dict[str, tuple[int, InitCode]] = {}

    def see(self, stamp_ns: int, now_s: float) -> None:
        """An image arrived; now_s: a steady time. All limits are void where stamps fall back, as in
        a bag that loops.
        """
        with self._lock:
            if stamp_ns < self._newest_ns - TIME_JUMP_NS:
                self._limits.clear()
                self._newest_ns = stamp_ns
            self._newest_ns, self._newest_s = max(self._newest_ns, stamp_ns), now_s

    def note_cleared(self, ids: Iterable[str], now_s: float) -> None:
        """Targets were cleared; images that are on their way do not count either."""
        with self._lock:
            since_s = min(max(now_s - self._newest_s, 0.0), MAX_SINCE_IMAGE_S)
            limit_ns = self._newest_ns + round(since_s * 1e9) + 1
            for name in ids:
                self._raise(name, limit_ns, InitCode.CLEARED)

    def note_started(self, target_id: str, stamp_ns: int) -> None:
        """A box of the image of that stamp was accepted."""
        with self._lock:
            self._raise(target_id, stamp_ns, InitCode.SUPERSEDED)

    def check(self, request: InitRequest) -> None:
        """Refuse a box that comes too late.

        Raises:
            InitError: CLEARED or SUPERSEDED.
        """
        with self._lock:
            limit_ns, code = self._limits.get(request.id, (0, InitCode.ACCEPTED))
        if not (request.patient and 0 < request.stamp_ns < limit_ns):
            return
        what = 'it was cleared' if code is InitCode.CLEARED else 'the image of its present box'
        raise InitError(
            code,
            f'header.stamp is {request.stamp_ns / 1e9:.6f} s, before {limit_ns / 1e9:.6f} s, when '
            f'{what}; for an older image call ~/init_target',
        )

    def _raise(self, name: str, limit_ns: int, code: InitCode) -> None:
        if limit_ns > self._limits.get(name, (0, code))[0]:
            self._limits.pop(name, None)
            self._limits[name] = (limit_ns, code)
            while len(self._limits) > MAX_IDS:
                del self._limits[next(iter(self._limits))]
