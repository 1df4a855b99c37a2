"""Commands of the tracker node: init on the topic and as a service, clear of one or
all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # the same from Python 3.11 on
from typing import Protocol

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2D

from siamla_ros.online.init_requests import (
    InitCode,
    InitError,
    InitOutcome,
    InitRequest,
    check_id,
    check_label,
)
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_of, label_of, stamp_ns_of
from siamla_ros.ros.qos import subscription_events
from siamla_ros.srv import ClearTarget, InitTarget

ANSWER_MARGIN_S = 30.0  # for the first forward pass on a slow device, on top of init_wait_s
MAX_LOGGED = 128  # characters of an id
LOG_PERIOD_S = 0.2  # between two refusals in the log
MAX_WAITING_CALLERS = 10  # of ~/init_target; each takes a thread while it waits


class Tracking(Protocol):
    """What the commands act on."""

    def submit(self, request: InitRequest) -> None:
        """Pass on an init box, or answer it if the node is not active."""

    def clear(self, target_id: str | None) -> list[str] | None:
        """Forget targets; None if the node has none to forget because it is not configured."""

    @property
    def init_wait_s(self) -> float:
        """How long an init box may wait for its image."""


class Commands:
    """Exists as long as the node does: a node that is not active answers so."""

    def __init__(self, node: Node, tracking: Tracking, report: Callable[[str], None]) -> None:
        """report: gets QoS problems as sentences."""
        self._node, self._tracking = node, tracking
        self._callers = threading.BoundedSemaphore(MAX_WAITING_CALLERS)
        # Callers wait side by side, each for its own answer; a clear keeps no init waiting.
        topic_group, clear_group = (MutuallyExclusiveCallbackGroup() for _ in range(2))
        init_group = ReentrantCallbackGroup()
        node.create_subscription(
            Detection2D,
            'init',
            self._on_init,
            qos.command(),
            callback_group=topic_group,
            event_callbacks=subscription_events(node.resolve_topic_name('init'), report),
            qos_overriding_options=qos.overridable(),
        )
        node.create_service(
            InitTarget, '~/init_target', self._on_init_target, callback_group=init_group
        )
        node.create_service(Trigger, '~/clear', self._on_clear, callback_group=clear_group)
        node.create_service(
            ClearTarget, '~/clear_target', self._on_clear_target, callback_group=clear_group
        )

    def _submit(
        self, detection: Detection2D, answer: Callable[[InitOutcome], None], patient: bool
    ) -> None:
        try:
            target_id, label = check_id(detection.id), check_label(label_of(detection))
        except InitError as error:
            answer(InitOutcome(error.code, str(error), detection.id))
            return
        self._tracking.submit(
            InitRequest(
                id=target_id,
                label=label,
                box_xywh=box_of(detection.bbox),
                stamp_ns=stamp_ns_of(detection.header.stamp),
                answer=answer,
                patient=patient,
            )
        )

    def _on_init(self, detection: Detection2D) -> None:
        self._submit(detection, self._log_outcome, patient=True)

    def _log_outcome(self, outcome: InitOutcome) -> None:
        logger = self._node.get_logger()
        name = repr(outcome.id[:MAX_LOGGED]) + ('...' if len(outcome.id) > MAX_LOGGED else '')
        if outcome.accepted:
            logger.info(f'init of {name} accepted: {outcome.message}')
        else:  # a flood of bad boxes must not fill the disk
            logger.error(
                f'init of {name} refused, {outcome.code.name}: {outcome.message}',
                throttle_duration_sec=LOG_PERIOD_S,
            )

    def _on_init_target(
        self, request: InitTarget.Request, response: InitTarget.Response
    ) -> InitTarget.Response:
        outcome = self._wait_for_outcome(request.detection)
        self._log_outcome(outcome)
        response.accepted = outcome.accepted
        response.code = int(outcome.code)
        response.message = outcome.message
        response.id = outcome.id if outcome.accepted else ''
        return response

    def _wait_for_outcome(self, detection: Detection2D) -> InitOutcome:
        """Submit a box and wait for its answer; refused at once where too many callers wait."""
        if not self._callers.acquire(blocking=False):
            return InitOutcome(
                InitCode.INTERNAL,
                f'{MAX_WAITING_CALLERS} callers wait already, no more can',
                detection.id,
            )
        try:
            return self._submit_and_wait(detection)
        finally:
            self._callers.release()

    def _submit_and_wait(self, detection: Detection2D) -> InitOutcome:
        future: Future[InitOutcome] = Future()
        self._submit(detection, future.set_result, patient=False)
        limit_s = self._tracking.init_wait_s + ANSWER_MARGIN_S
        try:
            return future.result(limit_s)
        except FutureTimeoutError:
            text = f'the tracker did not answer within {limit_s:g} s'
            return InitOutcome(InitCode.INTERNAL, text, detection.id)

    def _on_clear(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._forget(None)
        return response

    def _on_clear_target(
        self, request: ClearTarget.Request, response: ClearTarget.Response
    ) -> ClearTarget.Response:
        response.success, response.message = self._forget(request.id or None)
        return response

    def _forget(self, target_id: str | None) -> tuple[bool, str]:
        """Whether the target has been cleared, and a sentence."""
        try:
            gone = self._tracking.clear(target_id)
        except TimeoutError as error:
            return False, str(error)
        success = bool(gone) or (gone is not None and target_id is None)
        return success, _cleared_text(gone, target_id)


def _cleared_text(gone: list[str] | None, target_id: str | None) -> str:
    if gone is None:
        return 'the node is not configured, so there is no target'
    if gone:
        return f'forgotten: {", ".join(gone)}'
    return 'there was no target' if target_id is None else f'there is no target {target_id!r}'
