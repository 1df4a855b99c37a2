"""An operator's way to give a box: a web page that shows the camera and takes a box by mouse.

    python3 -m siamla_ros.ros.operator_page_node      # then open http://localhost:8080

The image stands still while the box is drawn; the box goes to the tracker with that image's stamp,
and the tracker catches up from there. Its answer, accepted or refused, is shown on the page.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

import cv2
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.online.frame import Frame
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.operator_page import MAX_TARGETS, DrawnBox, Picture, make_server
from siamla_ros.online.operator_view import SharedPicture, encode_picture, target_entry
from siamla_ros.online.parameters import Parameter
from siamla_ros.ros import qos
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import detection_message, sample_of, stamp_ns_of, time_message
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.running import run
from siamla_ros.srv import ClearTarget, InitTarget
from siamla_ros.supervision.supervisor import State

PARAMETERS = (
    Parameter('host', '127.0.0.1', 'address to listen on; 0.0.0.0: every network'),
    Parameter('port', 8080, 'port to listen on; 0: a free one', minimum=0),
    Parameter('quality', 80, 'of the JPEG, 1 to 100', minimum=1),
    Parameter('image_transport', 'raw', 'how images come', choices=('raw', 'compressed')),
    Parameter('tracker', 'tracker', 'name of the tracker node, whose services are used'),
    Parameter('allowed_hosts', '', 'names of this machine in a browser, comma-separated'),
)
# An image that the tracker has spoken of is shown rather than a newer one: the boxes fit it, and
# the tracker, which may have missed the newer one, is sure to know it.
FRAMES = 30
PATIENCE_S = 1.5
SILENCE_S = 5.0  # between the last status and an image
ANSWER_S = 10.0
PICTURE_PERIOD_S = 0.06  # the page asks as often; a second viewer costs no second picture
MAX_ANSWER = 500  # characters of of the answer of a service
THRESHOLDS = ('supervisor.low_threshold', 'supervisor.high_threshold')
THRESHOLD_PERIOD_S = 2.0


class TrackerThresholds:
    """The thresholds of a running tracker node, read now and then: they are its parameters.

    Keeps `values`: confidences in [0, 1]; empty while the tracker does not answer.

    Args:
        node: whose executor receives the answers.
        tracker: name of the tracker node, relative to the node's namespace.
    """

    def __init__(self, node: Node, tracker: str) -> None:
        self.values: tuple[float, ...] = ()
        self._client = node.create_client(GetParameters, f'{tracker}/get_parameters')
        self._requested: Any = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(THRESHOLD_PERIOD_S, self._request, clock=steady)

    def _request(self) -> None:
        if self._requested is not None and not self._requested.done():
            self._client.remove_pending_request(self._requested)  # the tracker went away meanwhile
            self._requested, self.values = None, ()
        if not self._client.service_is_ready():
            self.values = ()
            return
        self._requested = self._client.call_async(GetParameters.Request(names=THRESHOLDS))
        self._requested.add_done_callback(self._take)

    def _take(self, future: Any) -> None:
        answer = future.result()
        values = answer.values if answer is not None else ()
        if all(value.type == ParameterType.PARAMETER_DOUBLE for value in values):
            self.values = tuple(sorted(value.double_value for value in values))


class OperatorPageNode(Node):
    """Subscribes image and status; calls the tracker's services, or publishes init without them."""

    def __init__(self, **options: object) -> None:
        """Raises ValueError: a parameter is bad, or the port is taken."""
        super().__init__('operator_page', **options)
        values = declare_once(self, PARAMETERS)
        self._quality = min(values['quality'], 100)
        self._frames: deque[Frame] = deque(maxlen=FRAMES)
        self._status: dict[str, TrackStatus] = {}
        self._shared = SharedPicture(self._picture, PICTURE_PERIOD_S)
        self._told_ns, self._told_s = 0, 0.0
        self._publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self._init = self.create_client(InitTarget, f'{values["tracker"]}/init_target')
        self._clear = self.create_client(Trigger, f'{values["tracker"]}/clear')
        self._clear_one = self.create_client(ClearTarget, f'{values["tracker"]}/clear_target')
        self._thresholds = TrackerThresholds(self, values['tracker'])
        self._source = ImageSource(
            self, values['image_transport'], self._frames.append, self.get_logger().error
        )
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        try:
            names = [name.strip() for name in values['allowed_hosts'].split(',')]
            self._server = make_server(values['host'], values['port'], self, names)
        except (OSError, OverflowError) as error:
            raise ValueError(
                f'host is {values["host"]!r}, port is {values["port"]}: {error}'
            ) from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.get_logger().info(f'open http://{values["host"]}:{self.port}')

    def _on_status(self, status: TrackStatus) -> None:
        """Keep the status of a target, as far as it can be shown: any node may publish it."""
        others = {name: other for name, other in self._status.items() if name != status.id}
        if status.id and status.state != TrackStatus.IDLE:
            try:
                sample_of(status)
            except ValueError as error:
                self.get_logger().error(f'refused: {error}', throttle_duration_sec=1.0)
                return
            self._status = dict([*others.items(), (status.id, status)][-MAX_TARGETS:])
        else:
            self._status = others if status.id else {}
        self._told_ns, self._told_s = stamp_ns_of(status.header.stamp), time.monotonic()

    def picture(self) -> Picture | str:
        """The newest image that the tracker has spoken of, with its boxes, or the newest one."""
        return self._shared.get()

    def _picture(self) -> Picture | str:
        frame = self._frame()
        if frame is None:
            publishers = self._source.publishers()
            return f'waiting for images on {self._source.topic}: ' + (
                'nobody publishes it yet'
                if not publishers
                else 'it has a publisher, but no image '
                'arrived; are they large, and is the DDS profile set on both sides?'
            )
        # Images go on and the status does not: the tracker has ended, and its boxes are no more.
        ended = frame.received_s - self._told_s > SILENCE_S
        statuses = () if ended else tuple(self._status.values())
        marks = [mark for status in statuses for mark in sample_of(status).marks()]
        try:
            jpeg = encode_picture(
                frame.to_bgr(), marks, self._quality, thresholds=self._thresholds.values
            )
        except (ImageError, cv2.error) as error:
            self.get_logger().error(f'image refused: {error}', throttle_duration_sec=1.0)
            return f'the image cannot be shown: {error}'
        return Picture(
            jpeg,
            frame.stamp_ns,
            time.monotonic() - frame.received_s,
            tuple(_entry(status) for status in statuses),
            self._thresholds.values,
        )

    def _frame(self) -> Frame | None:
        frames, told_ns = list(self._frames), self._told_ns
        if not frames:
            return None
        newest = frames[-1]
        return next(
            (
                frame
                for frame in frames
                if frame.stamp_ns == told_ns and newest.received_s - frame.received_s < PATIENCE_S
            ),
            newest,
        )

    def on_box(self, drawn: DrawnBox) -> tuple[bool, str]:
        """Give the box to the tracker; its answer, if it has the service for that."""
        header = Header(stamp=time_message(drawn.stamp_ns))
        detection = detection_message(header, drawn.box_xywh, 1.0, drawn.id, drawn.label)
        x, y, w, h = drawn.box_xywh
        text = f'box {x:.0f},{y:.0f},{w:.0f},{h:.0f} as {drawn.id or "target"}'
        if self._init.service_is_ready():
            answer = self._call(self._init, InitTarget.Request(detection=detection))
            if answer is None:
                return False, f'{text}: the tracker did not answer within {ANSWER_S:g} s'
            words = 'accepted' if answer.accepted else 'refused'
            text = f'{text}: {words}, {answer.message[:MAX_ANSWER]}'
            self.get_logger().info(text)
            return answer.accepted, text
        self._publisher.publish(detection)
        self.get_logger().info(f'sent {text}')
        if self._publisher.get_subscription_count() == 0:
            return False, f'nobody listens on {self._publisher.topic_name}: is the tracker running?'
        return True, f'sent {text}'

    def on_clear(self, target_id: str) -> tuple[bool, str]:
        """Forget one target, all of them for ''."""
        client = self._clear_one if target_id else self._clear
        if not client.service_is_ready():
            return False, f'there is no service {client.srv_name}: is the tracker running?'
        request = ClearTarget.Request(id=target_id) if target_id else Trigger.Request()
        answer = self._call(client, request)
        if answer is None:
            return False, f'the tracker did not answer within {ANSWER_S:g} s'
        return answer.success, answer.message[:MAX_ANSWER]

    @staticmethod
    def _call(client: Any, request: Any) -> Any:
        """A service called on a thread of the server, while the executor runs on another."""
        done, future = threading.Event(), client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if done.wait(ANSWER_S):
            return future.result()
        client.remove_pending_request(future)  # else it is kept for an answer that never comes
        return None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _entry(status: TrackStatus) -> dict[str, Any]:
    state = State(status.state)
    return target_entry(status.id, status.label, state, status.reason, status.confidence)


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(OperatorPageNode, args)


if __name__ == '__main__':
    sys.exit(main())
