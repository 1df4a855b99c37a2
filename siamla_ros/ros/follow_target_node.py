"""Drives a robot after the target: a differential base, or a pan-tilt head.

    ros2 run siamla_ros follow_target --ros-args -p distance_m:=2.0
    ros2 service call /follow_target/enable std_srvs/srv/SetBool '{data: true}'

Nothing is published before it is enabled. Every input that ends, is too old or uncertain leads to
zero: within `timeout_s` + `stop_time_s` and one period, and at once when the target is LOST.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import fields
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from siamla_ros.msg import TrackStatus
from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.following import FollowController, Velocity
from siamla_ros.navigation.frames import OPTICAL_TO_BODY
from siamla_ros.navigation.obstacles import ScanGeometry, free_way
from siamla_ros.navigation.safety import Action, Clearance, InputError, Report, Sighting
from siamla_ros.navigation.target_selection import TargetSelection
from siamla_ros.online.parameters import Parameter, rows_of
from siamla_ros.ros import qos
from siamla_ros.ros.messages import stamp_ns_of
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.robot_messages import diagnostic_message
from siamla_ros.ros.running import run

PARAMETERS = (
    *rows_of(FollowConfig),
    Parameter('target_id', '', 'the only target that counts; empty: the first confirmed one'),
    Parameter('stamped', True, 'cmd_vel is TwistStamped; false: Twist'),
    Parameter('frame_id', 'base_link', 'of the TwistStamped'),
    Parameter(
        'pose_frame',
        'optical',
        'axes of target_pose: those of a camera, or x ahead, y left, z up',
        choices=('optical', 'body'),
    ),
    Parameter('scan_yaw_rad', 0.0, 'yaw of the scanner on the robot, for obstacles: scan'),
)
DIAGNOSTICS_PERIOD_S = 1.0
STOP_MESSAGES = 3  # zeros after the end, for a base that missed one


class FollowTargetNode(Node):
    """Subscribes target_pose, status, and scan where it heeds obstacles; publishes cmd_vel; service
    ~/enable.
    """

    def __init__(self, **options: Any) -> None:
        """Raises ValueError: a parameter is bad."""
        super().__init__('follow_target', **options)
        values = declare_once(self, PARAMETERS)
        config = FollowConfig(**{item.name: values[item.name] for item in fields(FollowConfig)})
        self._values = values
        self._selection = TargetSelection(values['target_id'])
        self._controller = FollowController(config)
        self._velocity: Velocity | None = None
        self._zeros_left = 0
        kind = TwistStamped if values['stamped'] else Twist
        self._publisher = self.create_publisher(kind, 'cmd_vel', qos.velocity())
        self._diagnostics = self.create_publisher(
            DiagnosticArray, '/diagnostics', qos.diagnostics()
        )
        self.create_subscription(PoseStamped, 'target_pose', self._on_pose, qos.result())
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        if config.obstacles == 'scan':
            self.create_subscription(LaserScan, 'scan', self._on_scan, qos.scan_in())
        self.create_service(SetBool, '~/enable', self._on_enable)
        # steady: the robot must be stopped when the clock of a simulation stands still, too
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(config.period_s, self._step, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report, clock=steady)

    def _on_pose(self, pose: PoseStamped) -> None:
        position = pose.pose.position
        xyz = (position.x, position.y, position.z)
        if self._values['pose_frame'] == 'optical':
            xyz = tuple(float(value) for value in OPTICAL_TO_BODY @ xyz)
        ahead, left, up = xyz
        range_m = math.hypot(ahead, left)
        sighting = Sighting(
            stamp_ns_of(pose.header.stamp) / 1e9,
            math.atan2(left, ahead),
            math.atan2(up, range_m),
            range_m,
        )
        self._take(lambda: self._controller.update_pose(sighting, time.monotonic()))

    def _on_status(self, status: TrackStatus) -> None:
        if status.state == TrackStatus.IDLE:
            if self._selection.forget(status.id):
                self._controller.clear()
        elif self._selection.accepts(status.id, status.state == TrackStatus.TRACKING):
            report = Report(
                stamp_ns_of(status.header.stamp) / 1e9, status.state, float(status.confidence)
            )
            self._take(lambda: self._controller.update_status(report, time.monotonic()))

    def _on_scan(self, scan: LaserScan) -> None:
        geometry = ScanGeometry(
            scan.angle_min,
            scan.angle_increment,
            scan.range_min,
            scan.range_max,
            self._values['scan_yaw_rad'],
        )
        self._take(
            lambda: self._controller.update_scan(self._clearance(scan, geometry), time.monotonic())
        )

    def _clearance(self, scan: LaserScan, geometry: ScanGeometry) -> Clearance:
        half_m = self._controller.config.obstacle_half_width_m
        return Clearance(
            stamp_ns_of(scan.header.stamp) / 1e9, free_way(scan.ranges, geometry, half_m)
        )

    def _take(self, take: Any) -> None:
        try:
            take()
        except InputError as error:
            self.get_logger().warning(f'ignored: {error}', throttle_duration_sec=1.0)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> Any:
        self._controller.enable(request.data)
        decision = self._controller.decision(self._now_s(), time.monotonic())
        response.success, response.message = True, decision.reason
        self.get_logger().info(f'{"enabled" if request.data else "disabled"}: {decision.reason}')
        return response

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds / 1e9

    def _step(self) -> None:
        before = self._velocity
        velocity = self._controller.step(self._now_s(), time.monotonic())
        self._velocity = velocity
        reason = velocity.decision.reason
        # A reason whose figures alone have changed is not logged again.
        if before is None or before.decision.reason.split(' is ')[0] != reason.split(' is ')[0]:
            self.get_logger().info(f'{velocity.decision.action.value}: {reason}')
        if self._controller.enabled or not velocity.is_zero:
            self._zeros_left = STOP_MESSAGES
        elif self._zeros_left > 0:
            self._zeros_left -= 1
        else:
            return  # silent while disabled: cmd_vel may be another's
        self._send(velocity.ahead, velocity.pan, velocity.tilt)

    def _send(self, ahead: float, pan: float, tilt: float) -> None:
        twist = Twist()
        # REP 103: a turn to the left is positive round z; upward is negative round y
        twist.linear.x, twist.angular.z, twist.angular.y = ahead, pan, -tilt
        if self._values['stamped']:
            header = Header(
                stamp=self.get_clock().now().to_msg(), frame_id=self._values['frame_id']
            )
            self._publisher.publish(TwistStamped(header=header, twist=twist))
        else:
            self._publisher.publish(twist)

    def _report(self) -> None:
        velocity = self._velocity
        if velocity is None or not self.context.ok():
            return
        follows = velocity.decision.action is Action.FOLLOW
        level = DiagnosticStatus.OK
        if self._controller.enabled and not follows:
            level = DiagnosticStatus.WARN
        values = {
            'enabled': self._controller.enabled,
            'target': self._selection.target_id,
            'action': velocity.decision.action.value,
            'ahead m/s': f'{velocity.ahead:.2f}',
            'pan rad/s': f'{velocity.pan:.2f}',
            'tilt rad/s': f'{velocity.tilt:.2f}',
        }
        self._diagnostics.publish(
            diagnostic_message(self, 'follow', level, velocity.decision.reason, values)
        )

    def close(self) -> None:
        """Leave the robot standing."""
        if self._zeros_left and self.context.ok():
            self._send(0.0, 0.0, 0.0)


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(FollowTargetNode, args)


if __name__ == '__main__':
    sys.exit(main())
