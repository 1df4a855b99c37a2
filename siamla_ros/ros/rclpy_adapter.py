"""What rclpy keeps to itself and this package needs: every use of it stands here.

rclpy has no public name for these between Humble and Kilted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.subscription import Subscription

InvalidHandle: type[Exception] = rclpy_implementation.InvalidHandle
"""An entity that another thread has destroyed."""

ARGUMENT_ERRORS: tuple[type[Exception], ...] = (
    rclpy_implementation.RCLError,
    rclpy_implementation.RCLInvalidROSArgsError,
    rclpy_implementation.UnknownROSArgsError,
)
"""What `rclpy.init` raises on `--ros-args` that it cannot read."""


def lifecycle_label(node: LifecycleNode) -> str:
    """unconfigured, inactive, active or finalized, or the transition between them."""
    return node._state_machine.current_state[1]


def given_parameters(node: Node) -> list[str]:
    """Names of all parameters that the command line, files and the caller gave to a node."""
    return list(node._parameter_overrides)


def destroy_lifecycle_publisher(node: LifecycleNode, publisher: Any) -> None:
    """Remove a lifecycle publisher from its node.

    Humble has no method for it and would keep the publisher among its managed entities.
    """
    if hasattr(node, 'destroy_lifecycle_publisher'):
        node.destroy_lifecycle_publisher(publisher)
    else:
        node._managed_entities.discard(publisher)
        node.destroy_publisher(publisher)


def take_waiting(subscription: Subscription) -> Iterator[tuple[Any, Any]]:
    """Messages that wait in the queue of a subscription, oldest first, with what is known of each.

    Ends early if the subscription is destroyed in the meantime.
    """
    try:
        handle, kind, raw = subscription.handle, subscription.msg_type, subscription.raw
        while True:
            with handle:  # a lifecycle transition may destroy it in between
                taken = handle.take_message(kind, raw)
            if not taken:
                return
            yield taken[0], taken[1]
    except InvalidHandle:
        return
