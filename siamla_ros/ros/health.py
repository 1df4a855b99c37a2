"""Collects what /diagnostics reports about the tracker node, and publishes it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from siamla_ros.online.engine import Engine
from siamla_ros.online.settings import NodeSettings
from siamla_ros.online.stats import Snapshot, Stats
from siamla_ros.online.worker import Worker
from siamla_ros.ros import qos, shared_memory
from siamla_ros.ros.diagnostics import Health, diagnostic_array
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.qos import QosProblem

GRAPH_DELAY_S = 2.0


@dataclass(frozen=True)
class NodeParts:
    """What the tracker node consists of at the moment; None: not configured, or not active.

    Attributes:
        lifecycle: Label of the lifecycle state.
        failure: Why the node could not be configured; empty if it could.
    """

    lifecycle: str
    failure: str
    settings: NodeSettings
    engine: Engine | None
    worker: Worker | None
    source: ImageSource | None


class HealthMonitor:
    """Figures since the last message, and problems that were reported by callbacks."""

    def __init__(self, node: Node, stats: Stats, parts: Callable[[], NodeParts]) -> None:
        """
        Args:
            node: Publishes and logs.
            stats: Figures of the worker.
            parts: Called for each message.
        """
        self._node, self._stats, self._parts = node, stats, parts
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', qos.diagnostics())
        # With the time from which the graph is asked whether they persist: it may learn of a peer
        # after the event does.
        self._qos_problems: dict[QosProblem, float] = {}
        self._source_problems: dict[QosProblem, float] = {}
        self._before = (time.monotonic(), Snapshot(), 0)
        self._missed_before = 0

    def report_qos(self, problem: QosProblem) -> None:
        """A QoS incompatibility; logged once for as long as it lasts."""
        if problem not in self._qos_problems:
            self._node.get_logger().warning(problem)
        self._qos_problems[problem] = time.monotonic() + GRAPH_DELAY_S

    def report_source_qos(self, problem: QosProblem) -> None:
        """The same of the subscription to images: without them nothing works."""
        if problem not in self._source_problems:
            self._node.get_logger().error(problem)
        self._source_problems[problem] = time.monotonic() + GRAPH_DELAY_S

    def _drop_settled(self, problems: dict[QosProblem, float]) -> None:
        """Forget the problems whose peers have left or were changed."""
        now_s = time.monotonic()
        for problem, ask_from_s in list(problems.items()):
            if now_s >= ask_from_s and not problem.persists(self._node):
                problems.pop(problem, None)
                self._node.get_logger().info(f'no longer: {problem}')

    def publish(self) -> None:
        """Send one message."""
        if self._node.context.ok():
            stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(diagnostic_array(stamp, self.collect()))

    def collect(self) -> Health:
        """The state of things."""
        self._drop_settled(self._qos_problems)
        self._drop_settled(self._source_problems)
        node, parts, now_s = self._node, self._parts(), time.monotonic()
        snapshot = self._stats.snapshot()
        engine, worker, source = parts.engine, parts.worker, parts.source
        errors = (engine.errors if engine else 0) + snapshot.counts.get('error', 0)
        before_s, before, errors_before = self._before
        self._before = (now_s, snapshot, errors)
        period_s = max(now_s - before_s, 1e-3)
        missed = source.missed if source else 0
        rmw = get_rmw_implementation_identifier()
        transport, problem = shared_memory.transport_in_use(
            rmw, len(shared_memory.own_segments()), *shared_memory.shared_memory_size()
        )
        new_missed, self._missed_before = max(missed - self._missed_before, 0), missed

        def new(name: str) -> int:
            return snapshot.counts.get(name, 0) - before.counts.get(name, 0)

        publishers = source.publisher_names() if source else []
        return Health(
            name=node.get_fully_qualified_name().lstrip('/'),
            lifecycle=parts.lifecycle,
            failure=parts.failure,
            snapshot=snapshot,
            targets=dict(_states(engine)) if engine else {},
            device=str(engine.tracker.device) if engine else '',
            device_reason=engine.tracker.device_reason if engine else '',
            last_error=engine.last_error if engine else '',
            new_errors=max(errors - errors_before, 0),
            image_topic=source.topic if source else node.resolve_topic_name('image'),
            publishers=len(publishers),
            publisher_names=tuple(publishers),
            last_bad=self._stats.last_bad,
            new_received=new('received'),
            starved_s=worker.unseen_s if worker and worker.starved else 0.0,
            silent_s=now_s - self._stats.received_s,
            source_timeout_s=parts.settings.source_timeout_s,
            received_hz=new('received') / period_s,
            processed_hz=new('processed') / period_s,
            missed=missed,
            lost_in_transport=source.lost_in_transport if source else 0,
            new_missed=new_missed,
            period_s=period_s,
            new_bad_images=new('bad_image'),
            qos_problems=tuple(self._qos_problems),
            source_qos_problems=tuple(self._source_problems),
            busy_s=worker.busy_s if worker else 0.0,
            transport=transport,
            transport_problem=problem,
            profile_set=shared_memory.profile_is_set(),
            buffer=f'{len(worker.buffer)} ({worker.buffer.nbytes / 1e6:.0f} MB)' if worker else '0',
        )


def _states(engine: Engine) -> Counter[str]:
    """How many targets are in which state; the worker goes on meanwhile."""
    return Counter(target.memory.state.name for target in list(engine.targets.values()))
