"""The publishers of the tracker node, and what goes out for each processed image."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.online import overlay
from siamla_ros.online.frame import Frame
from siamla_ros.online.image_formats import bridge
from siamla_ros.online.reinit_requests import ReinitRequests
from siamla_ros.online.settings import NodeSettings
from siamla_ros.online.targets import TargetOutput
from siamla_ros.ros import messages, qos
from siamla_ros.ros.qos import publisher_events
from siamla_ros.ros.rclpy_adapter import destroy_lifecycle_publisher
from siamla_ros.supervision.supervisor import Reason

ACK_WAIT_S = 0.3  # for subscribers to take the withdrawal of a request


class Outputs:
    """Publishes detection, detections, status, reinit_request and ~/debug_image."""

    def __init__(
        self, node: LifecycleNode, settings: NodeSettings, report: Callable[[str], None]
    ) -> None:
        """report: gets QoS problems as sentences."""
        self._node, self._report = node, report
        self.settings = settings
        # A group of its own: rclpy leaves a group blocked whose entity is destroyed while ready.
        self._group = MutuallyExclusiveCallbackGroup()
        self._detection = self._publisher(Detection2D, 'detection', qos.result())
        self._detections = self._publisher(Detection2DArray, 'detections', qos.result())
        self._status = self._publisher(TrackStatus, 'status', qos.result())
        # Not a lifecycle publisher: a request is withdrawn also while the node is inactive.
        self._request = node.create_publisher(
            ReinitRequest,
            'reinit_request',
            qos.request(),
            callback_group=self._group,
            event_callbacks=publisher_events(node.resolve_topic_name('reinit_request'), report),
            qos_overriding_options=qos.overridable(),
        )
        self._debug = self._publisher(Image, '~/debug_image', qos.image_out())
        self.requests = ReinitRequests()
        self._debug_due_s = 0.0
        self._trails = overlay.Trails()  # of debug images

    def _publisher(self, kind: type, topic: str, profile: object) -> object:
        resolved = self._node.resolve_topic_name(topic)
        return self._node.create_lifecycle_publisher(
            kind,
            topic,
            profile,
            callback_group=self._group,
            event_callbacks=publisher_events(resolved, self._report),
            qos_overriding_options=qos.overridable(),
        )

    def destroy(self) -> None:
        """Withdraw the requests for new boxes, and remove the publishers from the node."""
        if self._node.context.ok():
            self.requests.close_all()
            self.repeat_requests()
            self._request.wait_for_all_acked(Duration(seconds=ACK_WAIT_S))
        self._node.destroy_publisher(self._request)
        for publisher in (self._detection, self._detections, self._status, self._debug):
            destroy_lifecycle_publisher(self._node, publisher)

    def publish(self, frame: Frame, outputs: Sequence[TargetOutput]) -> float | None:
        """Everything about one processed image.

        Returns:
            Seconds from its stamp to now; None if ROS was shut down.
        """
        if not self._node.context.ok():
            return None
        header = messages.header_of(frame)
        confirmed = [
            messages.detection_message(
                header, output.box_xywh, output.confidence, output.id, output.label
            )
            for output in outputs
            if output.confirmed
        ]
        self._detections.publish(Detection2DArray(header=header, detections=confirmed))
        for detection in confirmed:
            self._detection.publish(detection)
        latency_s = (self._node.get_clock().now().nanoseconds - frame.stamp_ns) / 1e9
        self._publish_status(header, outputs or (None,), latency_s)
        self.requests.observe(outputs, header, time.monotonic())
        self.repeat_requests()
        self._publish_debug(frame, header, outputs, latency_s)
        return latency_s

    def publish_starved(self, frame: Frame, outputs: Sequence[TargetOutput]) -> None:
        """Status of every target when images stay away, under the header of the last image."""
        if not self._node.context.ok():
            return
        latency_s = (self._node.get_clock().now().nanoseconds - frame.stamp_ns) / 1e9
        self._publish_status(messages.header_of(frame), outputs, latency_s)

    def _publish_status(
        self, header: Header, outputs: Sequence[TargetOutput | None], latency_s: float
    ) -> None:
        for output in outputs:
            self._status.publish(
                messages.status_message(header, output, latency_s, self.settings.publish_predicted)
            )

    def repeat_requests(self) -> None:
        """Publish the requests for new boxes that are due."""
        if not self._node.context.ok():
            return
        period_s = self.settings.reinit_request_period_s
        for request in self.requests.due(time.monotonic(), period_s):
            self._request.publish(messages.request_message(request))

    def publish_cleared(self, ids: Sequence[str]) -> None:
        """Publish that targets were cleared; it belongs to no image."""
        for target_id in ids:
            self.requests.close(target_id)
            self._status.publish(TrackStatus(id=target_id, reason=int(Reason.CLEARED)))
        self.repeat_requests()

    def _publish_debug(
        self, frame: Frame, header: Header, outputs: Sequence[TargetOutput], latency_s: float
    ) -> None:
        now_s = time.monotonic()
        if now_s < self._debug_due_s or self._debug.get_subscription_count() == 0:
            return
        self._debug_due_s = now_s + 1.0 / self.settings.debug_max_rate_hz
        caption = f'{latency_s * 1e3:.0f} ms' if abs(latency_s) < 100.0 else ''
        image = frame.to_bgr()
        canvas = overlay.draw(
            image,
            overlay.marks_of(outputs),
            caption,
            self.settings.debug_max_width,
            trails=self._trails.add(outputs, (image.shape[1], image.shape[0])),
            insets=overlay.insets_of(outputs),
        )
        self._debug.publish(image_message(header, canvas))


def image_message(header: Header, image_bgr: np.ndarray, encoding: str = 'bgr8') -> Image:
    """An Image from an array of 8-bit channels; made by cv_bridge where there is one."""
    rows = np.ascontiguousarray(image_bgr)
    found = bridge()
    if found is not None:
        message = found.cv2_to_imgmsg(rows, encoding)
        message.header = header
        return message
    # an array('B') is taken over as it is; bytes would be checked one by one
    return Image(
        header=header,
        height=rows.shape[0],
        width=rows.shape[1],
        encoding=encoding,
        step=rows.strides[0],
        data=array('B', rows.tobytes()),
    )
