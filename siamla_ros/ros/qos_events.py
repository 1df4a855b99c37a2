"""Callbacks for QoS incompatibilities; rclpy moved these classes between Humble and Jazzy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, qos_check_compatible, qos_policy_name_from_kind

from siamla_ros.ros.qos import explain_incompatibility

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


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
