"""A tracker node and a counterpart that talks to it over DDS, spun by a thread of this process."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from support.ros_doubles import make
from support.scenes import SIDE, picture
from vision_msgs.msg import Detection2D, Detection2DArray

from siamla_ros.msg import ReinitRequest, TrackStatus
from siamla_ros.ros import messages, qos
from siamla_ros.ros.executor import ThreadedExecutor
from siamla_ros.ros.outputs import image_message
from siamla_ros.ros.running import spin_once
from siamla_ros.ros.tracker_node import THREADS, TrackerNode
from siamla_ros.srv import ClearTarget, InitTarget, ScoreBoxes
from siamla_ros.tracker.tracker import load_tracker

TIMEOUT_S = 15.0
PERIOD_NS = 33_333_333
NUMBERS = itertools.count(1)


def wait_until(ready, what, timeout_s=TIMEOUT_S):
    """Poll; fails the test with `what` if it does not become true. Returns the true value."""
    end_s = time.monotonic() + timeout_s
    while True:
        value = ready()
        if value:
            return value
        assert time.monotonic() < end_s, f'{what} within {timeout_s:g} s'
        time.sleep(0.005)


@contextmanager
def spun(node):
    """The node, run by a thread of its own, whose errors end the thread; destroyed at the end."""
    executor, closing = SingleThreadedExecutor(), threading.Event()
    executor.add_node(node)

    def spin():
        while not closing.is_set():
            spin_once(executor)

    node.thread = threading.Thread(target=spin, daemon=True)
    node.thread.start()
    try:
        yield node
    finally:
        closing.set()
        node.thread.join(5.0)
        executor.shutdown(timeout_sec=5.0)
        node.destroy_node()


class Graph:
    """Publishes pictures and init boxes; keeps all that comes back, by topic. Kind `real` is the
    network that ships.
    """

    def __init__(self, kind, parameters):
        self.namespace = f'/test{next(NUMBERS)}'
        names = {name.replace('__', '.'): value for name, value in parameters.items()}
        self.tracker = TrackerNode(
            load_tracker if kind == 'real' else make(kind),
            namespace=self.namespace,
            parameter_overrides=[Parameter(name, value=value) for name, value in names.items()],
        )
        self.node = Node('tester', namespace=self.namespace)
        self.mail = {
            name: []
            for name in ('detection', 'detections', 'status', 'reinit_request', 'diagnostics')
        }
        self._connect()
        self._executor = ThreadedExecutor(THREADS + 2)
        self._executor.add_node(self.tracker)
        self._executor.add_node(self.node)
        self._closing = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.stamp_ns = time.time_ns()
        if parameters.get('autostart', True):
            self.wait_ready()

    def _spin(self):
        while not self._closing:
            spin_once(self._executor)

    def _connect(self):
        node = self.node
        self.image_out = node.create_publisher(Image, 'image', qos.image_out())
        self.init_out = node.create_publisher(Detection2D, 'init', qos.command())
        for kind, name, profile in (
            (Detection2D, 'detection', qos.result()),
            (Detection2DArray, 'detections', qos.result()),
            (TrackStatus, 'status', qos.result()),
            (ReinitRequest, 'reinit_request', qos.request()),
        ):
            node.create_subscription(kind, name, self.mail[name].append, profile)
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.diagnostics()
        )
        self._init = node.create_client(InitTarget, 'tracker/init_target')
        self._clear = node.create_client(Trigger, 'tracker/clear')
        self._clear_target = node.create_client(ClearTarget, 'tracker/clear_target')
        self._score = node.create_client(ScoreBoxes, 'tracker/score_boxes')
        self._change = node.create_client(ChangeState, 'tracker/change_state')
        self._set = node.create_client(SetParameters, 'tracker/set_parameters')

    def _on_diagnostics(self, array):
        own = f'{self.namespace}/tracker:'.lstrip('/')
        if any(status.name.startswith(own) for status in array.status):
            self.mail['diagnostics'].append(array)

    def wait_ready(self):
        """Until the node is active and everybody is matched with everybody."""
        wait_until(lambda: self.tracker.state_label == 'active', 'not active')
        wait_until(lambda: self.image_out.get_subscription_count() > 0, 'image not matched')
        wait_until(lambda: self.init_out.get_subscription_count() > 0, 'init not matched')
        wait_until(
            lambda: all(
                self.node.count_publishers(name) for name in ('detections', 'status', 'detection')
            ),
            'outputs not matched',
        )
        wait_until(self._matched, 'no answer to an image')

    def _matched(self):
        """Discovery is two-sided: images are sent until one is answered on both topics."""
        self.show()
        time.sleep(0.05)
        return self.mail['detections'] and self.mail['status']

    def reset(self):
        """No targets, empty mailboxes, and a stamp after all others."""
        self.clear()
        time.sleep(0.05)
        self.stamp_ns += 2_000_000_000  # boxes of images from before the clear are refused
        for letters in self.mail.values():
            letters.clear()

    def close(self):
        """Take everything down."""
        self.tracker.close()
        self._closing = True
        self._thread.join(timeout=5.0)
        self._executor.shutdown(timeout_sec=5.0)
        self.tracker.destroy_node()
        self.node.destroy_node()

    def header(self, stamp_ns=None):
        """The header of the current picture."""
        stamp = messages.time_message(self.stamp_ns if stamp_ns is None else stamp_ns)
        return Header(stamp=stamp, frame_id='test_camera')

    def show(self, x=None, message=None, **options):
        """Publish the next picture and return its stamp."""
        self.stamp_ns += PERIOD_NS
        if message is None:
            message = image_message(self.header(), picture(x, **options))
        message.header = self.header()
        self.image_out.publish(message)
        return self.stamp_ns

    def answer(self, topic, stamp_ns, timeout_s=TIMEOUT_S):
        """The first message of a topic with a stamp."""

        def found():
            return next(
                (
                    letter
                    for letter in list(self.mail[topic])
                    if messages.stamp_ns_of(letter.header.stamp) == stamp_ns
                ),
                None,
            )

        return wait_until(found, f'no {topic} of {stamp_ns}', timeout_s)

    def see(self, x=None, **options):
        """Show a picture; its detections and its first status."""
        stamp_ns = self.show(x, **options)
        return self.answer('detections', stamp_ns), self.answer('status', stamp_ns)

    def box(self, box_xywh, target_id='red', label='square', stamp_ns=0):
        """An init box."""
        return messages.detection_message(self.header(stamp_ns), box_xywh, 1.0, target_id, label)

    def start(self, x=100, target_id='red'):
        """A target on a square at x, through the topic; confirmed when this returns."""
        self.init_out.publish(self.box((x, 100, SIDE, SIDE), target_id))

        def confirmed():
            detections, _ = self.see(x)
            return any(item.id == target_id for item in detections.detections)

        wait_until(confirmed, f'{target_id} not confirmed')

    def call(self, client, request, timeout_s=TIMEOUT_S):
        """A service, with its answer."""
        assert client.wait_for_service(timeout_sec=timeout_s), client.srv_name
        future = client.call_async(request)
        wait_until(future.done, f'no answer from {client.srv_name}', timeout_s)
        return future.result()

    def init(self, box_xywh, target_id='red', stamp_ns=0):
        """~/init_target."""
        request = InitTarget.Request(detection=self.box(box_xywh, target_id, stamp_ns=stamp_ns))
        return self.call(self._init, request)

    def init_later(self, box_xywh, target_id='red', stamp_ns=0):
        """~/init_target without waiting: the future of its answer."""
        assert self._init.wait_for_service(timeout_sec=TIMEOUT_S)
        return self._init.call_async(
            InitTarget.Request(detection=self.box(box_xywh, target_id, stamp_ns=stamp_ns))
        )

    def clear(self):
        """~/clear."""
        return self.call(self._clear, Trigger.Request())

    def clear_target(self, target_id):
        """~/clear_target."""
        return self.call(self._clear_target, ClearTarget.Request(id=target_id))

    def clear_later(self, target_id):
        """~/clear_target without waiting: the future of its answer."""
        assert self._clear_target.wait_for_service(timeout_sec=TIMEOUT_S)
        return self._clear_target.call_async(ClearTarget.Request(id=target_id))

    def score(self, boxes_xywh, target_id='red', stamp_ns=None):
        """~/score_boxes, of the current picture."""
        stamp = self.header(stamp_ns).stamp
        boxes = [messages.box_message(box) for box in boxes_xywh]
        return self.call(self._score, ScoreBoxes.Request(stamp=stamp, id=target_id, boxes=boxes))

    def transition(self, number):
        """~/change_state; whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = number
        return self.call(self._change, request).success

    def set(self, name, value):
        """A parameter, as `ros2 param set` does it."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        return self.call(self._set, SetParameters.Request(parameters=[parameter])).results[0]
