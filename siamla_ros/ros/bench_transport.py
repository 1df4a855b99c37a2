"""Processes of `siamla bench --ros`: camera, tracker node, listener and a plain subscriber.

    python -m siamla_ros.ros.bench_transport ROLE FILE WIDTH HEIGHT RATE FRAMES --ros-args ...

Each notes when what happened to which image, by its stamp, and writes it into FILE at the end. All
times are nanoseconds of the system's clock, which stamps count in too.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.online.engine import Engine
from siamla_ros.online.frame import Frame
from siamla_ros.online.targets import TargetOutput
from siamla_ros.ros import messages, qos
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.outputs import Outputs, image_message
from siamla_ros.ros.running import run
from siamla_ros.ros.tracker_node import THREADS, TrackerNode
from siamla_ros.runtime import onnx_runtime
from siamla_ros.tracker import window_search

WARM_UP_IMAGES = 30  # before those that count; the target begins amid them
LINGER_S = 1.0
STAMP_OFFSET = 4  # of seconds and nanoseconds in a serialized image, behind the encapsulation
Rows = dict[int, dict[str, int]]


class Camera(Node):
    """Publishes one picture again and again, stamped anew, serialized: no time goes into messages.

    Args:
        follow: Give the target's box on `init` until detections show it; images count from then
            on. Otherwise they count from the end of the warm-up on.
    """

    def __init__(
        self, size_wh: tuple[int, int], rate_hz: float, frames: int, follow: bool, rows: Rows
    ) -> None:
        super().__init__('bench_camera')
        self.rows, self.exit_code, self.finished = rows, 0, False
        self._frames, self._period_s, self._follow = frames, 1.0 / rate_hz, follow
        self._warm_up, self._due_s = 0, 0.0
        self._images = self.create_publisher(Image, 'image', qos.image_out())
        self._boxes = self.create_publisher(Detection2D, 'init', qos.command())
        self.create_subscription(Detection2DArray, 'detections', self._see, qos.result())
        picture, self._box = _picture(size_wh)
        message = image_message(Header(frame_id='camera'), picture)
        self._data = bytearray(serialize_message(message))
        self.create_timer(self._period_s / 10.0, self._step)

    def _see(self, message: Detection2DArray) -> None:
        self._follow = self._follow and not message.detections

    def _step(self) -> None:
        now_s = time.monotonic()
        if len(self.rows) >= self._frames:
            self.finished = now_s > self._due_s + LINGER_S
        elif self._images.get_subscription_count() and now_s >= self._due_s:
            late = now_s - self._due_s > self._period_s
            self._due_s = now_s + self._period_s if late else self._due_s + self._period_s
            self._send()

    def _send(self) -> None:
        began = time.time_ns()
        sec, nanosec = divmod(began, 10**9)
        struct.pack_into('<iI', self._data, STAMP_OFFSET, sec, nanosec)
        self._images.publish(bytes(self._data))
        if self._warm_up >= WARM_UP_IMAGES and not self._follow:
            self.rows[began] = {'sent': time.time_ns()}
            return
        self._warm_up += 1
        if self._follow and self._warm_up % WARM_UP_IMAGES == WARM_UP_IMAGES // 2:
            header = Header(frame_id='camera')  # of the next image: any one may get lost
            self._boxes.publish(messages.detection_message(header, self._box, 1.0, 'target', ''))


class Listener(Node):
    """Notes when messages of a topic arrive, an image once it is copied into an array, as a plain
    subscriber does.
    """

    def __init__(self, kind: type, topic: str, profile: QoSProfile, rows: Rows) -> None:
        super().__init__('bench_listener')
        self.rows = rows
        self.create_subscription(kind, topic, self._note, profile)

    def _note(self, message: Any) -> None:
        moment = 'arrived'
        if isinstance(message, Image):
            shape = message.height, message.width, 3
            np.frombuffer(message.data, np.uint8).reshape(shape).copy()
            moment = 'converted'
        self.rows[_stamp(message.header)] = {moment: time.time_ns()}


class WatchedTracker(TrackerNode):
    """The tracker node, with the times of its parts."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._spent: dict[str, int] = {}
        self._watch()
        super().__init__()

    def _watch(self) -> None:
        parse, process, publish = ImageSource._frame, Engine.process, Outputs.publish

        def watched_parse(source: ImageSource, data: Any) -> Frame | None:
            began = time.time_ns()
            frame = parse(source, data)
            if frame is not None:
                self.rows[frame.stamp_ns] = {'received': began, 'parsed': time.time_ns()}
            return frame

        def watched_process(engine: Engine, frame: Frame) -> list[TargetOutput]:
            self._spent = {'began': time.time_ns()}  # without what a catch-up took before
            return process(engine, frame)

        def watched_publish(outputs: Outputs, frame: Frame, found: Sequence[Any]) -> float:
            row = self.rows.get(frame.stamp_ns, {})
            row.update(self._spent, tracked=time.time_ns(), targets=len(found))
            latency_s = publish(outputs, frame, found)
            row['published'] = time.time_ns()
            return latency_s

        ImageSource._frame = watched_parse  # type: ignore[method-assign]
        Engine.process = watched_process  # type: ignore[method-assign]
        Outputs.publish = watched_publish  # type: ignore[method-assign]
        onnx_runtime.crops = self._timed('crops', onnx_runtime.crops)
        window_search.decode_boxes = self._timed('boxes', window_search.decode_boxes)
        runtime = onnx_runtime.OnnxRuntime
        runtime._maps = self._timed('network', runtime._maps)  # type: ignore[method-assign]

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose time is added up until the image is published."""

        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.time_ns()
            result = function(*args, **kwargs)
            self._spent[name] = self._spent.get(name, 0) + time.time_ns() - began
            return result

        return call


def _stamp(header: Header) -> int:
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def _picture(size_wh: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """A square of noise amid darker noise, and its box."""
    width, height = size_wh
    rng, side = np.random.default_rng(0), height // 8
    image = rng.integers(60, 90, (height, width, 3), np.uint8)
    x, y = (width - side) // 2, (height - side) // 2
    coarse = rng.integers(0, 255, (8, 8, 3), np.uint8)
    image[y : y + side, x : x + side] = np.kron(
        coarse, np.ones((side // 8 + 1, side // 8 + 1, 1), np.uint8)
    )[:side, :side]
    return image, (float(x), float(y), float(side), float(side))


def main(arguments: list[str] | None = None) -> int:
    """One process; writes its rows when it ends."""
    given = arguments or sys.argv[1:]
    role, path, *numbers = given[:6]
    width, height, rate, frames = (float(text) for text in numbers)
    rows: Rows = {}
    size = int(width), int(height)
    makers: dict[str, tuple[Callable[[], Node], int]] = {
        'camera': (lambda: Camera(size, rate, int(frames), True, rows), 1),
        'camera_alone': (lambda: Camera(size, rate, int(frames), False, rows), 1),
        'tracker': (lambda: WatchedTracker(rows), THREADS),
        'listener': (lambda: Listener(Detection2DArray, 'detections', qos.result(), rows), 1),
        'plain': (lambda: Listener(Image, 'image', qos.image_in(), rows), 1),
    }
    make, threads = makers[role]
    # The plain subscriber stands for any node that takes images: memory as the C library has it.
    code = run(make, given[6:], threads, keep_memory=role != 'plain')
    Path(path).write_text(json.dumps(rows), encoding='utf-8')
    return code


if __name__ == '__main__':
    sys.exit(main())
