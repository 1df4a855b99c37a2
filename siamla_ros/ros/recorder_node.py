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
from siamla_ros.datasets.video_sink import FASTEST_HZ, FrameSink
from siamla_ros.msg import TrackStatus
from siamla_ros.online import overlay
from siamla_ros.online.frame import Frame
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.init_requests import MAX_ID_LENGTH
from siamla_ros.online.parameters import Parameter
from siamla_ros.online.recording import StatusSample, Summary, Timeline, describe
from siamla_ros.ros import qos
from siamla_ros.ros.image_source import ImageSource
from siamla_ros.ros.messages import box_of, sample_of, stamp_ns_of
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.running import run
from siamla_ros.supervision.supervisor import State

PARAMETERS = (
    Parameter('output', '', 'video file (.mp4) to write; empty: none'),
    Parameter('summary', '', 'JSON file for the figures; empty: none'),
    Parameter('rate', 0.0, 'images a second of the video; 0: as the stamps say', 0.0, FASTEST_HZ),
    Parameter('print_every', 1, 'print every n-th detection; 0: none', minimum=0),
    Parameter('patience', 1.0, 'seconds an image waits for its detections', 0.0, 3600.0),
    Parameter(
        'stop_after_silence', 0.0, 'end so many seconds after the last image; 0: never', minimum=0.0
    ),
    Parameter('image_transport', 'raw', 'how images come', choices=('raw', 'compressed')),
)
WRITE_PERIOD_S = 0.05


class RecorderNode(Node):
    """Subscribes image, detections and status; publishes nothing."""

    def __init__(self, **options: object) -> None:
        """Raises ValueError: a parameter is bad."""
        super().__init__('recorder', **options)
        values = self._values = declare_once(self, PARAMETERS)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        for name in ('output', 'summary'):
            check_writable(name, values[name])
        self._timeline = Timeline(values['patience'])
        self._summary = Summary()
        self._sink = _sink(values)
        self._refused = {'images': 0, 'statuses': 0}
        self._video_error, self._closed = '', False
        self.exit_code = 0
        self._last_image_s = 0.0
        self._marks: list[overlay.Mark] = []  # of the last image that was processed
        self._marks_shape: tuple[int, ...] = ()  # of that image
        self.finished = False
        self._connect()

    def _connect(self) -> None:
        groups = [MutuallyExclusiveCallbackGroup() for _ in range(2)]
        self._source = ImageSource(
            self,
            self._values['image_transport'],
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
        if message.id:
            try:
                sample = sample_of(message)
            except ValueError as error:  # anybody may publish one
                self._refuse('statuses', error)
                return
        else:
            sample = StatusSample('no target', State.IDLE, 0.0, (0.0,) * 4, False)
        with self._lock:
            self._summary.status(sample.state)
            self._timeline.status(stamp_ns_of(message.header.stamp), message.id, sample)

    def _refuse(self, what: str, error: Exception) -> None:
        with self._lock:
            self._refused[what] += 1
        self.get_logger().error(f'refused: {error}', throttle_duration_sec=1.0)

    def _write(self, final: bool = False) -> None:
        with self._writing:  # the last write must not overtake the one before
            with self._lock:
                ready = list(self._timeline.ready(final))
            for frame, samples, answered in ready:
                self._draw(frame, samples, answered)
            if final:
                self._finish_video()
        silence_s = self._values['stop_after_silence']
        idle_s = time.monotonic() - self._last_image_s if self._last_image_s else 0.0
        self.finished = bool(silence_s) and idle_s > silence_s

    def _draw(self, frame: Frame, samples: list[StatusSample], answered: bool) -> None:
        """One image into the video; a bad one is left out, a file that fails ends the video."""
        if self._sink is None or self._closed or self._video_error:
            return
        try:
            image = frame.to_bgr()
        except ImageError as error:
            self._refuse('images', error)
            return
        if answered:
            self._marks = [mark for item in samples for mark in item.marks()]
            self._marks_shape = image.shape
        elif image.shape != self._marks_shape:
            self._marks = []  # in pixels of other images
        marks = self._marks if answered else overlay.dimmed(self._marks)
        states = ', '.join(item.state.name for item in samples)
        canvas = overlay.draw(image, marks, states if answered else 'not processed')
        try:
            self._sink.write(canvas, None if self._values['rate'] else frame.stamp_s)
        except ValueError as error:
            self._end_video(error)

    def _end_video(self, error: Exception) -> None:
        """Log once why there is no more video; figures and detections go on."""
        if not self._video_error:
            self.get_logger().error(f'the video ends here: {error}')
        self._video_error, self.exit_code = self._video_error or str(error), 1

    def _finish_video(self) -> None:
        self._closed = True
        if self._sink is None:
            return
        try:
            self._sink.close()
        except ValueError as error:
            self._end_video(error)
        self.get_logger().info(self._sink.describe())

    def close(self) -> None:
        """Write what is left, the video's end and the figures."""
        self._write(final=True)
        figures = self._summary.as_dict()
        figures.update({f'{what}_refused': count for what, count in self._refused.items()})
        if self._sink is not None:
            figures['video'] = self._values['output']
            figures['video_frames'] = self._sink.count
        if self._video_error:
            figures['video_error'] = self._video_error
        print(describe(figures), flush=True)
        if self._values['summary']:
            self._save(figures)

    def _save(self, figures: dict[str, object]) -> None:
        try:
            Path(self._values['summary']).write_text(json.dumps(figures, indent=2) + '\n', 'utf-8')
        except OSError as error:
            print(f'error: summary cannot be written: {error}', file=sys.stderr)
            self.exit_code = 1


def check_writable(name: str, path: str) -> None:
    """Refuse at the start what could not be written at the end; empty: nothing is written.

    Raises:
        ValueError: the file cannot be written, naming the parameter.
    """
    if not path:
        return
    there = Path(path).exists()
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open('ab'):
            pass
        if not there:
            Path(path).unlink()
    except OSError as error:
        raise ValueError(f'{name} is {path!r}, which cannot be written: {error}') from error


def _sink(values: dict[str, Any]) -> FrameSink | None:
    if not values['output']:
        return None
    return FrameSink(values['output'], values['rate'] or FALLBACK_RATE_HZ)


def plain_text(text: str) -> str:
    """A text from outside as a terminal may show it: no control characters, not without end."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= MAX_ID_LENGTH else shown[:MAX_ID_LENGTH] + '...'


def _line(number: int, detection: object, latency_s: float) -> str:
    x, y, w, h = box_of(detection.bbox)
    score = detection.results[0].hypothesis.score if detection.results else float('nan')
    stamp = detection.header.stamp
    return (
        f'{number:6d}  stamp {stamp.sec}.{stamp.nanosec:09d}  {plain_text(detection.id)}  '
        f'x {x:7.1f}  y {y:7.1f}  w {w:6.1f}  h {h:6.1f}  score {score:.2f}  '
        f'{latency_s * 1e3:.0f} ms'
    )


def main(args: list[str] | None = None) -> int:
    """Record until interrupted, or until images have ceased."""
    return run(RecorderNode, args, threads=4)


if __name__ == '__main__':
    sys.exit(main())
