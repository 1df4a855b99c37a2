"""One node of the robot side and a counterpart that talks to it over DDS."""

from __future__ import annotations

import itertools
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import Header
from support.graph import wait_until

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import messages, qos
from siamla_ros.ros.running import spin_once

NUMBERS = itertools.count(1)


class RobotGraph:
    """Publishes by topic, keeps what comes back by topic. `tester` is its own node."""

    def __init__(self, make_node, parameters, outputs, inputs):
        """outputs, inputs: topic -> (message type, QoS profile), as seen by the node."""
        self.namespace = f'/robot{next(NUMBERS)}'
        self.node = make_node(
            namespace=self.namespace,
            parameter_overrides=[
                Parameter(name, value=value) for name, value in parameters.items()
            ],
        )
        self.tester = Node('tester', namespace=self.namespace)
        self.mail = {name: [] for name in (*outputs, 'diagnostics')}
        self.publishers = {
            name: self.tester.create_publisher(kind, name, profile)
            for name, (kind, profile) in inputs.items()
        }
        for name, (kind, profile) in outputs.items():
            self.tester.create_subscription(kind, name, self.mail[name].append, profile)
        self.tester.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.diagnostics()
        )
        self._executors, self._threads, self._closing = [], [], False
        for node in (self.node, self.tester):
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), daemon=True)
            thread.start()
            self._executors.append(executor)
            self._threads.append(thread)
        for name, publisher in self.publishers.items():
            wait_until(publisher.get_subscription_count, f'{name} not matched')
        for name in outputs:
            wait_until(lambda name=name: self.tester.count_publishers(name), f'{name} not matched')
        self.stamp_ns = time.time_ns()

    def _spin(self, executor):
        while not self._closing:
            spin_once(executor)

    def _on_diagnostics(self, array):
        own = f'{self.namespace}/'.lstrip('/')
        self.mail['diagnostics'] += [item for item in array.status if item.name.startswith(own)]

    def header(self, frame_id='camera_optical'):
        """A header with the current stamp."""
        return Header(stamp=messages.time_message(self.stamp_ns), frame_id=frame_id)

    def send(self, topic, message):
        """Publish on a topic of the node."""
        self.publishers[topic].publish(message)

    def status(self, state=TrackStatus.TRACKING, target_id='red', confidence=0.95):
        """A status of the current stamp."""
        self.send(
            'status',
            TrackStatus(header=self.header(), id=target_id, state=state, confidence=confidence),
        )

    def close(self):
        """Take everything down."""
        self._closing = True
        for thread, executor in zip(self._threads, self._executors):
            thread.join(timeout=5.0)
            executor.shutdown(timeout_sec=5.0)
        if hasattr(self.node, 'close'):
            self.node.close()
        self.node.destroy_node()
        self.tester.destroy_node()
