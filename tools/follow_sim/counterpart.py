"""The simulated robot's side of DDS: clock, camera and scanner out, answers and velocities in.

It waits for the answers to each image before the world moves on, so that what happens does not
depend on how busy the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from vision_msgs.msg import Detection2DArray

from follow_sim import lidar
from follow_sim.measures import Answer
from follow_sim.scene import FOCAL, HEIGHT, WIDTH, View
from siamla_ros.geometry.boxes import Box
from siamla_ros.msg import TrackStatus
from siamla_ros.ros import qos
from siamla_ros.ros.camera_node import camera_info
from siamla_ros.ros.messages import box_of, detection_message, stamp_ns_of, time_message
from siamla_ros.ros.outputs import image_message
from siamla_ros.srv import InitTarget
from siamla_ros.supervision.supervisor import State

TARGET_ID = 'target'
START_S = 100.0
"""The simulated clock at the begin: stamp zero would mean no stamp."""
LIMIT_S = 120.0
"""Longest wait for an answer, by the wall: a machine may be very busy."""
AGAIN_S = 5.0
"""An image without an answer is sent again: sensor data is best effort."""
POSE_PATIENCE_S = 0.3
"""Longest wait for a pose, which target_pose may refuse."""


class NoAnswerError(RuntimeError):
    """A node did not answer; the message says which topic."""


@dataclass(frozen=True)
class NodeAnswer(Answer):
    """What the nodes told of one image.

    Attributes:
        state: of the target; IDLE while there is none.
        confidence: of the status, [0, 1].
        status_xywh: box of the status, confirmed or not.
        position_m: of the target in the optical frame, x right and z ahead; None without a pose.
    """

    state: State = State.IDLE
    confidence: float = 0.0
    status_xywh: Box = (0.0, 0.0, 0.0, 0.0)
    position_m: tuple[float, float] | None = None


class Counterpart(Node):
    """Publishes clock, image, camera_info, depth and scan; subscribes to what the nodes answer.

    Args:
        namespace: of all nodes; their /clock must be remapped to `clock` in it.
        check: called while waiting; raises where a process has failed.
    """

    def __init__(self, namespace: str, check: Callable[[], None] = lambda: None) -> None:
        super().__init__('simulation', namespace=namespace)
        self._check = check
        self.velocities: list[tuple[float, float, float]] = []
        """Stamp in s from the begin, ahead in m/s, turn in rad/s: all that was commanded."""
        self._status: dict[int, TrackStatus] = {}
        self._detections: dict[int, Detection2DArray] = {}
        self._poses: dict[int, PoseStamped] = {}
        self._out = {
            name: self.create_publisher(kind, name, profile)
            for name, kind, profile in (
                ('clock', Clock, qos.result()),
                ('image', Image, qos.image_out()),
                ('camera_info', CameraInfo, qos.image_out()),
                ('depth', Image, qos.image_out()),
                ('scan', LaserScan, qos.image_out()),
            )
        }
        for name, kind, keep in (
            ('status', TrackStatus, self._status),
            ('detections', Detection2DArray, self._detections),
            ('target_pose', PoseStamped, self._poses),
        ):
            self.create_subscription(kind, name, _by_stamp(keep), qos.result())
        self.create_subscription(TwistStamped, 'cmd_vel', self._on_velocity, qos.command())
        self._init = self.create_client(InitTarget, 'tracker/init_target')
        self._enable = self.create_client(SetBool, 'follow_target/enable')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def _on_velocity(self, message: TwistStamped) -> None:
        stamp_s = stamp_ns_of(message.header.stamp) / 1e9 - START_S
        twist = message.twist
        self.velocities.append((stamp_s, twist.linear.x, twist.angular.z))

    def wait(self, ready: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
        """Handle what comes until `ready`.

        Raises:
            NoAnswerError: it takes too long.
        """
        end_s = time.monotonic() + limit_s
        while not ready():
            self._executor.spin_once(timeout_sec=0.05)
            self._check()
            if time.monotonic() > end_s:
                raise NoAnswerError(f'no {what} within {limit_s:g} s')

    def wait_for_nodes(self) -> None:
        """Until every node hears and is heard."""
        hearers = (('image', 1), ('camera_info', 1), ('scan', 1), ('clock', 3))
        speakers = ('status', 'detections', 'target_pose', 'cmd_vel')
        self.wait(lambda: all(self.count_subscribers(n) >= k for n, k in hearers), 'subscribers')
        self.wait(lambda: all(self.count_publishers(name) for name in speakers), 'publishers')
        self.wait(self._init.service_is_ready, 'service init_target')
        self.wait(self._enable.service_is_ready, 'service enable')

    def tick(self, now_s: float) -> None:
        """Set the simulated clock."""
        self._out['clock'].publish(Clock(clock=time_message(_ns(now_s))))

    def scan(self, ranges_m: np.ndarray, now_s: float) -> None:
        """A laser scan."""
        self._out['scan'].publish(
            LaserScan(
                header=_header(now_s, 'laser'),
                angle_min=lidar.ANGLE_MIN,
                angle_max=-lidar.ANGLE_MIN,
                angle_increment=lidar.INCREMENT,
                range_min=lidar.RANGE_MIN_M,
                range_max=lidar.RANGE_MAX_M,
                ranges=ranges_m.astype(np.float32),
            )
        )

    def show(self, view: View, stamp_s: float) -> NodeAnswer:
        """An image with calibration and depth; returns when the tracker has answered it."""
        stamp_ns, again_s = _ns(stamp_s), -1.0

        def answered() -> bool:
            nonlocal again_s
            if stamp_ns in self._status and stamp_ns in self._detections:
                return True
            if time.monotonic() > again_s:
                again_s = time.monotonic() + AGAIN_S
                self._publish(view, stamp_s)
            return False

        self.wait(answered, 'status and detections of an image')
        status, array = self._status.pop(stamp_ns), self._detections.pop(stamp_ns)
        box = box_of(array.detections[0].bbox) if array.detections else None
        if box is not None:
            self._wait_for_pose(stamp_ns)
        pose = self._poses.pop(stamp_ns, None)
        return NodeAnswer(
            box,
            status.state in (TrackStatus.LOST, TrackStatus.SEARCHING),
            State(status.state),
            float(status.confidence),
            box_of(status.bbox),
            None if pose is None else (pose.pose.position.x, pose.pose.position.z),
        )

    def _wait_for_pose(self, stamp_ns: int) -> None:
        try:
            self.wait(lambda: stamp_ns in self._poses, 'target_pose', POSE_PATIENCE_S)
        except NoAnswerError:
            return  # refused: the image border cuts the target, for instance

    def _publish(self, view: View, stamp_s: float) -> None:
        header = _header(stamp_s, 'camera_optical')
        depth = np.where(np.isfinite(view.depth_m), view.depth_m, 0.0).astype(np.float32)
        self._out['camera_info'].publish(_camera_info(header))
        if self._out['depth'].get_subscription_count():
            self._out['depth'].publish(
                Image(
                    header=header,
                    width=WIDTH,
                    height=HEIGHT,
                    encoding='32FC1',
                    step=4 * WIDTH,
                    data=bytearray(depth.tobytes()),
                )
            )
        self._out['image'].publish(image_message(header, view.image_bgr))

    def init(self, box_xywh: Box, stamp_s: float) -> None:
        """Name the target in an image that was shown.

        Raises:
            NoAnswerError: the tracker refused it, or did not answer.
        """
        header = _header(stamp_s, 'camera_optical')
        request = InitTarget.Request(
            detection=detection_message(header, box_xywh, 1.0, TARGET_ID, 'person')
        )
        answer = self._call(self._init, request)
        if not answer.accepted:
            raise NoAnswerError(f'acceptance of the box: {answer.message}')

    def enable(self, enabled: bool) -> None:
        """Allow or forbid the robot to move."""
        self._call(self._enable, SetBool.Request(data=enabled))

    def _call(self, client: object, request: object) -> object:
        future = client.call_async(request)
        self.wait(future.done, f'answer of {client.srv_name}')
        return future.result()

    def close(self) -> None:
        """End the node."""
        self._executor.shutdown()
        self.destroy_node()


def _by_stamp(keep: dict) -> Callable[[object], None]:
    def on_message(message: object) -> None:
        keep[stamp_ns_of(message.header.stamp)] = message

    return on_message


def _ns(stamp_s: float) -> int:
    return round((START_S + stamp_s) * 1e9)


def _header(stamp_s: float, frame_id: str) -> Header:
    return Header(stamp=time_message(_ns(stamp_s)), frame_id=frame_id)


def _camera_info(header: Header) -> CameraInfo:
    info, cx, cy = camera_info(header, WIDTH, HEIGHT), (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    info.k = [FOCAL, 0.0, cx, 0.0, FOCAL, cy, 0.0, 0.0, 1.0]
    info.p = [FOCAL, 0.0, cx, 0.0, 0.0, FOCAL, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
