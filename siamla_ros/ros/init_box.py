"""Publishes one init box from the command line.

    ros2 run siamla_ros init_box 310,120,60,140 --id walker --label person
    ros2 run siamla_ros init_box 310,120,60,140 --next-image      # the box belongs to the next
    image seen here
    ros2 run siamla_ros init_box 310,120,60,140 --service /tracker/init_target     # with an answer
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import rclpy
from builtin_interfaces.msg import Time
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D

from siamla_ros.ros import qos
from siamla_ros.ros.inits import InitCode
from siamla_ros.ros.messages import detection_message
from siamla_ros.ros.raw_image import LayoutError, parse_image
from siamla_ros.ros.running import ros_session
from siamla_ros.srv import InitTarget

SETTLE_S = 0.3  # a reliable message needs a moment to leave the process
SERVICE_WAIT_S = 60.0


def parse_box(text: str) -> tuple[float, float, float, float]:
    """x,y,w,h as four floats; whether the box makes sense is the tracker's to say."""
    parts = text.split(',')
    try:
        x, y, w, h = (float(part) for part in parts)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f'box is {text!r}, must be four numbers x,y,w,h'
        ) from error
    return x, y, w, h


class InitBox(Node):
    """Waits for whom it talks to, then says it once."""

    def __init__(self) -> None:
        super().__init__('init_box')
        self._stamps: list[Time] = []

    def wait_for(self, what: str, ready: Callable[[], object], timeout_s: float) -> None:
        """Spin until `ready()` is true.

        :raises TimeoutError: it was not, for that long
        """
        end_s = time.monotonic() + timeout_s
        while not ready():
            if not self.context.ok():
                raise KeyboardInterrupt
            if time.monotonic() > end_s:
                raise TimeoutError(f'{what} within {timeout_s:g} s')
            rclpy.spin_once(self, timeout_sec=0.05)

    def watch_images(self) -> None:
        """Begin to note the stamps of images."""
        self.create_subscription(Image, 'image', self._on_image, qos.image_record(), raw=True)

    def _on_image(self, data: bytes) -> None:
        try:
            frame = parse_image(data)
        except LayoutError as error:
            self.get_logger().warning(f'image not understood: {error}')
            return
        self._stamps.append(Time(sec=frame.sec, nanosec=frame.nanosec))

    def next_stamp(self, timeout_s: float) -> Time:
        """The stamp of the first image that arrives."""
        self.wait_for('no image arrived', lambda: self._stamps, timeout_s)
        return self._stamps[0]

    def publish(self, detection: Detection2D, stamp: Callable[[], Time], timeout_s: float) -> None:
        """Once on `init`, when somebody listens."""
        publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self.wait_for(
            f'nobody subscribed to {publisher.topic_name}',
            lambda: publisher.get_subscription_count() > 0, timeout_s,
        )
        detection.header.stamp = stamp()
        publisher.publish(detection)
        end_s = time.monotonic() + SETTLE_S
        while time.monotonic() < end_s:
            rclpy.spin_once(self, timeout_sec=0.05)

    def call(
        self, name: str, detection: Detection2D, stamp: Callable[[], Time], timeout_s: float
    ) -> InitTarget.Response:
        """Through the service; waits for the answer, and for a node that is not active yet."""
        client = self.create_client(InitTarget, name)
        self.wait_for(f'no service {name}', client.service_is_ready, timeout_s)
        end_s = time.monotonic() + timeout_s
        while True:
            answer = self._ask(client, detection, stamp)
            if answer.code != InitCode.NOT_ACTIVE or time.monotonic() > end_s:
                return answer
            time.sleep(SETTLE_S)
            self._stamps.clear()

    def _ask(
        self, client: Client, detection: Detection2D, stamp: Callable[[], Time]
    ) -> InitTarget.Response:
        detection.header.stamp = stamp()
        future = client.call_async(InitTarget.Request(detection=detection))
        self.wait_for(f'no answer from {client.srv_name}', future.done, SERVICE_WAIT_S)
        return future.result()


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('box', type=parse_box, help='x,y,w,h in pixels, left top width height')
    parser.add_argument('--id', default='', help='of the target; empty: the tracker chooses')
    parser.add_argument('--label', default='', help='class_id of the target')
    parser.add_argument('--next-image', action='store_true', help='stamp of the next image seen')
    parser.add_argument('--service', default='', help='call this service instead of publishing')
    parser.add_argument('--timeout', type=float, default=30.0, help='seconds to wait for others')
    return parser.parse_args(argv)


def _send(options: argparse.Namespace) -> int:
    node = InitBox()
    if options.next_image:
        node.watch_images()

    def stamp() -> Time:
        return node.next_stamp(options.timeout) if options.next_image else Time()

    detection = detection_message(Header(), options.box, 1.0, options.id, options.label)
    if not options.service:
        node.publish(detection, stamp, options.timeout)
        print('init box published', flush=True)
        return 0
    answer = node.call(options.service, detection, stamp, options.timeout)
    verdict = 'accepted' if answer.accepted else f'refused, {InitCode(answer.code).name}'
    print(f'{verdict}: {answer.message}', flush=True)
    return 0 if answer.accepted else 1


def main(args: list[str] | None = None) -> int:
    """Exit code 0 if published or accepted, 1 if refused or if nobody was there."""
    argv = remove_ros_args(args if args is not None else sys.argv)
    options = _options(argv[1:])
    try:
        with ros_session(args):
            return _send(options)
    except TimeoutError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130


if __name__ == '__main__':
    sys.exit(main())
