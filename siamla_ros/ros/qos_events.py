"""Callbacks for QoS incompatibilities; rclpy moved these classes between Humble and Jazzy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.qos import qos_policy_name_from_kind

from siamla_ros.ros.qos import explain_incompatibility

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


def _reporter(topic: str, side: str, report: Callable[[str], None]) -> Callable[[Any], None]:
    def on_incompatible(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        report(explain_incompatibility(topic, policy, side))

    return on_incompatible


def subscription_events(
    topic: str, report: Callable[[str], None], lost: Callable[[int], None] | None = None
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


def publisher_events(topic: str, report: Callable[[str], None]) -> Any:
    """Event callbacks of a publisher that report in plain words."""
    return PublisherEventCallbacks(incompatible_qos=_reporter(topic, 'publisher', report))
