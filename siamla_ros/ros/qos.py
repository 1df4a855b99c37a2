"""Quality of service: every profile of the package, by name, and what does not match in words.

All are defaults: `qos_overrides.<topic>.<subscription|publisher>.<policy>` parameters override
history, depth and reliability.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


def _profile(
    depth: int,
    reliability: ReliabilityPolicy,
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


def image_in() -> QoSProfile:
    """Images to work on: best effort matches every camera, and only the newest one matters. A
    deeper queue keeps those that come while the process waits for a processor, but taking them
    costs time just then. /diagnostics counts the ones that were replaced.
    """
    return _profile(1, ReliabilityPolicy.BEST_EFFORT)


def image_record() -> QoSProfile:
    """Images to record: best effort too, but a short hiccup should not cost a frame."""
    return _profile(30, ReliabilityPolicy.BEST_EFFORT)


def image_out() -> QoSProfile:
    """What a camera offers: sensor data."""
    return _profile(5, ReliabilityPolicy.BEST_EFFORT)


def scan_in() -> QoSProfile:
    """Laser scans: best effort matches every driver, and only the newest one matters."""
    return _profile(1, ReliabilityPolicy.BEST_EFFORT)


def command() -> QoSProfile:
    """Init boxes: few, and none may be lost."""
    return _profile(10, ReliabilityPolicy.RELIABLE)


def result() -> QoSProfile:
    """Detections and status: reliable suits reliable and best-effort subscribers alike."""
    return _profile(10, ReliabilityPolicy.RELIABLE)


def request() -> QoSProfile:
    """Requests for a new box: also for late subscribers."""
    return _profile(8, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)


def velocity() -> QoSProfile:
    """Velocities for a robot: only the newest one matters, as for Nav2's publishers."""
    return _profile(1, ReliabilityPolicy.RELIABLE)


def diagnostics() -> QoSProfile:
    """/diagnostics, as diagnostic_updater publishes it."""
    return _profile(1, ReliabilityPolicy.RELIABLE)


def overridable() -> QoSOverridingOptions:
    """Lets history, depth and reliability be overridden by parameters."""
    return QoSOverridingOptions.with_default_policies()


_POLICY_ADVICE = {
    'RELIABILITY': 'one side is RELIABLE and the other BEST_EFFORT',
    'DURABILITY': 'the subscriber wants TRANSIENT_LOCAL and the publisher offers VOLATILE',
    'DEADLINE': 'the publisher offers a longer deadline than the subscriber requests',
    'LIVELINESS': 'the publisher offers a weaker liveliness than the subscriber requests',
}


def explain_incompatibility(topic: str, policy: str, side: str) -> str:
    """A QoS incompatibility in plain words.

    Args:
        policy: Name of the policy, such as RELIABILITY.
        side: What this node is on that topic: subscription or publisher.
    """
    other = 'publisher' if side == 'subscription' else 'subscriber'
    cause = _POLICY_ADVICE.get(policy, f'the policy {policy} does not match')
    return (
        f'a {other} on {topic} cannot talk to this node: {cause}. Change the {other}, or set the '
        f'parameter qos_overrides.{topic}.{side}.{policy.lower()} of this node'
    )


class QosProblem(str):
    """A QoS incompatibility in words; `topic` and `side` say which endpoint of this node has it."""

    topic: str
    side: str

    @classmethod
    def of(cls, topic: str, policy: str, side: str) -> QosProblem:
        """A problem with a policy; side: what this node is on the topic."""
        problem = cls(explain_incompatibility(topic, policy, side))
        problem.topic, problem.side = topic, side
        return problem

    def persists(self, node: Node) -> bool:
        """Whether the graph still holds a peer that cannot talk to the endpoint of this node."""
        sides = {
            'publisher': node.get_publishers_info_by_topic(self.topic),
            'subscription': node.get_subscriptions_info_by_topic(self.topic),
        }
        own = (node.get_namespace(), node.get_name())
        sides[self.side] = [
            info for info in sides[self.side] if (info.node_namespace, info.node_name) == own
        ]
        return any(
            qos_check_compatible(publisher.qos_profile, subscription.qos_profile)[0]
            == QoSCompatibility.ERROR
            for publisher in sides['publisher']
            for subscription in sides['subscription']
        )


def _reporter(topic: str, side: str, report: Callable[[QosProblem], None]) -> Callable[[Any], None]:
    def on_incompatible(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        report(QosProblem.of(topic, policy, side))

    return on_incompatible


def subscription_events(
    topic: str, report: Callable[[QosProblem], None], lost: Callable[[int], None] | None = None
) -> Any:
    """Event callbacks of a subscription that report in plain words.

    Args:
        lost: Gets how many messages were lost in transport so far; not with every middleware.
    """
    callbacks = SubscriptionEventCallbacks(
        incompatible_qos=_reporter(topic, 'subscription', report)
    )
    if lost is not None:
        callbacks.message_lost = lambda event: lost(event.total_count)
    return callbacks


def publisher_events(topic: str, report: Callable[[QosProblem], None]) -> Any:
    """Event callbacks of a publisher that report in plain words."""
    return PublisherEventCallbacks(incompatible_qos=_reporter(topic, 'publisher', report))
