"""Init boxes that wait for their image, and the start of their targets. Free of ROS."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

from siamla_ros.online.box_order import BoxOrder
from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.frame_buffer import FrameBuffer
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import (
    InitCode,
    InitError,
    InitOutcome,
    InitRequest,
    check_numbers,
)
from siamla_ros.online.tracker_like import named

logger = logging.getLogger(__name__)
WAITABLE = (InitCode.STAMP_IN_FUTURE, InitCode.NO_IMAGE)


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
        order: Which boxes come too late.
    """

    def __init__(self, engine: Engine, buffer: FrameBuffer, order: BoxOrder) -> None:
        self._engine, self._buffer, self._order = engine, buffer, order
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
            self._order.check(request)
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
        self._order.check(request)  # the target may have been given a newer box meanwhile
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
            refuse_init(request, InitCode.INTERNAL, named(error))
        else:
            self._order.note_started(request.id, frame.stamp_ns)
            text = 'following' if live else 'following, catching up from the image of the box'
            request.answer(InitOutcome(InitCode.ACCEPTED, text, request.id))


def refuse_init(request: InitRequest, code: InitCode, message: str) -> None:
    """Answer a request by a refusal."""
    request.answer(InitOutcome(code, message, request.id))
