"""A tracker node as a process of its own, and a node here that feeds it and looks at it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.scenes import SIDE
from vision_msgs.msg import Detection2D, Detection2DArray

from endurance.usage import Usage, usage
from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.messages import detection_message, stamp_ns_of, time_message
from siamla_ros.ros.outputs import image_message
from siamla_ros.ros.running import spin_once

NAMESPACE = '/soak'
START_S, ANSWER_S = 120.0, 60.0
STOP_S = 20.0
PATIENCE_S = 60.0  # longer than asked for, where nothing was answered until then


class Graph:
    """The node under test, and a peer that publishes images and boxes and receives the rest."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """
        Args:
            command: starts the tracker node; the namespace is appended.
            log: file for its output.

        Raises:
            RuntimeError: it does not come up.
        """
        rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open('wb')
        self.process = subprocess.Popen(
            [*command, '--ros-args', '-r', f'__ns:={NAMESPACE}'],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.peer = Node('peer', namespace=NAMESPACE)
        self.sent = self.processed = self.confirmed = 0
        self.latencies_s: list[float] = []
        self._image = self.peer.create_publisher(Image, 'image', qos.image_out())
        self._box = self.peer.create_publisher(Detection2D, 'init', qos.command())
        self.peer.create_subscription(
            Detection2DArray, 'detections', self._on_detections, qos.result()
        )
        self.watch(1)
        self._change = self.peer.create_client(ChangeState, 'tracker/change_state')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.peer)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._closing.is_set():
            spin_once(self._executor)

    def _on_detections(self, message: Detection2DArray) -> None:
        self.processed += 1
        self.confirmed += bool(message.detections)
        self.latencies_s.append(time.time() - stamp_ns_of(message.header.stamp) / 1e9)

    def watch(self, viewers: int) -> None:
        """Subscribe to status, so often."""
        for _ in range(viewers):
            self.peer.create_subscription(TrackStatus, 'status', lambda _: None, qos.result())

    def wait_ready(self, picture: np.ndarray) -> None:
        """Until an image is answered.

        Raises:
            RuntimeError: it is not, or the node has ended.
        """
        end_s = time.monotonic() + START_S
        while not self.processed:
            self.show(picture)
            time.sleep(0.05)
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise RuntimeError(f'the tracker does not answer: see {self._log.name}')

    def show(self, picture: np.ndarray) -> None:
        """Publish an image of now."""
        header = Header(stamp=time_message(time.time_ns()), frame_id='soak')
        self._image.publish(image_message(header, picture))
        self.sent += 1

    def give(self, x: float, target_id: str = 'square') -> None:
        """Publish a box for the next image."""
        header = Header(stamp=time_message(0))
        self._box.publish(detection_message(header, (x, 100, SIDE, SIDE), 1.0, target_id, ''))

    def transition(self, number: int) -> bool:
        """Ask for a lifecycle transition; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=number))
        return self._call(self._change, request).success

    @staticmethod
    def _call(client: Any, request: Any) -> Any:
        if not client.wait_for_service(timeout_sec=ANSWER_S):
            raise RuntimeError(f'there is no service {client.srv_name}')
        done, future = threading.Event(), client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(ANSWER_S):
            raise RuntimeError(f'no answer from {client.srv_name} within {ANSWER_S:g} s')
        return future.result()

    def usage(self) -> Usage:
        """What the node holds."""
        return usage(self.process.pid)

    def close(self) -> int:
        """End the node as Ctrl-C does, and everything here; its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._closing.set()
        self._thread.join(5.0)
        self._executor.shutdown(timeout_sec=5.0)
        self.peer.destroy_node()
        rclpy.try_shutdown()
        self._log.close()
        return code


def tracker_command(engine: str, root: Path) -> list[str]:
    """Starts the node with the network that ships, or with a tracker of the tests."""
    if engine == 'network':
        return [sys.executable, '-m', 'siamla_ros.ros.tracker_node']
    return [sys.executable, str(root / 'test/support/ros_doubles.py'), 'color']


def paced(rate_hz: float, until: Callable[[], bool]) -> Any:
    """Numbers at a rate, until a condition holds; a late one does not make the next ones hurry."""
    number, due_s = 0, time.monotonic()
    while not until():
        yield number
        number += 1
        due_s = max(due_s + 1.0 / rate_hz, time.monotonic() - 1.0 / rate_hz)
        time.sleep(max(due_s - time.monotonic(), 0.0))


def lasting(seconds: float, answered: Callable[[], bool]) -> Callable[[], bool]:
    """A condition that holds after so long; later on a machine so busy that nothing was answered
    until then.
    """
    end_s = time.monotonic() + seconds

    def over() -> bool:
        late_s = time.monotonic() - end_s
        return late_s >= 0.0 and (answered() or late_s >= PATIENCE_S)

    return over
