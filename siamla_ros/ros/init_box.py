"""Gives the tracker one init box from the command line.

    ros2 run siamla_ros init_box 310,120,60,140 --id walker --label person
    ros2 run siamla_ros init_box 310,120,60,140 --next-image      # for one image, and confirmed
    ros2 run siamla_ros init_box 310,120,60,140 --service /tracker/init_target     # with an answer

With `--next-image` the box belongs to the next image that `status` reports, not to one that was
received here: the tracker may have missed that one, and would refuse its stamp.

* The topic `init` has no answer. With `--next-image`, `status` is watched until the target has
  started; if it does not, that is reported, and the log of the tracker names the reason. Without
  it nothing is known beyond "published".
* `--service` gets the reason of a refusal. Where another image or another moment may do (the node
  is not active yet, it has no image, it does not have that one), the call is repeated until
  `--timeout`.
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
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.online.init_requests import DEFAULT_ID, InitCode
from siamla_ros.ros import qos
from siamla_ros.ros.messages import detection_message, stamp_ns_of
from siamla_ros.ros.running import RosArgumentsError, own_arguments, ros_session
from siamla_ros.srv import InitTarget

SETTLE_S = 0.3  # a reliable message needs a moment to leave the process
SERVICE_WAIT_S = 60.0
ALONE = ' (does the tracker run, with this namespace and ROS_DOMAIN_ID?)'
CONFIRM_S = 10.0  # in which a box that was published must show on `status`
AGAIN = (
    InitCode.NOT_ACTIVE,
    InitCode.NO_IMAGE,
    InitCode.STAMP_UNKNOWN,
    InitCode.STAMP_TOO_OLD,
)  # refusals that the next image may not meet

STARTS = (TrackStatus.REASON_INIT, TrackStatus.REASON_REINITIALIZED)

Stamp = Callable[[], Time]


def parse_box(text: str) -> tuple[float, float, float, float]:
    """x,y,w,h as four floats; the tracker decides whether it can be followed."""
    parts = text.split(',')
    try:
        x, y, w, h = (float(part) for part in parts)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f'box is {text!r}, must be four numbers x,y,w,h'
        ) from error
    return x, y, w, h


def has_begun(before: TrackStatus | None, now: TrackStatus) -> bool:
    """Whether a target was started between two of its statuses; before: None if there is none."""
    if before is None:
        return True
    went_on = before.reason == now.reason and now.frames_in_state > before.frames_in_state
    return now.reason in STARTS and not went_on


class InitBox(Node):
    """Waits for the tracker, sends the box, and watches `status` until the target has started."""

    def __init__(self, **options: object) -> None:
        super().__init__('init_box', **options)
        self._statuses: list[TrackStatus] = []
        self._known: dict[str, TrackStatus] = {}  # by id, from before a stamp was taken
        self._status_topic = ''

    def wait_for(self, what: str, ready: Callable[[], object], timeout_s: float) -> None:
        """Spin until `ready()` is true.

        Raises:
            TimeoutError: It was not, for that long.
        """
        end_s = time.monotonic() + timeout_s
        while not ready():
            if not self.context.ok():
                raise KeyboardInterrupt
            if time.monotonic() > end_s:
                raise TimeoutError(f'{what} within {timeout_s:g} s')
            rclpy.spin_once(self, timeout_sec=0.05)

    def _spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            rclpy.spin_once(self, timeout_sec=0.05)

    def watch_status(self) -> None:
        """Begin to note the statuses of the tracker."""
        topic = self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        self._status_topic = topic.topic_name

    def _on_status(self, status: TrackStatus) -> None:
        if stamp_ns_of(status.header.stamp):  # else it belongs to no image
            self._statuses.append(status)

    def next_stamp(self, timeout_s: float) -> Time:
        """The stamp of the next image that `status` reports.

        Raises:
            TimeoutError: It did not, for that long.
        """
        print(f'waiting for the next image that {self._status_topic} speaks of', flush=True)
        self._known.update((status.id, status) for status in self._statuses)
        self._statuses.clear()
        self.wait_for(
            f'{self._status_topic} spoke of no image{ALONE}', lambda: self._statuses, timeout_s
        )
        return self._statuses[0].header.stamp

    def publish(self, detection: Detection2D, stamp: Stamp, timeout_s: float) -> None:
        """Once on `init`, when it has a subscriber."""
        publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self.wait_for(
            f'nobody subscribed to {publisher.topic_name}{ALONE}',
            lambda: publisher.get_subscription_count() > 0,
            timeout_s,
        )
        detection.header.stamp = stamp()
        publisher.publish(detection)
        self._spin(SETTLE_S)

    def confirm(self, detection: Detection2D, timeout_s: float) -> None:
        """Wait until `status` shows that the target of a published box has begun.

        Raises:
            TimeoutError: It does not: refused, or uncertain at once.
        """
        target_id, sent_ns = detection.id or DEFAULT_ID, stamp_ns_of(detection.header.stamp)
        before = self._known.get(target_id)

        def begun() -> bool:
            nonlocal before
            while self._statuses:
                status = self._statuses.pop(0)
                if status.id != target_id or status.state == TrackStatus.IDLE:
                    continue
                if stamp_ns_of(status.header.stamp) > sent_ns and has_begun(before, status):
                    return True
                before = status
            return False

        self.wait_for(
            f'{self._status_topic} did not show target {target_id!r} begin (refused? '
            'the log of the tracker names the reason, and so does --service)',
            begun,
            timeout_s,
        )

    def call(
        self, name: str, detection: Detection2D, stamp: Stamp, timeout_s: float
    ) -> InitTarget.Response:
        """Through the service: the last answer; calls again where that may help."""
        client = self.create_client(InitTarget, name)
        self.wait_for(f'no service {name}{ALONE}', client.service_is_ready, timeout_s)
        end_s = time.monotonic() + timeout_s
        while True:
            answer = self._call_once(client, detection, stamp)
            if answer.code not in AGAIN or time.monotonic() > end_s:
                return answer
            print(f'asking again: {InitCode(answer.code).name}: {answer.message}', flush=True)
            self._spin(SETTLE_S)

    def _call_once(
        self, client: Client, detection: Detection2D, stamp: Stamp
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
    parser.add_argument(
        '--next-image',
        action='store_true',
        help='stamp of the next image that the tracker speaks of',
    )
    parser.add_argument('--service', default='', help='call this service instead of publishing')
    parser.add_argument('--timeout', type=float, default=30.0, help='seconds to wait for others')
    return parser.parse_args(argv)


def send(node: InitBox, options: argparse.Namespace) -> int:
    """Exit code 0: accepted, begun, or, on the topic without `--next-image`, published.

    Raises:
        TimeoutError: No tracker answered, or the target did not begin.
    """
    if options.next_image:
        node.watch_status()

    def stamp() -> Time:
        return node.next_stamp(options.timeout) if options.next_image else Time()

    detection = detection_message(Header(), options.box, 1.0, options.id, options.label)
    if options.service:
        answer = node.call(options.service, detection, stamp, options.timeout)
        decision = 'accepted' if answer.accepted else f'refused, {InitCode(answer.code).name}'
        print(f'{decision}: {answer.message}', flush=True)
        return 0 if answer.accepted else 1
    node.publish(detection, stamp, options.timeout)
    print('init box published', flush=True)
    if options.next_image:
        node.confirm(detection, min(options.timeout, CONFIRM_S))
        print(f'target {options.id or DEFAULT_ID!r} has begun', flush=True)
    return 0


def main(args: list[str] | None = None) -> int:
    """Exit code 0 as of `send`; 1 if refused, if no tracker answered, or if the target did not
    begin.
    """
    try:
        argv = own_arguments(args if args is not None else sys.argv)
        options = _options(argv[1:])
        with ros_session(args):
            return send(InitBox(), options)
    except (TimeoutError, RosArgumentsError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130


if __name__ == '__main__':
    sys.exit(main())
