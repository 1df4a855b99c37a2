"""Publishes a video file, a folder of images or a webcam as if it were a camera.

ros2 run siamla_ros camera_node --ros-args -p source:=clip.mp4 -p wait_for_subscribers:=2
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from siamla_ros.datasets.video import FrameSource
from siamla_ros.online.parameters import Parameter
from siamla_ros.ros import qos
from siamla_ros.ros.outputs import image_message
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.running import run

DAY_S = 86_400.0
SLOWEST_HZ = 1.0 / DAY_S
PARAMETERS = (
    Parameter('source', '', 'video file, folder of images, or number of a webcam'),
    Parameter('rate', 0.0, "images a second; 0: the file's own", minimum=0.0, maximum=1e6),
    Parameter('loop', False, 'begin again at the end'),
    Parameter('max_frames', 0, 'end after so many images; 0: no limit', minimum=0),
    Parameter('frame_id', 'camera', 'frame_id of the header'),
    Parameter('encoding', 'bgr8', 'of the images', choices=('bgr8', 'rgb8', 'mono8')),
    Parameter('start_delay', 0.0, 'seconds before the first image', minimum=0.0, maximum=DAY_S),
    Parameter(
        'wait_for_subscribers', 0, 'subscribers to wait for before the first image', minimum=0
    ),
    Parameter('publish_camera_info', False, 'publish camera_info: focal length = width'),
    Parameter('linger', 1.0, 'seconds to stay after the last image', minimum=0.0, maximum=DAY_S),
)
_CODES = {'rgb8': cv2.COLOR_BGR2RGB, 'mono8': cv2.COLOR_BGR2GRAY}
POLL_S = 0.02


class CameraNode(Node):
    """Publishes `image` (and `camera_info`), stamped now; ends the process after the last image."""

    def __init__(self, **options: object) -> None:
        """Raises ValueError: a parameter is bad or the source cannot be read."""
        super().__init__('camera', **options)
        self._values = declare_once(self, PARAMETERS)
        rate_hz = self._values['rate']
        if 0.0 < rate_hz < SLOWEST_HZ:
            raise ValueError(f'rate is {rate_hz!r}, must be 0, or at least {SLOWEST_HZ:.2g}')
        self._source = FrameSource(self._values['source'])
        self._images = iter(self._source)
        self._publisher = self.create_publisher(
            Image, 'image', qos.image_out(), qos_overriding_options=qos.overridable()
        )
        self._info = (
            self.create_publisher(CameraInfo, 'camera_info', qos.image_out())
            if (self._values['publish_camera_info'])
            else None
        )
        self.published = self.exit_code = 0
        self.finished = False
        self._ready_s = time.monotonic() + self._values['start_delay']
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._next = next(self._images, None)
        if self._next is None:
            raise ValueError(
                f'source is {self._values["source"]!r}, it holds no image that can be read'
            )
        self._timer = self.create_timer(POLL_S, self._wait, clock=self._steady)

    @property
    def rate_hz(self) -> float:
        """Images a second."""
        return self._values['rate'] or self._source.rate_hz

    def _wait(self) -> None:
        """Until subscribers are there and the delay is over."""
        missing = self._values['wait_for_subscribers'] - self._publisher.get_subscription_count()
        if missing > 0 or time.monotonic() < self._ready_s:
            return
        self.destroy_timer(self._timer)
        self.get_logger().info(
            f'publishing {self._values["source"]} at {self.rate_hz:g} Hz on '
            f'{self._publisher.topic_name}'
        )
        self._timer = self.create_timer(1.0 / self.rate_hz, self._tick, clock=self._steady)

    def _tick(self) -> None:
        image = self._next
        if image is None:
            self._finish()
            return
        self._publish(image)
        limit = self._values['max_frames']
        self._next = None if limit and self.published >= limit else self._read()

    def _read(self) -> np.ndarray | None:
        """The next image, decoded ahead of its time; None at the end, or where the source fails."""
        try:
            image = next(self._images, None)
            if image is None and self._values['loop']:
                self._images = self._again()
                image = next(self._images, None)
        except ValueError as error:  # a camera that stopped, a folder whose files were replaced
            self.get_logger().error(str(error))
            self.exit_code = 1
            return None
        return image

    def _again(self) -> Iterator[np.ndarray]:
        self.get_logger().info('beginning again')
        return iter(self._source)

    def _publish(self, image_bgr: np.ndarray) -> None:
        encoding = self._values['encoding']
        code = _CODES.get(encoding)
        image = image_bgr if code is None else cv2.cvtColor(image_bgr, code)
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._values['frame_id'])
        self._publisher.publish(image_message(header, image, encoding))
        if self._info is not None:
            self._info.publish(camera_info(header, image.shape[1], image.shape[0]))
        self.published += 1

    def _finish(self) -> None:
        self.destroy_timer(self._timer)
        self.get_logger().info(f'end of the source: {self.published} images published')
        self._timer = self.create_timer(self._values['linger'], self._leave, clock=self._steady)

    def _leave(self) -> None:
        self.finished = True

    def close(self) -> None:
        """Log how much was published."""
        self._source.close()
        skipped = f', {self._source.missing} skipped' if self._source.missing else ''
        print(f'published {self.published} images{skipped}', flush=True)


def camera_info(header: Header, width: int, height: int) -> CameraInfo:
    """A pinhole without distortion whose focal length is the image width: a guess, marked by
    nothing better.
    """
    focal, cx, cy = float(width), width / 2.0, height / 2.0
    return CameraInfo(
        header=header,
        width=width,
        height=height,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def main(args: list[str] | None = None) -> int:
    """Run until the source ends or the node is interrupted."""
    return run(CameraNode, args)


if __name__ == '__main__':
    sys.exit(main())
