"""A detector that needs no weights: what moves before a camera that stands still, by background
subtraction; upright shapes are called by one name.

    python tools/demo detector --ros-args -p class_id:=person -p delay:=0.2

Subscribes `image`, publishes `candidates` (vision_msgs/Detection2DArray) with the image's header.
"""

import time

import cv2
import numpy as np
from rclpy.node import Node
from vision_msgs.msg import Detection2DArray

from siamla_ros.online.frame import Frame
from siamla_ros.online.parameters import Parameter
from siamla_ros.ros import qos
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import detection_message, header_of
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.running import run

PARAMETERS = (
    Parameter('class_id', 'person', 'what upright moving shapes are called'),
    Parameter(
        'delay', 0.0, 'seconds to take longer than needed, as a large network does', minimum=0.0
    ),
    Parameter('min_height', 40, 'of a shape, in pixels', minimum=1),
)
SHRINK = 2  # the work is done on images of half the side
TALL = (1.3, 5.0)  # height over width of what stands upright


class MotionDetector:
    """Boxes of upright moving shapes; sees images in order."""

    def __init__(self, min_height: int) -> None:
        self._min_height = min_height
        self._background = cv2.createBackgroundSubtractorMOG2(300, 30, detectShadows=True)
        self._grain = np.ones((2, 2), np.uint8)
        self._column = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 9))

    def detect(self, image_bgr: np.ndarray) -> list[tuple[tuple[float, ...], float]]:
        """(x, y, w, h) in pixels, and as score the share of the box that moves."""
        small = cv2.resize(
            image_bgr, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA
        )
        moving = (self._background.apply(small) == 255).astype(np.uint8)  # 127: a shadow
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, self._grain)
        moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, self._column)
        shapes, _ = cv2.findContours(moving, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found = []
        for x, y, w, h in map(cv2.boundingRect, shapes):
            if SHRINK * h >= self._min_height and TALL[0] * w <= h <= TALL[1] * w:
                share = float(moving[y : y + h, x : x + w].mean())
                found.append((tuple(float(SHRINK * value) for value in (x, y, w, h)), share))
        return found


class DetectorNode(Node):
    """See the module."""

    def __init__(self) -> None:
        super().__init__('detector')
        values = declare_once(self, PARAMETERS)
        self._class_id, self._delay_s = values['class_id'], values['delay']
        self._detector = MotionDetector(values['min_height'])
        self._publisher = self.create_publisher(Detection2DArray, 'candidates', qos.image_out())
        self._source = ImageSource(self, 'raw', self._on_image, self.get_logger().error)

    def _on_image(self, frame: Frame) -> None:
        found = self._detector.detect(frame.to_bgr())
        time.sleep(self._delay_s)
        header = header_of(frame)
        self._publisher.publish(
            Detection2DArray(
                header=header,
                detections=[
                    detection_message(header, box, score, '', self._class_id)
                    for box, score in found
                ],
            )
        )


def main(args: list[str]) -> int:
    """Run until interrupted."""
    return run(DetectorNode, args)
