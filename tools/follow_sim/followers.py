"""Who drives: the package (engine, projection, controller), or a naive loop beside it."""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np

from follow_sim.lidar import ANGLE_MIN, INCREMENT, RANGE_MAX_M, RANGE_MIN_M
from follow_sim.measures import Answer
from siamla_ros.evaluation.followers import settings_for
from siamla_ros.geometry.boxes import Box
from siamla_ros.navigation.camera_model import CameraModel
from siamla_ros.navigation.follow_config import FollowConfig
from siamla_ros.navigation.following import FollowController
from siamla_ros.navigation.obstacles import ScanGeometry, free_way
from siamla_ros.navigation.projection import locate
from siamla_ros.navigation.ranging import RangeConfig, RangeError
from siamla_ros.navigation.safety import Clearance, Report, Sighting
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.supervisor import State
from siamla_ros.tracker.results import TrackerLike

RANGE = RangeConfig(method='height', target_height_m=1.7)
SCANNER = ScanGeometry(ANGLE_MIN, INCREMENT, RANGE_MIN_M, RANGE_MAX_M)


class Follower(Protocol):
    """Sees each image at once and gives the velocity for each step."""

    def start(self, image: np.ndarray, box_xywh: Box) -> None: ...

    def look(self, image: np.ndarray, stamp_s: float) -> Answer: ...

    def take(self, answer: Answer, stamp_s: float, now_s: float) -> None: ...

    def feel(self, ranges_m: np.ndarray, stamp_s: float, now_s: float) -> None: ...

    def drive(self, now_s: float) -> tuple[float, float]: ...


class SiamlaFollower:
    """The parts that the nodes run, without ROS."""

    def __init__(self, tracker: TrackerLike, camera: CameraModel, config: FollowConfig) -> None:
        self._camera = camera
        self._session = TrackingSession(tracker, settings_for('local'))
        self._controller = FollowController(config)
        self._controller.enable(True)
        self._first = None
        self._reports: dict[float, tuple[State, float]] = {}

    def start(self, image: np.ndarray, box_xywh: Box) -> None:
        """The first image, and the target in it."""
        self._first = self._session.start('target', box_xywh, image, 0.0)

    def look(self, image: np.ndarray, stamp_s: float) -> Answer:
        """One image for the tracker."""
        first, self._first = self._first, None
        output = first if first is not None else self._session.step(image, stamp_s)[0]
        self._reports[stamp_s] = (output.state, output.confidence)
        lost = output.state in (State.LOST, State.SEARCHING)
        return Answer(output.box_xywh if output.state is State.TRACKING else None, lost)

    def take(self, answer: Answer, stamp_s: float, now_s: float) -> None:
        """The answer arrives at the controller, late."""
        state, confidence = self._reports.pop(stamp_s)
        self._controller.update_status(Report(stamp_s, int(state), confidence), now_s)
        if answer.box_xywh is None:
            return
        try:
            position = locate(self._camera, answer.box_xywh, confidence, RANGE)
        except RangeError:
            return
        self._controller.update_pose(
            Sighting(stamp_s, position.bearing_rad, position.elevation_rad, position.range_m), now_s
        )

    def feel(self, ranges_m: np.ndarray, stamp_s: float, now_s: float) -> None:
        """A laser scan arrives."""
        free_m = free_way(ranges_m, SCANNER, self._controller.config.obstacle_half_width_m)
        self._controller.update_scan(Clearance(stamp_s, free_m), now_s)

    def drive(self, now_s: float) -> tuple[float, float]:
        """The velocity from now on."""
        velocity = self._controller.step(now_s, now_s)
        return velocity.ahead, velocity.pan


class NaiveFollower:
    """A tracker of OpenCV and proportional control, as one writes it in an afternoon."""

    def __init__(self, camera: CameraModel, distance_m: float) -> None:
        self._camera, self._distance_m = camera, distance_m
        self._tracker = cv2.TrackerMIL.create()
        self._velocity = (0.0, 0.0)

    def start(self, image: np.ndarray, box_xywh: Box) -> None:
        """The first image, and the target in it."""
        cv2.setRNGSeed(0)
        self._tracker.init(image, tuple(round(value) for value in box_xywh))
        self._height_px, self._start_m = box_xywh[3], RANGE.target_height_m

    def look(self, image: np.ndarray, stamp_s: float) -> Answer:
        """One image for the tracker."""
        found, box = self._tracker.update(image)
        return Answer(tuple(float(value) for value in box) if found else None)

    def take(self, answer: Answer, stamp_s: float, now_s: float) -> None:
        """Turn towards the box, drive by its height."""
        if answer.box_xywh is None:
            self._velocity = (0.0, 0.0)
            return
        x, _, w, h = answer.box_xywh
        bearing = math.atan2(self._camera.width / 2 - x - w / 2, self._camera.fx)
        range_m = RANGE.target_height_m * self._camera.fy / h
        self._velocity = (0.9 * (range_m - self._distance_m), 1.6 * bearing)

    def feel(self, ranges_m: np.ndarray, stamp_s: float, now_s: float) -> None:
        """It has no use for a laser scan."""

    def drive(self, now_s: float) -> tuple[float, float]:
        """The velocity from now on."""
        return self._velocity
