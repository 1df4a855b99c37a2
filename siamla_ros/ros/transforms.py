"""TF, where tf2_ros can be imported; a node that needs it and has none does not start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from siamla_ros.navigation.frames import rotation_matrix


class TransformError(RuntimeError):
    """A transform that is not known at that time; the message names it."""


class FrameTransformer:
    """Looks up transforms at the time of a header."""

    def __init__(self, node: Node) -> None:
        """Listen to /tf and /tf_static.

        Raises:
            ValueError: tf2_ros cannot be imported.
        """
        try:
            import tf2_ros
        except ImportError as error:
            raise ValueError(
                f'target_frame is set, which needs tf2_ros, and that cannot be imported: {error}'
            ) from error
        self._errors: Any = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def lookup(self, frame: str, header: Header) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rotation (3 x 3) and translation (3, m) from the frame of the header to `frame`.

        Raises:
            TransformError: it is not known at the stamp of the header.
        """
        try:
            found = self._buffer.lookup_transform(
                frame, header.frame_id, Time.from_msg(header.stamp)
            ).transform
        except self._errors as error:
            raise TransformError(f'no transform to target_frame {frame!r}: {error}') from error
        q, t = found.rotation, found.translation
        return rotation_matrix((q.x, q.y, q.z, q.w)), np.array([t.x, t.y, t.z])
