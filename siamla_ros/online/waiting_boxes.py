"""Init boxes: which come too late, which wait for their image, and the start of their targets.

A detector answers a request for a lost target by a box on an image of the past. It may be on its
way when an operator clears the target or gives a box: the target must not come back, or jump.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.frame_buffer import TIME_JUMP_NS, FrameBuffer
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import (
    InitCode,
    InitError,
    InitOutcome,
    InitRequest,
    check_numbers,
)
from siamla_ros.online.stats import error_text

logger = logging.getLogger(__name__)
WAITABLE = (InitCode.STAMP_IN_FUTURE, InitCode.NO_IMAGE)
MAX_IDS = 256
# Of the time since the last image: a bag that is paused has no later stamps.
MAX_SINCE_IMAGE_S = 1.0


class InitCutoffs:
    """The oldest image of which a box is taken, by id; thread-safe.

    Only boxes of the topic that carry a stamp are judged: a caller of the service acts after the
    clear, and may mean an image from before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest_ns, self._newest_s = 0, 0.0
        self._limits: dict[str, tuple[int, InitCode]] = {}

    def note_image(self, stamp_ns: int, now_s: float) -> None:
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


@dataclass(eq=False)
class _Waiting:
    request: InitRequest
    deadline_s: float


class WaitingBoxes:
    """Admits init boxes, keeps those whose image is still to come, and starts their targets.

    Used on the worker's thread only.

    Args:
        engine: Starts the targets.
        buffer: Recent images.
        cutoffs: Which boxes come too late.
    """

    def __init__(self, engine: Engine, buffer: FrameBuffer, cutoffs: InitCutoffs) -> None:
        self._engine, self._buffer, self._cutoffs = engine, buffer, cutoffs
        self._boxes: list[_Waiting] = []

    def __len__(self) -> int:
        return len(self._boxes)

    def drop(self, target_id: str | None) -> list[str]:
        """Refuse the boxes of one id, or all, because their target was cleared; their ids."""
        gone = [item.request for item in self._boxes if target_id in (None, item.request.id)]
        self._boxes = [item for item in self._boxes if item.request not in gone]
        for request in gone:
            refuse_init(request, InitCode.CLEARED, 'the target was cleared before its image came')
        return list(dict.fromkeys(request.id for request in gone))

    def refuse_all(self, code: InitCode, message: str) -> None:
        """Refuse every box that waits."""
        for item in self._boxes:
            refuse_init(item.request, code, message)
        self._boxes.clear()

    def start_on(self, frame: Frame) -> bool:
        """Start the target of one box that waits for the next image, on this one; False if there is
        none. The others then wait for their turn only, however long.

        Raises:
            ImageError: This image cannot be used; the boxes go on waiting for one that can.
        """
        waiting = [item for item in self._boxes if not item.request.stamp_ns]
        if not waiting:
            return False
        self._start(waiting[0].request, frame, live=True)
        self._boxes.remove(waiting[0])
        for item in waiting:
            item.deadline_s = math.inf
        return True

    def admit(self, request: InitRequest) -> None:
        """Let a box wait for its image and its turn."""
        node = self._engine.settings.node
        patience_s = math.inf if request.patient and not request.stamp_ns else node.init_wait_s
        try:
            check_numbers(request.box_xywh)
            self._cutoffs.check(request)
        except InitError as error:
            refuse_init(request, error.code, str(error))
            return
        self._boxes.append(_Waiting(request, time.monotonic() + patience_s))

    def start_next(self) -> bool:
        """Start the first target whose image is here; False if there is none. Boxes that have
        waited too long are refused.
        """
        for item in list(self._boxes):
            try:
                frame = self._image_of(item)
            except InitError as error:
                self._boxes.remove(item)
                refuse_init(item.request, error.code, str(error))
                continue
            if frame is not None:
                self._boxes.remove(item)
                self._start_of_past(item.request, frame)
                return True
        return False

    def _image_of(self, item: _Waiting) -> Frame | None:
        """None if it may still come.

        Raises:
            InitError: It will not, or the box comes too late.
        """
        request, node = item.request, self._engine.settings.node
        expired = time.monotonic() >= item.deadline_s
        if not request.stamp_ns:
            if expired:
                text = f'no image arrived within init_wait_s = {node.init_wait_s:g} s'
                raise InitError(InitCode.NO_IMAGE, text)
            return None
        try:
            frame = self._buffer.find(request.stamp_ns, int(node.init_stamp_tolerance_s * 1e9))
        except InitError as error:
            newest = self._buffer.newest()
            near = newest is None or request.stamp_ns - newest.stamp_ns <= node.init_wait_s * 1e9
            if error.code in WAITABLE and not expired and near:
                return None
            raise
        self._cutoffs.check(request)  # the target may have been given a newer box meanwhile
        return frame

    def _start_of_past(self, request: InitRequest, frame: Frame) -> None:
        try:
            self._start(request, frame, live=False)
        except ImageError as error:
            refuse_init(request, InitCode.NO_IMAGE, f'the image of the box cannot be used: {error}')

    def _start(self, request: InitRequest, frame: Frame, live: bool) -> None:
        try:
            self._engine.start(request.id, request.label, request.box_xywh, frame, live)
        except InitError as error:
            refuse_init(request, error.code, str(error))
        except ImageError:
            raise
        except Exception as error:  # whatever it is, a caller waits for the answer
            self._engine.report('init', error)
            logger.exception('unexpected error in the start of %r', request.id)
            refuse_init(request, InitCode.INTERNAL, error_text(error))
        else:
            self._cutoffs.note_started(request.id, frame.stamp_ns)
            text = 'following' if live else 'following, catching up from the image of the box'
            request.answer(InitOutcome(InitCode.ACCEPTED, text, request.id))


def refuse_init(request: InitRequest, code: InitCode, message: str) -> None:
    """Answer a request by a refusal."""
    request.answer(InitOutcome(code, message, request.id))
