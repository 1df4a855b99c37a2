"""The service `~/score_boxes`: how likely boxes of a recent image show a target."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # the same from Python 3.11 on
from typing import Protocol

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from siamla_ros.geometry.boxes import Box
from siamla_ros.online.engine import Engine
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import InitError, check_numbers
from siamla_ros.online.worker import Worker
from siamla_ros.ros.messages import box_of, stamp_ns_of
from siamla_ros.srv import ScoreBoxes

MAX_BOXES = 64
WAIT_S = 4.0  # for the worker; the first forward pass on a slow device takes longest
Answer = ScoreBoxes.Response


class Scoring(Protocol):
    """What the service needs of the tracker node."""

    engine: Engine | None
    worker: Worker | None


class ScoreBoxesService:
    """Runs on a callback group of its own; the forward pass runs on the worker's thread."""

    def __init__(self, node: Node, scoring: Scoring) -> None:
        self._scoring = scoring
        group = MutuallyExclusiveCallbackGroup()
        node.create_service(ScoreBoxes, '~/score_boxes', self._on_call, callback_group=group)

    def _on_call(self, request: ScoreBoxes.Request, response: Answer) -> Answer:
        worker = self._scoring.worker
        boxes = [box_of(message) for message in request.boxes]
        if worker is None:
            return _fill(response, Answer.NOT_ACTIVE, 'the node is not active')
        if len(boxes) > MAX_BOXES:
            text = f'boxes holds {len(boxes)}, must be at most {MAX_BOXES}'
            return _fill(response, Answer.BAD_BOXES, text)
        for index, box in enumerate(boxes):
            try:
                check_numbers(box)
            except InitError as error:
                return _fill(response, Answer.BAD_BOXES, f'boxes[{index}]: {error}')
        future: Future[tuple[int, str, list[float]]] = Future()

        def work() -> None:
            future.set_result(_score(worker, request.id, stamp_ns_of(request.stamp), boxes))

        if not worker.call(work, costly=True):
            return _fill(response, Answer.NOT_ACTIVE, 'the node was deactivated')
        try:
            return _fill(response, *future.result(WAIT_S))
        except FutureTimeoutError:
            return _fill(response, Answer.INTERNAL, f'no answer within {WAIT_S:g} s')


def _score(
    worker: Worker, target_id: str, stamp_ns: int, boxes: list[Box]
) -> tuple[int, str, list[float]]:
    """Code, message and probabilities; runs on the worker's thread."""
    engine = worker.engine
    if not engine.known(target_id):
        return Answer.UNKNOWN_TARGET, f'id is {target_id[:64]!r}, there is no such target', []
    tolerance_ns = int(engine.settings.node.init_stamp_tolerance_s * 1e9)
    try:
        frame = worker.buffer.find(stamp_ns, tolerance_ns)
        return Answer.OK, '', engine.score_boxes(target_id, frame, boxes)
    except (InitError, ImageError) as error:
        return Answer.NO_IMAGE, str(error), []
    except Exception as error:  # noqa: BLE001 - whatever the runtime raises, a caller waits
        return Answer.INTERNAL, f'{type(error).__name__}: {error}', []


def _fill(
    response: Answer, code: int, message: str, probabilities: list[float] | None = None
) -> Answer:
    response.code, response.message = code, message
    response.probabilities = probabilities or []
    return response
