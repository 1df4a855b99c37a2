"""Followers under test: the supervised tracker of the node, or a peer with a threshold.

The node's engine is free of ROS, so what is measured here is the very code that runs on a robot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from siamla_ros.datasets.sequence import Sequence as Frames
from siamla_ros.evaluation.runner import Run
from siamla_ros.identity.state import IdentityConfig
from siamla_ros.online.parameters import Settings
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.settings import NodeSettings
from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.supervision.supervisor import State, SupervisorConfig
from siamla_ros.tracker.results import TrackerLike

FRAME_S = 1.0 / 30.0  # the stamps of an episode


@dataclass(frozen=True)
class Trace:
    """N frames of one follower: its box, whether it confirms it, whether it declares LOST, and the
    confidence that it reports, which is NaN where it has none.
    """

    boxes_xywh: np.ndarray
    confirmed: np.ndarray
    lost: np.ndarray
    confidence: np.ndarray


class SupervisedFollower:
    """One target in the node's own engine, on stamps `interval_s` apart."""

    def __init__(
        self, tracker: TrackerLike, settings: Settings, interval_s: float = FRAME_S
    ) -> None:
        self._tracker, self._settings, self._interval_s = tracker, settings, interval_s

    def follow(self, sequence: Frames) -> Trace:
        """Start on the first box and see all frames. Raises RuntimeError if the tracker fails."""
        boxes = np.full((len(sequence), 4), np.nan)
        confirmed, lost = np.zeros(len(sequence), bool), np.zeros(len(sequence), bool)
        confidence = np.zeros(len(sequence))
        session = TrackingSession(self._tracker, self._settings)
        for index, image in enumerate(sequence.frames()):
            stamp_s = index * self._interval_s
            if index == 0:
                output = session.start('target', sequence.init_box_xywh, image, stamp_s)
            else:
                output = session.step(image, stamp_s)[0]
            boxes[index], confirmed[index] = output.box_xywh, output.confirmed
            lost[index] = output.state in (State.LOST, State.SEARCHING)
            confidence[index] = output.confidence
        if session.last_error:
            raise RuntimeError(f'{sequence.name}: {session.last_error}')
        return Trace(boxes, confirmed, lost, confidence)


def settings_for(mode: str) -> Settings:
    """The shipped configuration with one mode of re-detection: off, local or global."""
    redetection = replace(RedetectionConfig(), mode=mode)
    return Settings(NodeSettings(), SupervisorConfig(), redetection, IdentityConfig())


def supervised(tracker: TrackerLike, mode: str) -> SupervisedFollower:
    """With the shipped configuration and one mode of re-detection: off, local or global."""
    return SupervisedFollower(tracker, settings_for(mode))


def by_threshold(run: Run, threshold: float, frames: int) -> Trace:
    """A peer decides by its own score: its box confirmed at the threshold or above.

    LOST after `frames` frames in a row below it, found again with the first frame that is not.
    """
    good = run.confidence >= threshold
    good[0] = True
    since = np.arange(len(good)) - np.maximum.accumulate(np.where(good, np.arange(len(good)), 0))
    return Trace(run.boxes_xywh, good, since >= frames, run.confidence)
