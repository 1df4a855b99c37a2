"""Shows a film to the tracker as a camera would, names the target, and notes what happens."""

import time
from collections import OrderedDict

import numpy as np
from film import Film, decoys
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from verdict import Record
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_of, detection_message, stamp_ns_of
from siamla_ros.ros.outputs import image_message
from siamla_ros.supervision.supervisor import Reason, State

TARGET_ID = 'target'
AGAIN = 8  # images from a box that was not answered to the next one
DETECTOR_LAG = 3  # images by which the detector that knows the truth comes late


class Director(Node):
    """Publishes image and init; with `knows_truth` also candidates, as a detector would that finds
    the target 3 images late and a few pixels off, and takes other things for it.
    """

    def __init__(self, namespace: str, film: Film, rate_hz: float, knows_truth: bool) -> None:
        super().__init__('director', namespace=namespace)
        self.film, self.record = film, Record()
        self.shown = -1
        self._stamps: OrderedDict[int, int] = OrderedDict()
        self._headers: list[Header] = []
        self._period_s, self._timer = 1.0 / rate_hz, None
        self._noise = np.random.default_rng(5)
        self._images = self.create_publisher(Image, 'image', qos.image_out())
        self._init = self.create_publisher(Detection2D, 'init', qos.command())
        self._candidates = (
            self.create_publisher(Detection2DArray, 'candidates', qos.image_out())
            if knows_truth
            else None
        )
        for kind, topic, callback, profile in (
            (Detection2DArray, 'detections', self._on_detections, qos.result()),
            (TrackStatus, 'status', self._on_status, qos.result()),
            (ReinitRequest, 'reinit_request', self._on_request, qos.request()),
            (Detection2D, 'init', self._on_init, qos.command()),
            (Detection2DArray, 'candidates', self._on_candidates, qos.image_out()),
        ):
            self.create_subscription(kind, topic, callback, profile)

    def graph_is_complete(self, viewers: int, bridge: bool) -> bool:
        """Whether so many look at `image`, the tracker listens, and the bridge, if there is one.

        The director itself publishes and subscribes init, and subscribes reinit_request.
        """
        return (
            self.count_subscribers('image') >= viewers
            and self.count_publishers('detections') > 0
            and self.count_publishers('candidates') > 0
            and self.count_subscribers('init') >= 2
            and self.count_subscribers('reinit_request') >= 1 + bridge
            and self.count_publishers('init') >= 1 + bridge
        )

    def begin(self) -> None:
        """Starts to show the film."""
        self._timer = self.create_timer(self._period_s, self._show)

    @property
    def finished(self) -> bool:
        """Whether the last image is out."""
        return self.shown + 1 >= len(self.film.images)

    def _show(self) -> None:
        if self.finished:
            self.destroy_timer(self._timer)
            return
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id='film')
        self._stamps[stamp_ns_of(header.stamp)] = self.shown + 1
        self._headers.append(header)
        self._images.publish(image_message(header, self.film.images[self.shown + 1]))
        self.shown += 1
        since = self.shown - self.film.init_index
        if since >= 0 and since % AGAIN == 0 and not self.record.states:
            box = self.film.truth_xywh[self.shown]
            if box is not None:  # the image of an earlier one got lost
                self._init.publish(detection_message(header, box, 1.0, TARGET_ID, self.film.label))
        if self._candidates is not None and self.shown >= DETECTOR_LAG:
            self._detect(self.shown - DETECTOR_LAG)

    def _detect(self, index: int) -> None:
        """What the detector that knows the truth says of an image of before."""
        boxes = list(decoys())
        if self.film.truth_xywh[index] is not None:
            boxes.append(self.film.truth_xywh[index])
        self._candidates.publish(
            Detection2DArray(
                header=self._headers[index],
                detections=[
                    detection_message(
                        self._headers[index], self._blurred(box), 0.8, '', self.film.label
                    )
                    for box in boxes
                ],
            )
        )

    def _blurred(self, box: tuple) -> tuple:
        return tuple(float(value + self._noise.normal(0.0, 1.0)) for value in box)

    def _image_of(self, header: Header) -> int | None:
        return self._stamps.get(stamp_ns_of(header.stamp))

    def _on_detections(self, array: Detection2DArray) -> None:
        image = self._image_of(array.header)
        for detection in array.detections if image is not None else ():
            self.record.confirmed.append((image, detection.id, box_of(detection.bbox)))

    def _on_status(self, status: TrackStatus) -> None:
        image = self._image_of(status.header)
        if status.id != TARGET_ID or image is None:
            return
        told = (State(status.state).name, Reason(status.reason).name)
        before = self.record.states[-1][1:] if self.record.states else None
        self.record.states.append((image, *told))
        if before is None or before[0] != told[0]:
            _say(image, f'{told[0]} because of {told[1]}, confidence {status.confidence:.2f}')

    def _on_request(self, request: ReinitRequest) -> None:
        image = self._image_of(request.header)
        if request.closed or image is None:  # None: of another demo in this domain
            return
        self.record.requests.append((image, self.shown, request.attempt))
        if request.attempt == 0:
            _say(self.shown, 'a new box is asked for')

    def _on_init(self, detection: Detection2D) -> None:
        image, box = self._image_of(detection.header), box_of(detection.bbox)
        if image is None:
            return
        self.record.answers.append((image, self.shown, detection.id, box))
        text = ', '.join(f'{value:.0f}' for value in box)
        _say(self.shown, f'init box {text} of image {image} for {detection.id!r}')

    def _on_candidates(self, array: Detection2DArray) -> None:
        image = self._image_of(array.header)
        if image is not None:
            self.record.offered.append((image, [box_of(item.bbox) for item in array.detections]))


def _say(image: int, text: str) -> None:
    print(f'{time.strftime("%H:%M:%S")}  image {image:3d}  {text}', flush=True)
