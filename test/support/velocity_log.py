"""A camera for the nodes of the robot side, and a log of the velocities that they send."""

from __future__ import annotations

import time
from itertools import pairwise

from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from support.graph import wait_until
from support.scenes import SIDE, picture
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.ros import messages, qos
from siamla_ros.ros.camera_node import camera_info
from siamla_ros.ros.outputs import image_message

PLACE = (140, 100, SIDE, SIDE)
"""Of the target, which stands still: a little to the left of the middle."""
PERIOD_S = 0.1
LIMIT_S = 60.0


class VelocityLog(Node):
    """Times are those of the stamps, in s. `films`: it is the camera itself.

    Attributes:
        velocities: (stamp, ahead, turn) as they came.
        poses: stamps of the poses.
        lag_s: by how much the stamps of its images are too old.
        white: whether the first pixel of its images is.
    """

    def __init__(self, namespace, films):
        super().__init__('log', namespace=namespace)
        self.velocities, self.poses, self.states = [], [], []
        self.lag_s, self.white = 0.0, False
        self.first_late_s = None
        self._init = self.create_publisher(Detection2D, 'init', qos.command())
        self._enable = self.create_client(SetBool, 'follow_target/enable')
        self.create_subscription(TwistStamped, 'cmd_vel', self._on_velocity, qos.command())
        self.create_subscription(PoseStamped, 'target_pose', self._on_pose, qos.result())
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        if films:
            self._image = self.create_publisher(Image, 'image', qos.image_out())
            self._info = self.create_publisher(CameraInfo, 'camera_info', qos.image_out())
            self.create_timer(PERIOD_S, self._film)

    def _film(self):
        stamp_s = time.time() - self.lag_s
        if (self.lag_s or self.white) and self.first_late_s is None:
            self.first_late_s = stamp_s
        image = picture(PLACE[0])
        image[0, 0] = 255 if self.white else 0
        header = Header(stamp=messages.time_message(int(stamp_s * 1e9)), frame_id='camera')
        self._info.publish(camera_info(header, image.shape[1], image.shape[0]))
        self._image.publish(image_message(header, image))

    def _on_velocity(self, message):
        twist = message.twist
        self.velocities.append((_seconds(message), twist.linear.x, twist.angular.z))

    def _on_pose(self, message):
        self.poses.append(_seconds(message))

    def _on_status(self, message):
        self.states.append(message.state)

    def get_moving(self):
        """A box until there is a target, then leave to drive, until it drives."""

        def tracking():
            if TrackStatus.TRACKING not in self.states[-3:]:
                self._init.publish(messages.detection_message(Header(), PLACE, 1.0, 'red', 'sq'))
            time.sleep(0.3)
            return self.states[-1:] == [TrackStatus.TRACKING] and self.poses

        wait_until(tracking, 'no target', LIMIT_S)
        assert self._enable.wait_for_service(timeout_sec=LIMIT_S)
        future = self._enable.call_async(SetBool.Request(data=True))
        wait_until(future.done, 'not enabled', LIMIT_S)
        wait_until(lambda: self.velocities and self.velocities[-1][1] > 0.2, 'not moving', LIMIT_S)

    def wait_for_zeros(self, count):
        """Until the last so many velocities are zero."""

        def zero():
            last = list(self.velocities)[-count:]
            return len(last) == count and all(v[1:] == (0.0, 0.0) for v in last)

        wait_until(zero, 'not zero', LIMIT_S)

    def after(self, stamp_s):
        """The velocities with later stamps."""
        return [velocity for velocity in list(self.velocities) if velocity[0] > stamp_s]


def lateness(velocities, period_s):
    """How much later than once a period they came, in all: the machine was busy."""
    return sum(max(b[0] - a[0] - period_s, 0.0) for a, b in pairwise(velocities))


def _seconds(message):
    return messages.stamp_ns_of(message.header.stamp) / 1e9
