"""Who says whether the target is there: siamla with supervisor and recovery, or a peer's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.sequence import Sequence as Frames
from siamla_ros.motion import BoxMotion
from siamla_ros.recovery import Outcome, Recovery, RecoveryConfig
from siamla_ros.results import TargetState, TrackResult
from siamla_ros.supervisor import Observation, State, Supervisor, SupervisorConfig

FRAME_S = 1.0 / 30.0  # the stamps of an episode


@dataclass(frozen=True)
class Trace:
    """N frames of one follower: its box, whether it vouches for it, whether it is declared LOST."""

    boxes_xywh: np.ndarray
    believed: np.ndarray
    lost: np.ndarray


class TrackerLike(Protocol):
    """What a supervised follower needs of `siamla_ros.tracker.Tracker`."""

    def init(self, image_bgr: np.ndarray, box_xywh: Any) -> TargetState: ...

    def update(self, image_bgr: np.ndarray, states: Any) -> list[TrackResult]: ...

    def probe(self, image_bgr: np.ndarray, state: Any, boxes_xywh: Any) -> list[TrackResult]: ...

    def similarity(self, image_bgr: np.ndarray, state: Any, boxes_xywh: Any) -> list[float]: ...


class SupervisedFollower:
    """One target with supervisor and recovery, as the node runs them, on stamps 1/30 s apart."""

    def __init__(
        self, tracker: TrackerLike, supervisor: SupervisorConfig, recovery: RecoveryConfig
    ) -> None:
        self._tracker = tracker
        self._supervisor = Supervisor(supervisor, search=recovery.mode != "off")
        self._recovery = Recovery(recovery)

    def follow(self, sequence: Frames) -> Trace:
        """Start on the first box and see all frames."""
        boxes = np.full((len(sequence), 4), np.nan)
        believed, lost = np.zeros(len(sequence), bool), np.zeros(len(sequence), bool)
        for index, image in enumerate(sequence.frames()):
            if index == 0:
                self._start(image, sequence.init_box_xywh)
            else:
                self._step(image, index * FRAME_S)
            boxes[index], believed[index] = self._box, self._decision.believed
            lost[index] = self._decision.state in (State.LOST, State.SEARCHING)
        return Trace(boxes, believed, lost)

    def _start(self, image: np.ndarray, box_xywh: Sequence[float]) -> None:
        self._state = self._tracker.init(image, box_xywh)
        self._decision = self._supervisor.start(0.0, tuple(box_xywh), _size(image))
        self._motion, self._motion_s = BoxMotion.start(tuple(box_xywh)), 0.0
        self._box, self._search = tuple(box_xywh), None

    def _step(self, image: np.ndarray, stamp_s: float) -> None:
        memory = self._decision.memory
        if memory.state in (State.TRACKING, State.UNCERTAIN):
            result = self._tracker.update(image, [self._state])[0]
            seen = Observation(
                stamp_s, result.confidence, result.second_peak, result.box_xywh, _size(image)
            )
            self._take(self._supervisor.step(memory, seen), result, stamp_s)
        else:
            self._decision = self._supervisor.tick(memory, stamp_s)
        if self._decision.memory.state is State.SEARCHING:
            self._look(image, stamp_s)
        else:
            self._search = None

    def _take(self, decision: Any, result: TrackResult, stamp_s: float) -> None:
        self._decision = decision
        if decision.accept_state:
            self._state = result.state
        if decision.believed:
            self._motion = self._motion.seen(result.box_xywh, stamp_s - self._motion_s)
            self._motion_s = stamp_s
        self._box = result.box_xywh

    def _look(self, image: np.ndarray, stamp_s: float) -> None:
        """One image of self-recovery."""
        memory = self._decision.memory
        if self._search is None:
            self._search = self._recovery.begin(
                memory.search_box_xywh, memory.trusted_stamp_s, self._motion.velocity_px_s
            )
        plan = self._recovery.plan(self._search, _size(image), stamp_s)
        if not plan.boxes_xywh:
            self._search = plan.memory
            return
        found = self._tracker.probe(image, self._state, plan.boxes_xywh)
        verdict = self._recovery.judge(
            plan.memory, found, lambda boxes: self._tracker.similarity(image, self._state, boxes)
        )
        self._search = verdict.memory
        if verdict.outcome is Outcome.ACCEPTED:
            result = found[verdict.index]
            self._motion, self._motion_s = BoxMotion.start(result.box_xywh), stamp_s
            decision = self._supervisor.reacquire(memory, stamp_s, result.box_xywh, _size(image))
            self._take(decision, result, stamp_s)
            self._search = None


def _size(image: np.ndarray) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def supervised(tracker: TrackerLike, mode: str) -> SupervisedFollower:
    """With the shipped configuration and one mode of recovery: off, local or global.

    The search windows are as wide as those of the tracker's network, which other weights than the
    shipped ones may need.
    """
    config = replace(RecoveryConfig(), mode=mode)
    network = getattr(tracker, "model", None)
    if network is not None and network.isotropic == 0.0:
        config = replace(config, window=network.search_context)
    return SupervisedFollower(tracker, SupervisorConfig(), config)


def by_threshold(run: Run, threshold: float, frames: int) -> Trace:
    """A peer's own score as judge, its box believed at the threshold or above.

    LOST after `frames` frames in a row below it, found again with the first frame that is not.
    """
    good = run.confidence >= threshold
    good[0] = True
    since = np.arange(len(good)) - np.maximum.accumulate(np.where(good, np.arange(len(good)), 0))
    return Trace(run.boxes_xywh, good, since >= frames)
