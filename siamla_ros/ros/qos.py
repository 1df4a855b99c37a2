"""Quality of service: every profile of the package, by name, in one place.

All are defaults: `qos_overrides.<topic>.<subscription|publisher>.<policy>` parameters override
history, depth and reliability.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


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
