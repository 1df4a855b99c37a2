"""What /diagnostics reports of the tracker node, and what to do about it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from siamla_ros.online.dds_profile import profile_variables
from siamla_ros.online.stats import Latency, Snapshot

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
ODD_LATENCY_MS = 60_000.0
HUNG_S = 5.0  # of work on one image: no network of ours takes as long
MISSED_SHARE = 0.1  # of the images received, from which misses are worth a warning


@dataclass(frozen=True)
class Health:
    """Everything that a diagnostics message is made of.

    Attributes:
        failure: Why the node could not be configured; empty if it could.
        silent_s: Seconds since the last image, infinite before the first.
        received_hz: Over the last period.
        busy_s: Seconds that the work on the image in hand has taken so far.
        missed: Images that were published but did not get to the callback.
        transport: How messages leave this process.
        transport_problem: Why it is not shared memory; empty if it is, or cannot be known.
        profile_set: A Fast DDS profile is set for this process.
    """

    name: str
    lifecycle: str
    failure: str = ''
    device: str = ''
    device_reason: str = ''
    snapshot: Snapshot = field(default_factory=Snapshot)
    targets: dict[str, int] = field(default_factory=dict)
    last_error: str = ''
    new_errors: int = 0
    image_topic: str = ''
    publishers: int = 0
    silent_s: float = math.inf
    source_timeout_s: float = 2.0
    received_hz: float = 0.0
    processed_hz: float = 0.0
    new_bad_images: int = 0
    qos_problems: tuple[str, ...] = ()
    source_qos_problems: tuple[str, ...] = ()
    buffer: str = ''
    missed: int = 0
    lost_in_transport: int = 0
    new_missed: int = 0
    period_s: float = 1.0
    busy_s: float = 0.0
    publisher_names: tuple[str, ...] = ()
    last_bad: str = ''
    new_received: int = 0
    starved_s: float = 0.0
    transport: str = ''
    transport_problem: str = ''
    profile_set: bool = False


def diagnostic_array(stamp: Time, health: Health) -> DiagnosticArray:
    """Two statuses: the image source and the tracker."""
    return DiagnosticArray(header=Header(stamp=stamp), status=[_source(health), _tracker(health)])


def _source(health: Health) -> DiagnosticStatus:
    level, text = _source_verdict(health)
    counts = health.snapshot.counts
    return diagnostic_status(
        f'{health.name}: image source',
        health.name,
        level,
        text,
        {
            'topic': health.image_topic,
            'transport': health.transport,
            'publishers': health.publishers,
            'received': counts.get('received', 0),
            'missed before the node took them': health.missed,
            'of these lost in transport': health.lost_in_transport,
            'received Hz': f'{health.received_hz:.1f}',
            'bad images': counts.get('bad_image', 0),
            'time jumps': counts.get('time_jump', 0),
            'seconds since last image': f'{health.silent_s:.1f}',
            'recent images kept': health.buffer,
        },
    )


def _source_verdict(health: Health) -> tuple[bytes, str]:
    if health.lifecycle != 'active':
        return OK, f'not subscribed: the node is {health.lifecycle}'
    if health.source_qos_problems:
        return ERROR, '; '.join(health.source_qos_problems)
    if health.publishers == 0:
        return WARN, f'nobody publishes {health.image_topic}: start the camera or remap "image"'
    if math.isinf(health.silent_s):
        return WARN, (
            f'no image yet on {health.image_topic} though it has a publisher: '
            + _transport_advice(health)
        )
    if health.silent_s > health.source_timeout_s:
        return WARN, f'no image on {health.image_topic} for {health.silent_s:.1f} s'
    if health.new_bad_images:
        share = (
            f'{health.new_received} images came, all bad'
            if health.new_bad_images >= health.new_received
            else f'{health.new_bad_images} of {health.new_received} images could not be used'
        )
        return ERROR, f'{share}: {health.last_bad}'
    if health.publishers > 1:
        names = ', '.join(health.publisher_names)
        return WARN, f'{health.publishers} publishers on {health.image_topic}: {names}'
    if health.new_missed > MISSED_SHARE * health.received_hz * health.period_s + 1:
        return WARN, (
            f'{health.new_missed} images were published but missed, {health.received_hz:.1f} a '
            'second received: '
            + (health.transport_problem or 'the processor is busy, or transport loses them')
        )
    if health.transport_problem:
        return WARN, f'{health.received_hz:.1f} images a second; {health.transport_problem}'
    return OK, f'{health.received_hz:.1f} images a second'


def _transport_advice(health: Health) -> str:
    if health.transport_problem:
        return health.transport_problem
    where = "the publisher's process too" if health.profile_set else 'both processes'
    names = ' and '.join(profile_variables(os.environ.get('ROS_DISTRO', '')))
    return f'if its images are large, set {names} to the shipped profile for {where}'


def _tracker(health: Health) -> DiagnosticStatus:
    level, text = _tracker_verdict(health)
    counts, snapshot = health.snapshot.counts, health.snapshot
    values = {
        'lifecycle state': health.lifecycle,
        'device': health.device,
        'device reason': health.device_reason,
        'received': counts.get('received', 0),
        'processed': counts.get('processed', 0),
        'processed Hz': f'{health.processed_hz:.1f}',
        'dropped': counts.get('dropped', 0),
        'errors': counts.get('error', 0),
        'last error': health.last_error,
        **_latency('latency from stamp', snapshot.stamp),
        **_latency('latency from arrival', snapshot.arrival),
        **{f'targets {name}': number for name, number in health.targets.items()},
    }
    return diagnostic_status(f'{health.name}: tracker', health.name, level, text, values)


def _tracker_verdict(health: Health) -> tuple[bytes, str]:
    if health.failure:
        return ERROR, f'not configured: {health.failure}'
    if health.lifecycle != 'active':
        return WARN, f'lifecycle state {health.lifecycle}: nothing is tracked'
    if health.busy_s > HUNG_S:
        return ERROR, (
            f'the tracker has been at work on one image for {health.busy_s:.0f} s: it hangs; '
            'deactivate or restart the node'
        )
    if health.new_errors:
        return ERROR, f'{health.new_errors} errors, last: {health.last_error}'
    if abs(health.snapshot.stamp.p50_ms) > ODD_LATENCY_MS:
        return WARN, (
            'image stamps are far from the clock: a replayed bag wants use_sim_time, a camera the '
            'same clock as this machine'
        )
    states = ', '.join(f'{number} {name}' for name, number in health.targets.items())
    if health.targets and health.starved_s:
        return WARN, f'targets held without images for {health.starved_s:.1f} s: {states}'
    if health.qos_problems:
        return WARN, '; '.join(health.qos_problems)
    if not health.targets:
        return OK, 'no target: publish a box on "init"'
    return OK, f'targets: {states}'


def _latency(name: str, latency: Latency) -> dict[str, str]:
    return {
        f'{name} p50 ms': f'{latency.p50_ms:.1f}',
        f'{name} p95 ms': f'{latency.p95_ms:.1f}',
        f'{name} p99 ms': f'{latency.p99_ms:.1f}',
    }


def diagnostic_status(
    name: str, hardware_id: str, level: bytes, text: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """One status; values become text."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        name=name, hardware_id=hardware_id, level=level, message=text, values=pairs
    )
