"""Messages and parameters that the nodes on the robot side share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from rclpy.node import Node
from std_msgs.msg import Header

from siamla_ros.navigation.frames import yaw_quaternion
from siamla_ros.navigation.projection import TargetPosition
from siamla_ros.ros.diagnostics import diagnostic_status

if TYPE_CHECKING:
    from siamla_ros.ros.transforms import FrameTransformer

UNKNOWN_ANGLE_VARIANCE = math.pi**2 / 3.0
"""Variance of an angle of which nothing is known: uniform over a turn."""


def pose_messages(
    header: Header,
    position: TargetPosition,
    frame: str = '',
    transformer: FrameTransformer | None = None,
) -> tuple[PoseStamped, PoseWithCovarianceStamped]:
    """A pose with and without covariance, in the frame of the header or in another by TF.

    In the camera's frame the orientation is the identity; in another it heads from the camera to
    the target, as a goal for navigation needs it. The orientation of the target is not known.

    Raises:
        TransformError: there is no such transform at that time.
    """
    xyz, covariance = np.array(position.xyz_m), position.covariance
    quaternion, frame_id = (0.0, 0.0, 0.0, 1.0), header.frame_id
    if frame and transformer is not None:
        rotation, translation = transformer.lookup(frame, header)
        heading = rotation @ xyz
        quaternion = yaw_quaternion(math.atan2(heading[1], heading[0]))
        xyz, covariance = heading + translation, rotation @ covariance @ rotation.T
        frame_id = frame
    whole = np.zeros((6, 6))
    whole[:3, :3] = covariance
    whole[3:, 3:] = np.eye(3) * UNKNOWN_ANGLE_VARIANCE
    copied = Header(stamp=header.stamp, frame_id=frame_id)
    plain = PoseStamped(header=copied)
    full = PoseWithCovarianceStamped(header=copied)
    for pose in (plain.pose, full.pose.pose):
        pose.position.x, pose.position.y, pose.position.z = (float(value) for value in xyz)
        pose.orientation.x, pose.orientation.y = quaternion[:2]
        pose.orientation.z, pose.orientation.w = quaternion[2:]
    full.pose.covariance = whole.reshape(-1)
    return plain, full


def diagnostic_message(
    node: Node, what: str, level: bytes, text: str, values: dict[str, Any]
) -> DiagnosticArray:
    """One status of a node, stamped now."""
    name = node.get_fully_qualified_name().lstrip('/')
    status = diagnostic_status(f'{name}: {what}', name, level, text, values)
    array = DiagnosticArray(status=[status])
    array.header.stamp = node.get_clock().now().to_msg()
    return array
