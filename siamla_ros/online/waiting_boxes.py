"""Init boxes that wait for their image, and the start of their targets. Free of ROS."""

from __future__ import annotations

import logging
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


@dataclass
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

    def start_on(self, frame: Frame) -> None:
        """Start the targets whose boxes wait for the next image.

        Raises:
            ImageError: This image cannot be used.
        """
        ready = [item for item in self._boxes if item.request.stamp_ns == 0]
        if ready:
            frame.to_bgr()  # if this image cannot be used, they go on waiting for one that can
        self._boxes = [item for item in self._boxes if item.request.stamp_ns != 0]
        for item in ready:
            self._start(item.request, frame, live=True)

    def admit(self, request: InitRequest) -> None:
        """Start a target now, or let its box wait for its image."""
        node = self._engine.settings.node
        patience_s = float('inf') if request.patient and not request.stamp_ns else node.init_wait_s
        waiting = _Waiting(request, time.monotonic() + patience_s)
        try:
            check_numbers(request.box_xywh)
            self._order.check(request)
        except InitError as error:
            refuse_init(request, error.code, str(error))
            return
        if request.stamp_ns == 0 or not self._try_stamped(waiting):
            self._boxes.append(waiting)

    def _try_stamped(self, waiting: _Waiting) -> bool:
        """False if the image of the box may still come."""
        request, node = waiting.request, self._engine.settings.node
        try:
            frame = self._buffer.find(request.stamp_ns, int(node.init_stamp_tolerance_s * 1e9))
        except InitError as error:
            if error.code in WAITABLE and time.monotonic() < waiting.deadline_s:
                newest = self._buffer.newest()
                near = newest is None or (
                    request.stamp_ns - newest.stamp_ns <= node.init_wait_s * 1e9
                )
                if near:
                    return False
            refuse_init(request, error.code, str(error))
            return True
        self._start(request, frame, live=False)
        return True

    def retry(self) -> None:
        """Start the targets whose images have come; refuse those that have waited too long."""
        still = []
        for item in self._boxes:
            if item.request.stamp_ns:
                if not self._try_stamped(item):
                    still.append(item)
            elif time.monotonic() < item.deadline_s:
                still.append(item)
            else:
                refuse_init(
                    item.request,
                    InitCode.NO_IMAGE,
                    'no image arrived within init_wait_s = '
                    f'{self._engine.settings.node.init_wait_s:g} s',
                )
        self._boxes = still

    def _start(self, request: InitRequest, frame: Frame, live: bool) -> None:
        try:
            self._engine.start(request.id, request.label, request.box_xywh, frame, live)
        except InitError as error:
            refuse_init(request, error.code, str(error))
        except ImageError as error:
            refuse_init(request, InitCode.NO_IMAGE, f'the image of the box cannot be used: {error}')
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
