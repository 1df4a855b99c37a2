"""The same faults for two trackers: the node, and the one that one writes first.

    tools/with_env python test/support/faults.py        # a table of both, a minute or two

Each fault comes to a tracker that follows a square; afterwards good images and a good box are sent.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __name__ == '__main__':
    sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.scenes import SIDE, picture
from vision_msgs.msg import Detection2D

from siamla_ros.ros.messages import detection_message, stamp_ns_of, time_message
from siamla_ros.ros.outputs import image_message

SUPPORT = Path(__file__).resolve().parent
COMMANDS = {
    'naive': [sys.executable, str(SUPPORT / 'naive_tracker.py')],
    'node': [sys.executable, str(SUPPORT / 'ros_doubles.py'), 'color'],
}
START_S, RECOVER_S, PERIOD_S = 60.0, 30.0, 0.03
LIE_S = {'naive': 30.0, 'node': 0.5}  # to wait for a lie: the naive tracker is slow
NAN, INF = float('nan'), float('inf')


class Bench:
    """A tracker as a process, and a node that feeds it."""

    def __init__(self, kind: str, number: int) -> None:
        """number: tells the namespaces of several apart."""
        namespace = f'/bench_{kind}{number}'
        self._lie_s = LIE_S[kind]
        self.process = subprocess.Popen(
            [*COMMANDS[kind], '--ros-args', '-r', f'__ns:={namespace}'],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.node = Node('bench', namespace=namespace)
        self.sent, self.answered = [], set()  # stamps
        # The node subscribes best effort, the naive tracker reliable: this fits both.
        self._image = self.node.create_publisher(Image, 'image', QoSProfile(depth=5))
        self._init = self.node.create_publisher(Detection2D, 'init', 10)
        self.node.create_subscription(Detection2D, 'detection', self._on_detection, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def _on_detection(self, message: Detection2D) -> None:
        self.answered.add(stamp_ns_of(message.header.stamp))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def send(self, image: np.ndarray | None = None, **changes: object) -> None:
        """Publish an image of now, the square by default, and wait a moment."""
        self.sent.append(time.time_ns())
        header = Header(stamp=time_message(self.sent[-1]), frame_id='camera')
        message = image_message(header, picture(100) if image is None else image)
        for name, value in changes.items():
            setattr(message, name, value)
        self._image.publish(message)
        self.spin(PERIOD_S)

    def spin(self, seconds: float) -> None:
        """Take what comes."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.01)

    def give(self, box: tuple[float, ...] = (100, 100, SIDE, SIDE), target_id: str = 'red') -> None:
        """Publish a box for the next image."""
        self._init.publish(detection_message(Header(), box, 1.0, target_id, ''))
        self.spin(0.1)

    def follows(self, limit_s: float) -> bool:
        """Whether a good box on good images is answered by detections, on two of these images."""
        first, end_s = len(self.sent), time.monotonic() + limit_s
        while self.alive and time.monotonic() < end_s:
            self.give()
            for _ in range(5):
                self.send()
                if len(self.answered.intersection(self.sent[first:])) >= 2:
                    return True
        return False

    def wait_for_answer(self, sent: list[int]) -> None:
        """Until one of these images is answered, or for `LIE_S`."""
        end_s = time.monotonic() + self._lie_s
        while self.alive and time.monotonic() < end_s and not self.answered.intersection(sent):
            self.spin(PERIOD_S)

    def close(self) -> None:
        """End all of it; politely, as what a killed participant leaves can crash others' ends."""
        if self.alive:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._executor.shutdown(timeout_sec=5.0)
        self.node.destroy_node()


@dataclass(frozen=True)
class Fault:
    """inject: does it. lie: a detection on one of its last images is false: the target is gone."""

    name: str
    inject: Callable[[Bench], None]
    lie: bool = False


def _images(**changes: object) -> Callable[[Bench], None]:
    return lambda bench: [bench.send(**changes) for _ in range(5)] and None


def _box(*box: float) -> Callable[[Bench], None]:
    def inject(bench: Bench) -> None:
        bench.give(box, 'bad')
        for _ in range(3):
            bench.send()
        bench.wait_for_answer(bench.sent[-3:])  # else a good box may take its place

    return inject


def _gone(image: np.ndarray) -> Callable[[Bench], None]:
    return lambda bench: [bench.send(image) for _ in range(20)] and None


def _nothing(make: Callable[[np.random.Generator], np.ndarray]) -> Callable[[Bench], None]:
    """A box on images that hold nothing; the old target leaves first."""

    def inject(bench: Bench) -> None:
        rng = np.random.default_rng(0)
        for _ in range(20):
            bench.send(make(rng))
        bench.give((100, 80, 60, 60), 'nothing')
        for _ in range(10):
            bench.send(make(rng))

    return inject


def _noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)


GRAY = np.ascontiguousarray(picture(100)[..., :1])
FAULTS = (
    Fault('truncated image', _images(data=b'\0' * 100)),
    Fault('image without data', _images(data=b'')),
    Fault('size 0 x 0', _images(width=0, height=0, step=0, data=b'')),
    Fault('unknown encoding', _images(encoding='rgb9', data=b'\0' * 76800)),
    Fault('mono8', _images(encoding='mono8', step=320, data=GRAY.tobytes())),
    Fault('rows padded to 1024 bytes', _images(step=1024, data=b'\0' * (240 * 1024))),
    Fault('stated width of 10,000', _images(width=10_000)),
    Fault('other resolution', _images(image=picture(30, 30, 64, 64))),
    Fault('frame_id of 1 MB', _images(header=Header(frame_id='x' * 1_000_000))),
    Fault('box of NaN', _box(NAN, 0, 9, 9)),
    Fault('box of infinity', _box(0, 0, INF, 9)),
    Fault('box without area', _box(50, 50, 0, 0)),
    Fault('box of negative size', _box(50, 50, -20, -20)),
    Fault('box outside of the image', _box(5000, 5000, 20, 20)),
    Fault('box of 1e300 pixels', _box(0, 0, 1e300, 1e300)),
    Fault('box of a millionth pixel', _box(50, 50, 1e-6, 1e-6)),
    Fault('target leaves the image', _gone(picture(None)), lie=True),
    Fault('camera covered', _gone(np.zeros((240, 320, 3), np.uint8)), lie=True),
    Fault('box on a black image', _nothing(lambda _: np.zeros((240, 320, 3), np.uint8)), lie=True),
    Fault('box on noise', _nothing(_noise), lie=True),
)  # fmt: skip
LAST_IMAGES = 5


def outcome(bench: Bench, fault: Fault) -> str:
    """What a tracker makes of a fault: goes on, lies, falls silent or dies.

    It follows when this begins; where it goes on or lies it follows at the end, too.
    """
    fault.inject(bench)
    last = bench.sent[-LAST_IMAGES:]
    if fault.lie:
        bench.wait_for_answer(last)
    if not bench.follows(RECOVER_S):
        return 'silent' if bench.alive else 'dies'
    return 'lies' if fault.lie and bench.answered.intersection(last) else 'goes on'


def table() -> None:
    """Prints what both do, each fault in a process of its own."""
    rclpy.init()
    print('| fault | naive | node |\n|---|---|---|')
    for number, fault in enumerate(FAULTS):
        cells = []
        for kind in COMMANDS:
            bench = Bench(kind, number)
            try:
                assert bench.follows(START_S), 'does not start'
                cells.append(outcome(bench, fault))
            finally:
                bench.close()
        print(f'| {fault.name} | {" | ".join(cells)} |', flush=True)
    rclpy.try_shutdown()


if __name__ == '__main__':
    table()
