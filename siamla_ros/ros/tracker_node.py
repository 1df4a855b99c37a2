"""The tracker node: images and one box in, confirmed boxes out. A lifecycle node that starts by
itself.

Callbacks only hand things over; a worker thread does the work, so that services and parameters stay
responsive.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from siamla_ros.online.clearing import clear_targets
from siamla_ros.online.engine import Engine
from siamla_ros.online.init_requests import InitCode, InitOutcome, InitRequest, Pending
from siamla_ros.online.parameters import Settings
from siamla_ros.online.stats import Stats
from siamla_ros.online.waiting_boxes import InitCutoffs
from siamla_ros.online.worker import Worker
from siamla_ros.ros import log_bridge
from siamla_ros.ros.commands import MAX_WAITING_CALLERS, Commands
from siamla_ros.ros.health import HealthMonitor, NodeParts
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.outputs import Outputs
from siamla_ros.ros.parameter_server import ParameterServer
from siamla_ros.ros.rclpy_adapter import lifecycle_label
from siamla_ros.ros.running import run
from siamla_ros.ros.score_boxes import ScoreBoxesService
from siamla_ros.tracker.results import TrackerLike
from siamla_ros.tracker.tracker import load_tracker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
# Images, init topic, clear, scores, lifecycle and parameters, diagnostics, and callers that wait.
THREADS = 6 + MAX_WAITING_CALLERS
MAX_PENDING = 64  # init boxes that wait for an image or for their turn


class TrackerNode(LifecycleNode):
    """See docs/interface.md."""

    def __init__(self, load: Callable[..., TrackerLike] = load_tracker, **options: Any) -> None:
        """
        Args:
            load: makes the tracker, on configure.

        Raises:
            ValueError: A parameter is bad.
        """
        super().__init__('tracker', **options)
        self._load = load
        self._bridge = log_bridge.connect(self.get_logger())
        self.engine: Engine | None = None
        self.worker: Worker | None = None
        self.outputs: Outputs | None = None
        self.source: ImageSource | None = None
        self.stats = Stats()
        self.failure = ''
        self.exit_code = 0
        self._pending = Pending(MAX_PENDING)
        self._cutoffs = InitCutoffs()
        # Images are numbered over all activations: a target that is kept over a pause must not
        # take a new image for one that it has seen.
        self._numbers = itertools.count(1)
        self.parameters = ParameterServer(self, lambda: self.engine is not None, self._apply)
        self.health = HealthMonitor(self, self.stats, self._parts)
        self.commands = Commands(self, self, self.health.report_qos)
        self.score_boxes = ScoreBoxesService(self, self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # sim time may stand still
        self.create_timer(
            self.settings.node.diagnostics_period_s,
            self.health.publish,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=steady,
        )
        self._device_failure = ''
        self._give_up_timer = self.create_timer(0.0, self._give_up, clock=steady)
        self._autostart_timer = self.create_timer(0.0, self._autostart, clock=steady)

    def _parts(self) -> NodeParts:
        return NodeParts(
            lifecycle=self.state_label,
            failure=self.failure,
            settings=self.settings.node,
            engine=self.engine,
            worker=self.worker,
            source=self.source,
        )

    @property
    def settings(self) -> Settings:
        """The parameters, typed."""
        return self.parameters.settings

    @property
    def init_wait_s(self) -> float:
        """How long an init box may wait for its image."""
        return self.settings.node.init_wait_s

    @property
    def state_label(self) -> str:
        """unconfigured, inactive, active or finalized, or a transition between them."""
        return lifecycle_label(self)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the tracker."""
        node = self.settings.node
        try:
            tracker = self._load(**node.tracker_options)
            self.engine = Engine(tracker, self.settings)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with weights or device, the node goes on
            self.failure = f'model {node.model!r} on device {node.device!r}: {error}'
            self.get_logger().error(
                f'cannot be configured: {self.failure}. It waits, unconfigured: set the parameter, '
                f'then `ros2 lifecycle set {self.get_fully_qualified_name()} configure`, `activate`'
            )
            return FAILURE
        self.failure = ''
        self.outputs = Outputs(self, node, self.health.report_qos)
        self.get_logger().info(
            f'model {node.model!r} runs on {tracker.device}: {tracker.device_reason}'
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to images and start to work."""
        result = super().on_activate(state)
        if result is not SUCCESS:
            return result
        self.engine.suspend()
        self.worker = Worker(
            self.engine,
            self.stats,
            self.outputs.publish,
            idle=self.outputs.repeat_requests,
            starved=self.outputs.publish_starved,
            cutoffs=self._cutoffs,
            device_lost=self._replace_tracker,
        )
        self.worker.start()
        self.source = ImageSource(
            self,
            self.settings.node.image_transport,
            self.worker.offer,
            self.health.report_source_qos,
            numbers=self._numbers,
            reject=self.worker.reject,
        )
        self.get_logger().info(f'active: waiting for images on {self.source.topic}')
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Pause: targets are kept, images are not received. Fails where the device is lost."""
        if not self._stop():
            return TransitionCallbackReturn.ERROR
        if self._device_failure:
            self.failure, self._device_failure = self._device_failure, ''
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget targets and free the tracker."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End for good; the process follows."""
        self.exit_code = 1
        self.get_logger().error(
            'shut down by a lifecycle transition: the process ends, exit code 1'
        )
        self._release()
        return super().on_shutdown(state)

    @property
    def finished(self) -> bool:
        """Whether a shutdown transition has made the node useless: the process then ends, so that
        a supervisor of processes starts it again.
        """
        return self.state_label == 'finalized'

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall back to unconfigured."""
        self.get_logger().error(f'a transition from {state.label} failed; back to unconfigured')
        self._release()
        return SUCCESS

    def close(self) -> None:
        """Stop the work before the process ends."""
        self._stop()
        log_bridge.disconnect(self._bridge)

    def submit(self, request: InitRequest) -> None:
        """Pass on an init box, or answer that the node is not active."""
        worker = self.worker
        if worker is None:
            text = f'the node is {self.state_label}, must be active'
            request.answer(InitOutcome(InitCode.NOT_ACTIVE, text, request.id))
        elif self._pending.full:
            text = f'{MAX_PENDING} init boxes wait already, for an image or for their turn'
            request.answer(InitOutcome(InitCode.INTERNAL, text, request.id))
        else:
            worker.submit(self._pending.note(request))

    def clear(self, target_id: str | None) -> list[str] | None:
        """Forget targets and waiting boxes; None if the node is not configured.

        Raises:
            TimeoutError: the tracker is at work on an image and does not return.
        """
        if self.engine is None or self.outputs is None:
            return None
        published = self.outputs.publish_cleared
        return clear_targets(target_id, self.engine, self.worker, self._cutoffs, published)

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if not self.settings.node.autostart:
            self.get_logger().info('autostart is false: waiting for a lifecycle transition')
        elif self.trigger_configure() is SUCCESS:
            self.trigger_activate()

    def _apply(self, settings: Settings) -> None:
        """Changed parameters."""
        if self.outputs is not None:
            self.outputs.settings = settings.node
        if self.worker is not None:
            self.worker.configure(settings)
        elif self.engine is not None:
            self.engine.configure(settings)

    def _replace_tracker(self, engine: Engine) -> None:
        """On the worker's thread: the device is lost to this process. Targets go on from their
        templates on what the parameters allow instead; where they allow nothing, the node becomes
        unconfigured.
        """
        node, lost, former = self.settings.node, engine.last_error, engine.tracker
        try:
            engine.replace_tracker(self._load(**node.tracker_options))
            former.close()
        except Exception as error:  # noqa: BLE001 - whatever `load` raises
            engine.device_lost = False  # one try
            self._device_failure = f'{lost}; on device {node.device!r} again: {error}'
            self._give_up_timer.reset()
            return
        self.get_logger().warning(
            f'{lost}: targets go on on {engine.tracker.device}: {engine.tracker.device_reason}'
        )

    def _give_up(self) -> None:
        self._give_up_timer.cancel()  # until it is reset
        if self._device_failure:
            self.trigger_deactivate()

    def _stop(self) -> bool:
        """Whether the work has ended; an engine whose tracker hangs is given up."""
        if self.source is not None:
            self.source.destroy()
            self.source = None
        worker, self.worker = self.worker, None
        if worker is None or worker.stop():
            return True
        self.failure = f'the tracker did not return within {worker.busy_s:.1f} s and was given up'
        self.get_logger().error(self.failure)
        self.engine = None
        return False

    def _release(self) -> None:
        self._stop()
        if self.outputs is not None:
            self.outputs.destroy()
        engine, self.outputs, self.engine = self.engine, None, None
        if engine is not None:
            engine.tracker.close()


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted."""
    return run(TrackerNode, args, THREADS)


if __name__ == '__main__':
    sys.exit(main())
