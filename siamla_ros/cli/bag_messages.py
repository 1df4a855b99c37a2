"""Messages of bags without ROS: images in, detections and status of their real types out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

import siamla_ros
from siamla_ros.geometry.boxes import Box
from siamla_ros.online.targets import TargetOutput
from siamla_ros.tracker.results import SCORES

PACKAGE = Path(siamla_ros.__file__).resolve().parent
DETECTIONS, STATUS = 'vision_msgs/msg/Detection2DArray', 'siamla_ros/msg/TrackStatus'
DEFINED = {
    'vision_msgs': (
        'Point2D',
        'Pose2D',
        'BoundingBox2D',
        'ObjectHypothesis',
        'ObjectHypothesisWithPose',
        'Detection2D',
        'Detection2DArray',
    ),
    'siamla_ros': ('TrackStatus',),
}
IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
IMAGES = (IMAGE, COMPRESSED_IMAGE)


def definition_folders(package: str) -> Iterator[Path]:
    """Where the .msg files of a package may lie: wheel, checkout, installed ROS packages."""
    yield PACKAGE / 'data/msg' / package
    if package == 'siamla_ros':
        yield PACKAGE.parent / 'msg'
    yield PACKAGE.parent / 'interfaces' / package / 'msg'
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        yield Path(prefix) / 'share' / package / 'msg'


def definition(package: str, name: str) -> str:
    """The text of a message definition.

    Raises:
        ValueError: There is none in this installation.
    """
    for folder in definition_folders(package):
        path = folder / f'{name}.msg'
        if path.is_file():
            return path.read_text(encoding='utf-8')
    raise ValueError(f'{package}/msg/{name}: this installation has no definition of the message')


def make_typestore() -> Any:
    """The common interfaces, vision_msgs and the messages of this package."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for package, names in DEFINED.items():
        for name in names:
            store.register(get_types_from_msg(definition(package, name), f'{package}/msg/{name}'))
    return store


class MessageMaker:
    """Makes messages of a typestore from outputs."""

    def __init__(self, store: Any) -> None:
        self._types = store.types
        self._status_names = [name for name, _ in store.fielddefs[STATUS][1]]

    def _box(self, box_xywh: Box) -> Any:
        types = self._types
        x, y, w, h = (float(value) for value in box_xywh)
        center = types['vision_msgs/msg/Point2D'](x + w / 2.0, y + h / 2.0)
        pose = types['vision_msgs/msg/Pose2D'](position=center, theta=0.0)
        return types['vision_msgs/msg/BoundingBox2D'](center=pose, size_x=w, size_y=h)

    def detections(self, header: Any, outputs: list[TargetOutput]) -> Any:
        """A Detection2DArray of the confirmed targets."""
        found = [self._detection(header, output) for output in outputs if output.confirmed]
        return self._types[DETECTIONS](header=header, detections=found)

    def _detection(self, header: Any, output: TargetOutput) -> Any:
        types = self._types
        hypothesis = types['vision_msgs/msg/ObjectHypothesis'](
            class_id=output.label, score=float(output.confidence)
        )
        pose = types['geometry_msgs/msg/PoseWithCovariance'](
            pose=types['geometry_msgs/msg/Pose'](
                position=types['geometry_msgs/msg/Point'](0.0, 0.0, 0.0),
                orientation=types['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0),
            ),
            covariance=np.zeros(36),
        )
        result = types['vision_msgs/msg/ObjectHypothesisWithPose'](hypothesis, pose)
        return types['vision_msgs/msg/Detection2D'](
            header=header, results=[result], bbox=self._box(output.box_xywh), id=output.id
        )

    def status(self, header: Any, output: TargetOutput) -> Any:
        """The TrackStatus of one target; the latency of a recording is zero."""
        predicted = output.predicted_xywh
        made = {
            'header': header,
            'state': int(output.state),
            'reason': int(output.reason),
            'bbox': self._box(output.box_xywh),
            'has_predicted': predicted is not None,
            'predicted_bbox': self._box(predicted or (0.0, 0.0, 0.0, 0.0)),
            **{name: output.score(name) for name in SCORES},
            'latency': self._types['builtin_interfaces/msg/Duration'](0, 0),
        }
        # What is not made here has the same name in the output.
        return self._types[STATUS](
            **{n: made[n] if n in made else _plain(getattr(output, n)) for n in self._status_names}
        )


def _plain(value: Any) -> Any:
    """A NumPy number as a Python one; NaN, which no field carries, as 0."""
    value = value.item() if isinstance(value, np.generic) else value
    return 0.0 if isinstance(value, float) and math.isnan(value) else value
