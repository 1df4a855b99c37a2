"""Records what the tracker does: an annotated video matched by stamp, detections as text, figures
at the end.

    ros2 run siamla_ros recorder --ros-args -p output:=annotated.mp4 -p summary:=summary.json
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from vision_msgs.msg import Detection2DArray

from siamla_ros.datasets.video import FALLBACK_RATE_HZ
from siamla_ros.datasets.video_sink import FrameSink
from siamla_ros.msg import TrackStatus
from siamla_ros.online import overlay
from siamla_ros.online.frame import Frame
from siamla_ros.online.recording import StatusSample, Summary, Timeline, describe
from siamla_ros.ros import qos
from siamla_ros.ros.helper_parameters import HelperParameter, declare
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import box_of, stamp_ns_of
from siamla_ros.ros.running import run
from siamla_ros.supervision.supervisor import State

PARAMETERS = (
    HelperParameter('output', '', 'video file (.mp4) to write; empty: none'),
    HelperParameter('summary', '', 'JSON file for the figures; empty: none'),
    HelperParameter('rate', 0.0, 'images a second of the video; 0: as the stamps say', minimum=0.0),
    HelperParameter('print_every', 1, 'print every n-th detection; 0: none', minimum=0),
    HelperParameter('patience', 1.0, 'seconds an image waits for its detections', minimum=0.0),
    HelperParameter(
        'stop_after_silence', 0.0, 'end so many seconds after the last image; 0: never', minimum=0.0
    ),
    HelperParameter('image_transport', 'raw', 'how images come', choices=('raw', 'compressed')),
)
WRITE_PERIOD_S = 0.05


class RecorderNode(Node):
    """Subscribes image, detections and status; publishes nothing."""

    def __init__(self, **options: object) -> None:
        """Raises ValueError: a parameter is bad."""
        super().__init__('recorder', **options)
        values = self._values = declare(self, PARAMETERS)
        self._lock = threading.Lock()
        self._timeline = Timeline(values['patience'])
        self._summary = Summary()
        self._sink = _sink(values)
        self._last_image_s = 0.0
        self.finished = False
        groups = [MutuallyExclusiveCallbackGroup() for _ in range(2)]
        self._source = ImageSource(
            self,
            values['image_transport'],
            self._on_image,
            self.get_logger().error,
            qos.image_record(),
        )
        self.create_subscription(
            Detection2DArray,
            'detections',
            self._on_detections,
            qos.result(),
            callback_group=groups[0],
        )
        self.create_subscription(
            TrackStatus, 'status', self._on_status, qos.result(), callback_group=groups[0]
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(WRITE_PERIOD_S, self._write, callback_group=groups[1], clock=steady)

    def _on_image(self, frame: Frame) -> None:
        self._last_image_s = time.monotonic()
        with self._lock:
            self._summary.images += 1
            self._timeline.image(frame)

    def _on_detections(self, message: Detection2DArray) -> None:
        stamp_ns = stamp_ns_of(message.header.stamp)
        latency_s = (self.get_clock().now().nanoseconds - stamp_ns) / 1e9
        with self._lock:
            self._summary.answer(len(message.detections), latency_s)
            self._timeline.answer(stamp_ns)
            number = self._summary.answers
        every = self._values['print_every']
        if every and number % every == 0:
            for detection in message.detections:
                print(_line(number, detection, latency_s), flush=True)

    def _on_status(self, message: TrackStatus) -> None:
        if not message.id:
            name, sample = '', StatusSample('no target', State.IDLE, 0.0, (0.0,) * 4, False)
        else:
            name = message.id
            sample = StatusSample(
                message.label or message.id,
                State(message.state),
                message.confidence,
                box_of(message.bbox),
                message.confirmed,
                box_of(message.predicted_bbox) if message.has_predicted else None,
            )
        with self._lock:
            self._summary.status(sample.state)
            self._timeline.status(stamp_ns_of(message.header.stamp), name, sample)

    def _write(self, final: bool = False) -> None:
        with self._lock:
            ready = list(self._timeline.ready(final))
        for frame, samples, answered in ready:
            if self._sink is not None:
                marks = [mark for item in samples for mark in item.marks()]
                states = ', '.join(item.state.name for item in samples)
                caption = states if answered else 'not processed'
                stamp_s = None if self._values['rate'] else frame.stamp_s
                self._sink.write(overlay.draw(frame.to_bgr(), marks, caption), stamp_s)
        silence_s = self._values['stop_after_silence']
        idle_s = time.monotonic() - self._last_image_s if self._last_image_s else 0.0
        self.finished = bool(silence_s) and idle_s > silence_s

    def close(self) -> None:
        """Write what is left, the video's end and the figures."""
        self._write(final=True)
        figures = self._summary.as_dict()
        if self._sink is not None:
            self._sink.close()
            self.get_logger().info(self._sink.describe())
            figures['video'] = self._values['output']
            figures['video_frames'] = self._sink.count
        if self._values['summary']:
            path = Path(self._values['summary'])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
        print(describe(figures), flush=True)


def _sink(values: dict[str, Any]) -> FrameSink | None:
    if not values['output']:
        return None
    return FrameSink(values['output'], values['rate'] or FALLBACK_RATE_HZ)


def _line(number: int, detection: object, latency_s: float) -> str:
    x, y, w, h = box_of(detection.bbox)
    score = detection.results[0].hypothesis.score if detection.results else float('nan')
    stamp = detection.header.stamp
    return (
        f'{number:6d}  stamp {stamp.sec}.{stamp.nanosec:09d}  {detection.id}  '
        f'x {x:7.1f}  y {y:7.1f}  w {w:6.1f}  h {h:6.1f}  score {score:.2f}  '
        f'{latency_s * 1e3:.0f} ms'
    )


def main(args: list[str] | None = None) -> int:
    """Record until interrupted, or until images have ceased."""
    return run(RecorderNode, args, threads=4)


if __name__ == '__main__':
    sys.exit(main())
