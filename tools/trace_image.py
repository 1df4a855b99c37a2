"""Prints the way of an image through the tracker node, from the callback to the published boxes.

tools/with_env python tools/trace_image.py          # in a checkout after `make setup`

The node runs in this process with the weights that ship, follows a target, and gets IMAGES more
images. Of each, every Python call inside the package is recorded (`threading.setprofile`) from the
call of the image callback until its `detections` have been published. What happens on the way of
every image counts, so that timers do not:

* hops: pairs of files of which one calls a function in the other
* files: that run a function
* record types: dataclasses, named tuples and messages that are passed or returned, configuration
  (Settings, ...Config, ...Model) and `self` aside
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

IMAGES = 5
CONFIGURATION = ('Settings', 'Config', 'Model')
CALLBACK = ('image_source.py', '_on_message')  # where the way begins
BOX = (140.0, 90.0, 40.0, 40.0)
WAIT_S = 60.0


class Way(NamedTuple):
    """What happened to one image; files relative to the package, types by name."""

    hops: frozenset[tuple[str, str]]
    files: frozenset[str]
    records: frozenset[str]


class Recorder:
    """A profile function for all threads, and what it has seen since `begin`."""

    def __init__(self, root: str) -> None:
        self.root, self.open = root.rstrip('/') + '/', False
        self.reset()

    def reset(self) -> None:
        """Forget; record nothing before the next image callback."""
        self.open, self.armed = False, True
        self.hops: set[tuple[str, str]] = set()
        self.files: set[str] = set()
        self.records: set[str] = set()

    def stop(self) -> Way:
        """What was seen of one image."""
        self.open = self.armed = False
        return Way(frozenset(self.hops), frozenset(self.files), frozenset(self.records))

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """A profile event."""
        if event not in ('call', 'return') or not self.armed:
            return
        file = self._file(frame)
        if file is None:
            return
        self.open = self.open or (file.rsplit('/', 1)[-1], frame.f_code.co_name) == CALLBACK
        if not self.open:
            return
        if event == 'return':
            self._note(argument)
            return
        self.files.add(file)
        caller = self._caller(frame)
        if caller not in (None, file):
            self.hops.add((caller, file))
        for name in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
            if name != 'self':
                self._note(frame.f_locals.get(name))

    def _file(self, frame: FrameType) -> str | None:
        path = frame.f_code.co_filename
        return path[len(self.root) :] if path.startswith(self.root) else None

    def _caller(self, frame: FrameType) -> str | None:
        """The nearest file of the package above; a library may lie between."""
        above = frame.f_back
        while above is not None:
            if (file := self._file(above)) is not None:
                return file
            above = above.f_back
        return None

    def _note(self, value: Any) -> None:
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            value = next(iter(value), None)
        kind = type(value)
        record = dataclasses.is_dataclass(kind) or hasattr(kind, 'get_fields_and_field_types')
        named = isinstance(value, tuple) and hasattr(kind, '_fields')
        if (record or named) and not kind.__name__.endswith(CONFIGURATION):
            self.records.add(kind.__name__)


def common(ways: list[Way]) -> Way:
    """What happened on the way of every image."""
    return Way(*(frozenset.intersection(*parts) for parts in zip(*ways)))


def describe(way: Way) -> str:
    """The line that measure_code prints."""
    return f'{len(way.hops)} hops, {len(way.files)} files, {len(way.records)} record types'


class Camera:
    """Publishes a scene and waits for the answers of the tracker."""

    def __init__(self, node: Any, recorder: Recorder) -> None:
        from sensor_msgs.msg import Image
        from vision_msgs.msg import Detection2D, Detection2DArray

        self.answers: dict[int, int] = {}  # stamp in s: boxes
        self.node, self.recorder, self.stamp = node, recorder, 0
        self.image = node.create_publisher(Image, 'image', 1)
        self.init = node.create_publisher(Detection2D, 'init', 1)
        node.create_subscription(Detection2DArray, 'detections', self._on_detections, 10)

    def _on_detections(self, array: Any) -> None:
        self.answers[array.header.stamp.sec] = len(array.detections)

    def show(self) -> int:
        """Publish the next image; how many boxes came back.

        Raises:
            TimeoutError: No answer.
        """
        from sensor_msgs.msg import Image

        self.stamp += 1
        pixels = np.random.default_rng(0).integers(60, 90, (240, 320, 3), np.uint8)
        x, y, w, h = (int(value) for value in BOX)
        pixels[y : y + h, x : x + w] = (20, 30, 230)
        message = Image(height=240, width=320, encoding='bgr8', step=960)
        message.header.stamp.sec = self.stamp
        message.data = pixels.tobytes()
        self.image.publish(message)
        end_s = time.monotonic() + WAIT_S
        while self.stamp not in self.answers:
            if time.monotonic() > end_s:
                raise TimeoutError(f'no detections of image {self.stamp} within {WAIT_S:g} s')
            time.sleep(0.01)
        return self.answers[self.stamp]

    def choose(self) -> None:
        """Publish the box of the target."""
        from vision_msgs.msg import Detection2D, ObjectHypothesisWithPose

        box = Detection2D(id='target', results=[ObjectHypothesisWithPose()])
        x, y, w, h = BOX
        box.bbox.center.position.x, box.bbox.center.position.y = x + w / 2, y + h / 2
        box.bbox.size_x, box.bbox.size_y = w, h
        self.init.publish(box)


def trace() -> Way:
    """Run the node, follow the target, and record IMAGES images."""
    import rclpy
    from rclpy.executors import MultiThreadedExecutor

    import siamla_ros
    from siamla_ros.ros.tracker_node import TrackerNode

    recorder = Recorder(siamla_ros.__path__[0])
    recorder.armed = False
    threading.setprofile(recorder)
    rclpy.init()
    tracker, other = TrackerNode(namespace='trace'), rclpy.create_node('camera', namespace='trace')
    camera = Camera(other, recorder)
    executor = MultiThreadedExecutor(8)
    executor.add_node(tracker)
    executor.add_node(other)
    threading.Thread(target=executor.spin, daemon=True).start()
    try:
        return common(_record(camera, recorder))
    finally:
        threading.setprofile(None)
        tracker.close()
        executor.shutdown(timeout_sec=5.0)
        tracker.destroy_node()
        other.destroy_node()
        rclpy.try_shutdown()


def _record(camera: Camera, recorder: Recorder) -> list[Way]:
    end_s = time.monotonic() + WAIT_S
    while not (camera.image.get_subscription_count() and camera.init.get_subscription_count()):
        if time.monotonic() > end_s:
            raise TimeoutError(f'the tracker node did not subscribe within {WAIT_S:g} s')
        time.sleep(0.1)
    camera.choose()
    for _ in range(20):
        if camera.show():
            break
    ways = []
    for _ in range(IMAGES):
        recorder.reset()
        boxes = camera.show()
        time.sleep(0.2)  # whatever follows the publication on the way of this image
        ways.append(recorder.stop())
        if boxes != 1:
            raise RuntimeError(f'image {camera.stamp} gave {boxes} boxes, must give 1')
    return ways


def main() -> int:
    """Trace and print."""
    way = trace()
    for title, names in (('files', way.files), ('record types', way.records)):
        print(f'{title}: {", ".join(sorted(names))}')
    print('hops: ' + ', '.join(f'{a} -> {b}' for a, b in sorted(way.hops)))
    print(describe(way))
    return 0


if __name__ == '__main__':
    sys.exit(main())
