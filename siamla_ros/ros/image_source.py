"""The image subscription: raw CDR where possible, normal messages where not, compressed ones on
request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from siamla_ros.online.frame import Frame
from siamla_ros.ros import qos
from siamla_ros.ros.qos import subscription_events
from siamla_ros.ros.raw_image import LayoutError, parse_image
from siamla_ros.ros.rclpy_adapter import take_waiting

MOST_WAITING = 100  # images taken at once from a queue without a limit
UNNUMBERED = 2**64 - 1  # what the middleware gives where it does not number messages


class SequenceGapCounter:
    """Counts messages that never reached the callback, by the numbers that their publisher gave.

    Free of ROS; one publisher at a time: where there are several their numbers mean nothing.
    """

    LONGEST = 10_000  # a longer gap is another publisher, not a loss

    def __init__(self) -> None:
        self.missed = 0
        self._last = 0

    def update(self, number: int, alone: bool) -> None:
        """A message arrived. alone: there is no other publisher."""
        gap = number - self._last - 1
        if alone and self._last and 0 < gap <= self.LONGEST:
            self.missed += gap
        self._last = number if alone else 0


class ImageSource:
    """Subscribes to `image` (or `image/compressed`) and hands every frame to `sink`."""

    def __init__(
        self,
        node: Node,
        transport: str,
        sink: Callable[[Frame], None],
        report: Callable[[str], None],
        profile: Any = None,
        numbers: Iterator[int] | None = None,
        reject: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """
        Args:
            node: Subscribes.
            transport: `raw` or `compressed`.
            sink: Gets the frames.
            report: Gets QoS problems as sentences.
            profile: `qos.image_in()` by default.
            numbers: Of the frames; by default from 1 on.
            reject: Gets the reason why an image that came cannot be deserialized.
        """
        self._reject = reject
        self._node, self._sink = node, sink
        self._numbers = count(1) if numbers is None else numbers
        self._raw_works = True
        self._gaps = SequenceGapCounter()
        self._publishers, self._counted_s = 0, float('-inf')
        self._lost = 0
        # A group of its own: images do not wait for others, and rclpy leaves a group blocked
        # whose entity is destroyed while ready.
        group = MutuallyExclusiveCallbackGroup()
        compressed = self._compressed = transport == 'compressed'
        topic = 'image/compressed' if compressed else 'image'
        self.subscription = node.create_subscription(
            CompressedImage if compressed else Image,
            topic,
            self._on_message,
            profile or qos.image_in(),
            raw=not compressed,
            callback_group=group,
            event_callbacks=subscription_events(
                node.resolve_topic_name(topic), report, self._on_lost
            ),
            qos_overriding_options=qos.overridable(),
        )

    @property
    def topic(self) -> str:
        """The resolved name."""
        return self.subscription.topic_name

    @property
    def lost_in_transport(self) -> int:
        """Those of `missed` that transport lost."""
        return min(self._lost, self.missed)

    def publisher_names(self) -> list[str]:
        """Nodes that publish the topic, one entry a publisher."""
        infos = self._node.get_publishers_info_by_topic(self.topic)
        return sorted(f'{i.node_namespace.rstrip("/")}/{i.node_name}' for i in infos)

    def publishers(self) -> int:
        """How many publishers there are."""
        return self._node.count_publishers(self.topic)

    @property
    def missed(self) -> int:
        """Images that were published but never came to a callback: lost in transport, or replaced
        by a newer one before this process had the time to take them. 0 where ROS does not number
        messages (Humble), or several publish.
        """
        return self._gaps.missed

    def _on_lost(self, total: int) -> None:
        self._lost = total

    def _number(self, info: Any) -> None:
        """Note the number that the publisher gave a message; the graph is queried once a
        second.
        """
        number = (
            info.get('publication_sequence_number')
            if isinstance(info, dict)
            else getattr(info, 'publication_sequence_number', None)
        )
        if not number or number >= UNNUMBERED:
            return
        now_s = time.monotonic()
        if now_s - self._counted_s > 1.0:
            self._publishers, self._counted_s = self.publishers(), now_s
        self._gaps.update(number, self._publishers <= 1)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self.subscription)

    def _on_message(self, message: Any, info: Any) -> None:
        """One image, and all others that wait where the queue is deeper than 1: the last of them is
        worked on, the others are only kept for init boxes of the past. Taken one by one by the
        executor they would be as many steps behind the camera.
        """
        frames = []
        for data, about in [(message, info), *self._waiting()]:
            self._number(about)
            frame = self._frame(data)
            if frame is not None:
                frames.append(frame)
        for frame in frames:
            self._sink(frame)

    def _waiting(self) -> Iterator[tuple[Any, Any]]:
        """What waits behind an image that was taken, at most a queue full: on a busy machine the
        next image is there before this one is copied, and there would be no end.
        """
        subscription = getattr(self, 'subscription', None)  # none yet while it is being made
        if subscription is None:
            return iter(())
        profile = subscription.qos_profile
        last = profile.history is HistoryPolicy.KEEP_LAST
        most = max(profile.depth - 1, 0) if last else MOST_WAITING  # 0: the middleware chooses
        return islice(take_waiting(subscription), most)

    def _frame(self, data: Any) -> Frame | None:
        """None if it cannot be deserialized, which is reported."""
        seq = next(self._numbers)
        if self._compressed:
            return Frame.of(data, seq)
        reason = ''
        if self._raw_works:
            try:
                return parse_image(data, seq)
            except LayoutError as error:
                reason = str(error)
        try:
            message = deserialize_message(data, Image)
        except RuntimeError as error:
            text = f'it cannot be deserialized: {error}'
            self._node.get_logger().error(f'image refused, {text}', throttle_duration_sec=1.0)
            self._reject(text)
            return None
        if self._raw_works:
            self._raw_works = False
            self._node.get_logger().warning(
                f'serialized image not laid out as expected ({reason}); from now on it is '
                'deserialized the normal, slower way'
            )
        return Frame.of(message, seq)
