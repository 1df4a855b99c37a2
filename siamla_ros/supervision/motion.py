"""Where a hidden target may be: a constant-velocity Kalman filter over one box.

The filter is OpenCV's; this wrapper is immutable, counts in seconds and scales its noise with the
box, so that the same numbers serve a near and a distant target at any frame rate. A prediction is a
guess: it is never published as a detection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from siamla_ros.geometry.boxes import SMALLEST_PX, Box, check_box

STATES = 6  # center x, y; natural log of width, height; velocity x, y
MEASURED = 4

BOX_NOISE = 0.03  # standard deviation of a measured center in box sizes, and of log size
ACCELERATION = 4.0  # box sizes per second squared
SIZE_DRIFT = 0.3  # natural log per square root of a second
FIRST_SPEED = 2.0  # standard deviation of the unknown first velocity, box sizes a second
COASTING_S = 0.7  # a hidden target's velocity fades with this time constant
LONGEST_STEP_S = 60.0


@dataclass(frozen=True)
class BoxMotion:
    """A box, its velocity and how sure both are; made by `start`, `seen` and `predicted`.

    Attributes:
        mean: Center x, y in pixels; log width, log height; velocity x, y in pixels a second.
        covariance: 6x6, row by row.
    """

    mean: tuple[float, ...]
    covariance: tuple[float, ...]

    @staticmethod
    def start(box_xywh: Box) -> BoxMotion:
        """A box of unknown velocity. Raises ValueError for one that is not finite or is empty."""
        cx, cy, log_w, log_h = _measured(box_xywh)
        size = math.exp((log_w + log_h) / 2)
        place, speed = (BOX_NOISE * size) ** 2, (FIRST_SPEED * size) ** 2
        diagonal = np.diag([place, place, BOX_NOISE**2, BOX_NOISE**2, speed, speed])
        return BoxMotion((cx, cy, log_w, log_h, 0.0, 0.0), tuple(diagonal.ravel().tolist()))

    @property
    def box_xywh(self) -> Box:
        """The box, half-open pixels; it may lie outside the image."""
        cx, cy, log_w, log_h = self.mean[:4]
        w, h = math.exp(log_w), math.exp(log_h)
        return cx - w / 2, cy - h / 2, w, h

    @property
    def velocity_px_s(self) -> tuple[float, float]:
        """Velocity of the center in pixels a second."""
        return self.mean[4], self.mean[5]

    @property
    def spread_px(self) -> float:
        """Standard deviation of the center in pixels, the larger of x and y."""
        return math.sqrt(max(self.covariance[0], self.covariance[STATES + 1], 0.0))

    def seen(self, box_xywh: Box, interval_s: float) -> BoxMotion:
        """The motion once the target was seen in a box `interval_s` seconds later.

        Raises ValueError for an empty or non-finite box, or a negative or non-finite interval.
        """
        measured = np.array(_measured(box_xywh)).reshape(MEASURED, 1)
        kalman = self._filter(interval_s, coasting=False)
        kalman.predict()
        return _motion(kalman.correct(measured), kalman.errorCovPost)

    def predicted(self, interval_s: float) -> BoxMotion:
        """The motion `interval_s` seconds later if the target is not seen; its speed fades.

        Raises ValueError for a negative or non-finite interval.
        """
        kalman = self._filter(interval_s, coasting=True)
        return _motion(kalman.predict(), kalman.errorCovPre)

    def _filter(self, interval_s: float, coasting: bool) -> cv2.KalmanFilter:
        if not 0.0 <= interval_s < math.inf:
            raise ValueError(f'interval_s is {interval_s!r}, must be finite and not negative')
        step = min(interval_s, LONGEST_STEP_S)
        size = math.exp((self.mean[2] + self.mean[3]) / 2)
        fade = math.exp(-step / COASTING_S) if coasting else 1.0
        reach = COASTING_S * (1.0 - fade) if coasting else step
        kalman = cv2.KalmanFilter(STATES, MEASURED, 0, cv2.CV_64F)
        transition = np.eye(STATES)
        transition[0, 4] = transition[1, 5] = reach
        transition[4, 4] = transition[5, 5] = fade
        kalman.transitionMatrix = transition
        kalman.measurementMatrix = np.eye(MEASURED, STATES)
        kalman.processNoiseCov = _process_noise(step, size)
        place = (BOX_NOISE * size) ** 2
        kalman.measurementNoiseCov = np.diag([place, place, BOX_NOISE**2, BOX_NOISE**2])
        kalman.statePost = np.array(self.mean).reshape(STATES, 1)
        kalman.errorCovPost = np.array(self.covariance).reshape(STATES, STATES)
        return kalman


def _process_noise(step_s: float, size: float) -> np.ndarray:
    """6x6 noise of a velocity pushed at random by `ACCELERATION` and of a slowly changing size."""
    push = (ACCELERATION * size) ** 2
    noise = np.zeros((STATES, STATES))
    for place, speed in ((0, 4), (1, 5)):
        noise[place, place] = push * step_s**4 / 4
        noise[place, speed] = noise[speed, place] = push * step_s**3 / 2
        noise[speed, speed] = push * step_s**2
    noise[2, 2] = noise[3, 3] = SIZE_DRIFT**2 * step_s
    return noise


def _measured(box_xywh: Box) -> tuple[float, float, float, float]:
    check_box(box_xywh, SMALLEST_PX)
    x, y, w, h = box_xywh
    return x + w / 2, y + h / 2, math.log(w), math.log(h)


def _motion(mean: np.ndarray, covariance: np.ndarray) -> BoxMotion:
    return BoxMotion(tuple(mean.ravel().tolist()), tuple(covariance.ravel().tolist()))
