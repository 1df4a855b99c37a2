"""Publishes where the target is: a box, the calibration and a range become a pose.

    ros2 run siamla_ros target_pose --ros-args -p method:=height -p target_height_m:=1.7

Header and stamp are those of the detection. Nothing is published while the target is not confirmed.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import fields
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection2D

from siamla_ros.msg import TrackStatus
from siamla_ros.navigation.alignment import JUMP_NS, StampBuffer
from siamla_ros.navigation.camera_model import CameraError, CameraModel, camera_model
from siamla_ros.navigation.depth_image import DepthImageError, depth_array
from siamla_ros.navigation.projection import TargetPosition, locate
from siamla_ros.navigation.ranging import RangeConfig, RangeError
from siamla_ros.navigation.target_selection import TargetSelection
from siamla_ros.online.parameters import Parameter, rows_of
from siamla_ros.ros import qos
from siamla_ros.ros.messages import box_of, stamp_ns_of
from siamla_ros.ros.parameter_server import declare_once
from siamla_ros.ros.robot_messages import (
    diagnostic_message,
    pose_messages,
)
from siamla_ros.ros.running import run
from siamla_ros.ros.transforms import FrameTransformer, TransformError
from siamla_ros.supervision.supervisor import State

PARAMETERS = (
    *rows_of(RangeConfig),
    Parameter('rectified', False, 'the tracker works on the rectified image: take P, not K'),
    Parameter('target_id', '', 'the only target that counts; empty: the first confirmed one'),
    Parameter('target_frame', '', 'frame of the poses, by TF; empty: that of the camera'),
    Parameter('depth_tolerance_s', 0.02, 'between detection and depth image', 0.0, 3600.0),
    Parameter('info_tolerance_s', 1.0, 'between detection and camera_info', 0.0, 3600.0),
)
DEPTH_IMAGES, INFOS, WAITING = 40, 120, 10
DIAGNOSTICS_PERIOD_S = 1.0
OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN


class TargetPoseNode(Node):
    """Subscribes detection, status, camera_info (and depth); publishes target_pose and
    target_pose_with_covariance.
    """

    def __init__(self, transformer: FrameTransformer | None = None, **options: Any) -> None:
        """A transformer takes the place of TF in tests.

        Raises:
            ValueError: a parameter is bad, or target_frame is set and there is no tf2_ros.
        """
        super().__init__('target_pose', **options)
        values = declare_once(self, PARAMETERS)
        self._config = RangeConfig(**{item.name: values[item.name] for item in fields(RangeConfig)})
        for words in self._config.idle:
            self.get_logger().warning(words)
        self._rectified = values['rectified']
        self._selection = TargetSelection(values['target_id'])
        self._depth_ns = round(values['depth_tolerance_s'] * 1e9)
        self._info_ns = round(values['info_tolerance_s'] * 1e9)
        self._frame = values['target_frame']
        self._transformer = transformer
        if self._frame and transformer is None:
            self._transformer = FrameTransformer(self)
        self._infos: StampBuffer[CameraInfo] = StampBuffer(INFOS)
        self._depths: StampBuffer[Image] = StampBuffer(DEPTH_IMAGES)
        self._waiting: deque[Detection2D] = deque()
        self._camera: tuple[Any, CameraModel] | None = None
        self._published, self._since_report = 0, 0
        self._problem = 'no detection yet'
        self._connect()

    def _connect(self) -> None:
        self._pose = self.create_publisher(PoseStamped, 'target_pose', qos.result())
        self._covariance = self.create_publisher(
            PoseWithCovarianceStamped, 'target_pose_with_covariance', qos.result()
        )
        self._diagnostics = self.create_publisher(
            DiagnosticArray, '/diagnostics', qos.diagnostics()
        )
        self.create_subscription(TrackStatus, 'status', self._on_status, qos.result())
        self.create_subscription(Detection2D, 'detection', self._on_detection, qos.result())
        self.create_subscription(CameraInfo, 'camera_info', self._on_info, qos.image_out())
        if self._config.method == 'depth':
            self.create_subscription(Image, 'depth', self._on_depth, qos.image_out())
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._report, clock=steady)

    def _on_status(self, status: TrackStatus) -> None:
        tracking = status.state == TrackStatus.TRACKING
        if status.state == TrackStatus.IDLE:
            if self._selection.forget(status.id):
                self._problem = 'no target: publish a box on "init"'
        elif self._selection.accepts(status.id, tracking) and not tracking:
            state = State(status.state).name if status.state in set(State) else status.state
            self._refuse(f'target {status.id!r} is not confirmed: {state}')

    def _on_info(self, info: CameraInfo) -> None:
        self._infos.put(stamp_ns_of(info.header.stamp), info)
        self._settle()

    def _on_depth(self, image: Image) -> None:
        self._depths.put(stamp_ns_of(image.header.stamp), image)
        self._settle()

    def _on_detection(self, detection: Detection2D) -> None:
        if not self._selection.accepts(detection.id, confirmed=True):
            return
        stamp_ns = stamp_ns_of(detection.header.stamp)
        while self._waiting and stamp_ns_of(self._waiting[-1].header.stamp) > stamp_ns + JUMP_NS:
            self._waiting.pop()
            self._refuse('stamps ran back: what a detection waits for does not come any more')
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._refuse(f'{WAITING} detections wait for their depth image or camera_info')
        self._waiting.append(detection)
        self._settle()

    def _settle(self) -> None:
        """Publish what is complete, in order; drop what can no longer become complete."""
        while self._waiting:
            stamp_ns = stamp_ns_of(self._waiting[0].header.stamp)
            info = self._infos.nearest(stamp_ns, self._info_ns)
            depth = self._depths.nearest(stamp_ns, self._depth_ns)
            needs_depth = self._config.method == 'depth'
            if info is not None and (depth is not None or not needs_depth):
                self._publish(self._waiting.popleft(), info, depth)
            elif info is None and self._infos.is_past(stamp_ns, self._info_ns):
                self._waiting.popleft()
                self._refuse(f'no camera_info within {self._info_ns / 1e9:g} s of the detection')
            elif needs_depth and depth is None and self._depths.is_past(stamp_ns, self._depth_ns):
                self._waiting.popleft()
                self._refuse(f'no depth image within {self._depth_ns / 1e9:g} s of the detection')
            else:
                self._problem = f'waiting for {"camera_info" if info is None else "depth"}'
                return

    def _publish(self, detection: Detection2D, info: CameraInfo, depth: Image | None) -> None:
        try:
            position = self._locate(detection, info, depth)
            pose, with_covariance = pose_messages(
                detection.header, position, self._frame, self._transformer
            )
        except (RangeError, CameraError, DepthImageError, TransformError) as error:
            self._refuse(str(error))
            return
        self._pose.publish(pose)
        self._covariance.publish(with_covariance)
        self._published += 1
        self._problem = ''

    def _locate(
        self, detection: Detection2D, info: CameraInfo, depth: Image | None
    ) -> TargetPosition:
        score = detection.results[0].hypothesis.score if detection.results else 1.0
        array = None
        if depth is not None:
            array = depth_array(
                depth.data,
                depth.width,
                depth.height,
                depth.encoding,
                depth.step,
                bool(depth.is_bigendian),
            )
        return locate(self._model(info), box_of(detection.bbox), score, self._config, array)

    def _model(self, info: CameraInfo) -> CameraModel:
        """The camera of an info message; made anew only where the calibration changes."""
        roi = info.roi
        key = (info.width, info.height, info.distortion_model, tuple(info.d), tuple(info.k))
        key += (tuple(info.p), info.binning_x, info.binning_y, roi.x_offset, roi.y_offset)
        if self._camera is None or self._camera[0] != key:
            model = camera_model(
                info.width,
                info.height,
                info.distortion_model,
                info.d,
                info.k,
                info.p,
                rectified=self._rectified,
                binning=(info.binning_x, info.binning_y),
                roi_offset=(roi.x_offset, roi.y_offset),
            )
            self._camera = (key, model)
        return self._camera[1]

    def _refuse(self, why: str) -> None:
        self._problem = why
        self.get_logger().warning(f'no pose: {why}', throttle_duration_sec=1.0)

    def _report(self) -> None:
        if not self.context.ok():
            return
        new, self._since_report = self._published - self._since_report, self._published
        level = OK if new and not self._problem else WARN
        text = f'{new} poses a second' if level == OK else f'no pose: {self._problem}'
        if not new and not self._problem:
            text = 'no pose: no detection for a second'
        self._diagnostics.publish(
            diagnostic_message(
                self,
                'target pose',
                level,
                text,
                {
                    'published': self._published,
                    'method': self._config.method,
                    'target': self._selection.target_id,
                },
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run until interrupted."""
    return run(TargetPoseNode, args)


if __name__ == '__main__':
    sys.exit(main())
