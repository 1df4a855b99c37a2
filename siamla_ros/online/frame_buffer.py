"""Received images on their way to the worker: the newest one to work on, and the recent ones to
look back at.
"""

from __future__ import annotations

import threading
from collections import deque

from siamla_ros.online.frame import Frame
from siamla_ros.online.init_requests import InitCode, InitError

TIME_JUMP_NS = 500_000_000  # further back than this is another pass of a bag, not a late packet


class LatestSlot:
    """Holds at most one frame: a newer one replaces it, and the replaced one is counted as
    dropped.
    """

    def __init__(self, wake: threading.Condition) -> None:
        """wake: notified on every frame; shared with threads that wait for more than frames."""
        self._wake = wake
        self._frame: Frame | None = None
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        """Offer a frame."""
        with self._wake:
            self.dropped += self._frame is not None
            self._frame = frame
            self._wake.notify_all()

    def take(self) -> Frame | None:
        """The newest frame, once."""
        with self._wake:
            frame, self._frame = self._frame, None
            return frame

    @property
    def full(self) -> bool:
        """Whether a frame is waiting."""
        return self._frame is not None


class FrameBuffer:
    """The most recent frames in order of arrival, bounded in number and in memory."""

    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._limits = (max_frames, max_bytes)

    def resize(self, max_frames: int, max_bytes: int) -> None:
        """Change the limits; takes effect at once."""
        with self._lock:
            self._limits = (max_frames, max_bytes)
            self._shrink()

    def put(self, frame: Frame) -> bool:
        """Keep a frame. False if its stamp fell back so far that all others were forgotten."""
        with self._lock:
            jumped = bool(self._frames) and (
                frame.stamp_ns < self._frames[-1].stamp_ns - TIME_JUMP_NS
            )
            if jumped:
                self._frames.clear()
                self._bytes = 0
            self._frames.append(frame)
            self._bytes += frame.nbytes
            self._shrink()
            return not jumped

    def clear(self) -> None:
        """Forget all frames."""
        with self._lock:
            self._frames.clear()
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self._bytes

    def newest(self) -> Frame | None:
        """The frame that came last."""
        with self._lock:
            return self._frames[-1] if self._frames else None

    def after(self, seq: int) -> list[Frame]:
        """Frames that came after the one of this number, oldest first."""
        with self._lock:
            return [frame for frame in self._frames if frame.seq > seq]

    def find(self, stamp_ns: int, tolerance_ns: int) -> Frame:
        """The frame of this stamp, or the nearest within the tolerance.

        Raises:
            InitError: NO_IMAGE, STAMP_IN_FUTURE, STAMP_TOO_OLD or STAMP_UNKNOWN.
        """
        with self._lock:
            frames = list(self._frames)
        wanted = f'header.stamp is {stamp_ns / 1e9:.6f} s'
        if not frames:
            raise InitError(InitCode.NO_IMAGE, f'{wanted}, but no image has arrived')
        best = min(reversed(frames), key=lambda frame: abs(frame.stamp_ns - stamp_ns))
        if abs(best.stamp_ns - stamp_ns) <= tolerance_ns:
            return best
        oldest = min(frame.stamp_ns for frame in frames)
        newest = max(frame.stamp_ns for frame in frames)
        kept = f'images are kept from {oldest / 1e9:.6f} to {newest / 1e9:.6f} s'
        if stamp_ns > newest:
            ahead = (stamp_ns - newest) / 1e9
            raise InitError(InitCode.STAMP_IN_FUTURE, f'{wanted}, {ahead:.3f} s ahead: {kept}')
        if stamp_ns < oldest:
            late = (oldest - stamp_ns) / 1e9
            raise InitError(InitCode.STAMP_TOO_OLD, f'{wanted}, {late:.3f} s too old: {kept}')
        raise InitError(
            InitCode.STAMP_UNKNOWN,
            f'{wanted}, but the nearest image is {abs(best.stamp_ns - stamp_ns) / 1e6:.1f} ms away '
            f'(limit advanced.init_stamp_tolerance_s = {tolerance_ns / 1e9:g} s)',
        )

    def _shrink(self) -> None:
        max_frames, max_bytes = self._limits
        while len(self._frames) > 1 and (len(self._frames) > max_frames or self._bytes > max_bytes):
            self._bytes -= self._frames.popleft().nbytes
