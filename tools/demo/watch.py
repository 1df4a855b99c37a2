"""The demo's own node: it gives the box for the right image, and tells what comes back."""

import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_of, detection_message, stamp_ns_of
from siamla_ros.ros.raw_image import parse_image
from siamla_ros.supervision.supervisor import Reason, State

PRINT_PERIOD_S = 0.2  # thirty lines a second are not for reading


class Watcher(Node):
    """Sends the init box with the stamp of the image it belongs to, and prints.

    Args:
        box_xywh: Pixels, half-open.
        init_frame: How many images come before the one the box belongs to.
    """

    def __init__(
        self,
        namespace: str,
        box_xywh: tuple[float, float, float, float],
        init_frame: int,
        label: str,
    ) -> None:
        super().__init__('demo', namespace=namespace)
        self._box_xywh, self._init_frame, self._label = box_xywh, init_frame, label
        self._images = 0
        self._state = State.IDLE
        self._printed_s = 0.0
        self.tracker_values: dict[str, str] = {}
        self.latencies_s: list[float] = []
        self._init = self.create_publisher(Detection2D, 'init', qos.command())
        self._image_subscription = self.create_subscription(
            Image, 'image', self._on_image, qos.image_record(), raw=True
        )
        self.create_subscription(Detection2DArray, 'detections', self._on_detections, qos.result())
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        self.create_subscription(ReinitRequest, 'reinit_request', self._on_request, qos.request())
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)

    def graph_is_complete(self, subscribers: int) -> bool:
        """Whether that many subscribe to `image`, and the tracker listens and answers."""
        return (
            self.count_subscribers('image') >= subscribers
            and self._init.get_subscription_count() > 0
            and self.count_publishers('detections') > 0
        )

    def drop_images(self) -> None:
        """Stops receiving images once the box is out: to be called between callbacks."""
        if self._images > self._init_frame and self._image_subscription is not None:
            self.destroy_subscription(self._image_subscription)
            self._image_subscription = None

    def _on_image(self, data: bytes) -> None:
        if self._images == self._init_frame:
            image = parse_image(data)
            self._send_box(Time(sec=image.sec, nanosec=image.nanosec))
        self._images += 1

    def _send_box(self, stamp: Time) -> None:
        self._init.publish(
            detection_message(Header(stamp=stamp), self._box_xywh, 1.0, 'target', self._label)
        )
        x, y, w, h = self._box_xywh
        _say(f'init box x={x:g} y={y:g} w={w:g} h={h:g} sent, for image {self._init_frame}')

    def _on_detections(self, array: Detection2DArray) -> None:
        now_s = time.time()
        latency_s = now_s - 1e-9 * stamp_ns_of(array.header.stamp)
        if array.detections:
            self.latencies_s.append(latency_s)
        if now_s - self._printed_s < PRINT_PERIOD_S:
            return
        for detection in array.detections:
            self._printed_s = now_s
            x, y, w, h = box_of(detection.bbox)
            score = detection.results[0].hypothesis.score
            _say(
                f'{detection.id}  x={x:6.1f} y={y:6.1f} w={w:5.1f} h={h:5.1f}  '
                f'confidence {score:.2f}  {1e3 * latency_s:5.1f} ms after its image'
            )

    def _on_status(self, status: TrackStatus) -> None:
        if status.id and status.state != self._state:
            self._state = State(status.state)
            _say(
                f'{status.id} is {self._state.name} because of {Reason(status.reason).name}, '
                f'confidence {status.confidence:.2f}'
            )

    def _on_request(self, request: ReinitRequest) -> None:
        if request.attempt == 0 and not request.closed:
            _say(f'{request.id} is lost: a new box for it is welcome on init')

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        for status in array.status:
            values = {pair.key: pair.value for pair in status.values}
            if status.name.startswith(self.get_namespace().lstrip('/')) and 'processed' in values:
                self.tracker_values = values


def _say(text: str) -> None:
    print(text, flush=True)
