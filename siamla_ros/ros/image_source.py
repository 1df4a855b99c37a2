"""The image subscription: raw CDR where possible, normal messages where not, compressed ones on
request.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from siamla_ros.ros import qos
from siamla_ros.ros.frame import COMPRESSED, Frame
from siamla_ros.ros.qos_events import subscription_events
from siamla_ros.ros.raw_image import LayoutError, parse_image


def frame_from_image(message: Image, seq: int = 0) -> Frame:
    """A frame that shares the message's pixels."""
    return Frame(
        sec=message.header.stamp.sec, nanosec=message.header.stamp.nanosec,
        frame_id=message.header.frame_id, width=message.width, height=message.height,
        encoding=message.encoding, step=message.step, is_bigendian=bool(message.is_bigendian),
        data=np.frombuffer(message.data, dtype=np.uint8), received_s=time.monotonic(), seq=seq,
    )


def frame_from_compressed(message: CompressedImage, seq: int = 0) -> Frame:
    """A frame that is decoded when its pixels are needed."""
    return Frame(
        sec=message.header.stamp.sec, nanosec=message.header.stamp.nanosec,
        frame_id=message.header.frame_id, width=0, height=0, encoding=COMPRESSED, step=0,
        is_bigendian=False, data=np.frombuffer(message.data, dtype=np.uint8),
        received_s=time.monotonic(), seq=seq,
    )


class ImageSource:
    """Subscribes to `image` (or `image/compressed`) and hands every frame to `sink`."""

    def __init__(
        self, node: Node, transport: str, sink: Callable[[Frame], None],
        report: Callable[[str], None], profile: Any = None,
    ) -> None:
        """report: told about QoS problems in plain words. profile: `qos.image_in()` by default."""
        self._node, self._sink = node, sink
        self._numbers = itertools.count(1)
        self._raw_works = True
        # A group of its own: images do not wait for others, and rclpy leaves a group blocked
        # whose entity is destroyed while ready.
        group = MutuallyExclusiveCallbackGroup()
        compressed = transport == 'compressed'
        topic = 'image/compressed' if compressed else 'image'
        self.subscription = node.create_subscription(
            CompressedImage if compressed else Image, topic,
            self._on_compressed if compressed else self._on_raw,
            profile or qos.image_in(), raw=not compressed, callback_group=group,
            event_callbacks=subscription_events(node.resolve_topic_name(topic), report),
            qos_overriding_options=qos.overridable(),
        )

    @property
    def topic(self) -> str:
        """The resolved name."""
        return self.subscription.topic_name

    def publishers(self) -> int:
        """How many publishers there are."""
        return self._node.count_publishers(self.topic)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self.subscription)

    def _on_raw(self, data: bytes) -> None:
        if self._raw_works:
            try:
                self._sink(parse_image(data, next(self._numbers)))
                return
            except LayoutError as error:
                self._raw_works = False
                self._node.get_logger().warning(
                    f'serialized image not laid out as expected ({error}); from now on it is '
                    'deserialized the normal, slower way'
                )
        try:
            message = deserialize_message(data, Image)
        except RuntimeError as error:
            self._node.get_logger().error(
                f'image refused, it cannot be deserialized: {error}', throttle_duration_sec=1.0
            )
            return
        self._sink(frame_from_image(message, next(self._numbers)))

    def _on_compressed(self, message: CompressedImage) -> None:
        self._sink(frame_from_compressed(message, next(self._numbers)))
