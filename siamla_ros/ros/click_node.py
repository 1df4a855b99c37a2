"""An operator's way to give a box: a web page that shows the camera and takes a box by mouse.

    python3 -m siamla_ros.ros.click_node      # then open http://localhost:8080

The image stands still while the box is drawn; the box goes out on `init` with that image's stamp,
and the tracker catches up from there.
"""

from __future__ import annotations

import sys
import threading

import cv2
from rclpy.node import Node
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import overlay, qos
from siamla_ros.ros.click_page import Click, make_server
from siamla_ros.ros.conversions import ImageError
from siamla_ros.ros.frame import Frame
from siamla_ros.ros.helper_parameters import HelperParameter, declare
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import box_of, detection_message, time_message
from siamla_ros.ros.overlay import COLOURS_BGR, Mark
from siamla_ros.ros.running import run
from siamla_ros.supervisor import State

PARAMETERS = (
    HelperParameter('host', '127.0.0.1', 'address to listen on; 0.0.0.0: every network'),
    HelperParameter('port', 8080, 'port to listen on; 0: a free one', minimum=0),
    HelperParameter('quality', 80, 'of the JPEG, 1 to 100', minimum=1),
    HelperParameter('image_transport', 'raw', 'how images come', choices=('raw', 'compressed')),
)


class ClickNode(Node):
    """Subscribes image and status; publishes init."""

    def __init__(self, **options: object) -> None:
        """:raises ValueError: a parameter is bad, or the port is taken"""
        super().__init__('click', **options)
        values = declare(self, PARAMETERS)
        self._quality = min(values['quality'], 100)
        self._frame: Frame | None = None
        self._status: dict[str, TrackStatus] = {}
        self._publisher = self.create_publisher(Detection2D, 'init', qos.command())
        self._source = ImageSource(
            self, values['image_transport'], self._on_frame, self.get_logger().error
        )
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        try:
            self._server = make_server(
                values['host'], values['port'], self.picture, self._on_click
            )
        except OSError as error:
            raise ValueError(f'port is {values["port"]}: {error}') from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.get_logger().info(f'open http://{values["host"]}:{self.port}')

    def _on_frame(self, frame: Frame) -> None:
        self._frame = frame

    def _on_status(self, status: TrackStatus) -> None:
        if status.id and status.state != TrackStatus.IDLE:
            self._status = {**self._status, status.id: status}
        else:
            self._status = {
                name: other for name, other in self._status.items() if name != status.id
            } if status.id else {}

    def picture(self) -> tuple[bytes, int] | None:
        """The newest image with the boxes of the tracker, as JPEG, and its stamp; on a server
        thread.
        """
        frame = self._frame
        if frame is None:
            return None
        try:
            canvas = overlay.draw(frame.to_bgr(), self._marks())
        except ImageError as error:
            self.get_logger().error(f'image refused: {error}', throttle_duration_sec=1.0)
            return None
        options = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        return cv2.imencode('.jpg', canvas, options)[1].tobytes(), frame.stamp_ns

    def _marks(self) -> list[Mark]:
        return [
            Mark(
                box_of(status.bbox), f'{name} {status.confidence:.2f} {State(status.state).name}',
                COLOURS_BGR[State(status.state)], dashed=not status.believed,
            )
            for name, status in self._status.items()
        ]

    def _on_click(self, click: Click) -> str:
        header = Header(stamp=time_message(click.stamp_ns))
        self._publisher.publish(
            detection_message(header, click.box_xywh, 1.0, click.id, click.label)
        )
        x, y, w, h = click.box_xywh
        text = f'sent box {x:.0f},{y:.0f},{w:.0f},{h:.0f} as {click.id or "target"}'
        self.get_logger().info(text)
        if self._publisher.get_subscription_count() == 0:
            return f'{text}, but nobody listens on {self._publisher.topic_name}'
        return text

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(ClickNode, args)


if __name__ == '__main__':
    sys.exit(main())
