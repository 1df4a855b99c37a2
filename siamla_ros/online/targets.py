"""What the engine keeps of each target, and what it reports of each target on each image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from siamla_ros.geometry.boxes import Box, box_size, carried_over, iou
from siamla_ros.identity.state import Appearance, IdentityState
from siamla_ros.online.bystander import Bystanders
from siamla_ros.online.continuity import Continuity
from siamla_ros.online.frame import Frame
from siamla_ros.supervision.motion import BoxMotion
from siamla_ros.supervision.supervisor import Decision, Memory, Observation, Reason, State
from siamla_ros.tracker.results import TargetState, TrackResult

FOLLOWED, MISSING = (State.TRACKING, State.UNCERTAIN), (State.LOST, State.SEARCHING)
PLACES_KEPT = 90  # confirmed boxes: three seconds at 30 Hz, as late as a detector may answer
NEW_SHARE = 0.3  # of the last step of a catch-up in the average of what a step takes
CLAIMED_IOU = 0.5  # with a box of another target
MAX_SPREAD = 2.0  # box sizes of uncertainty after which a prediction is of no use
Offer = tuple[int, tuple[tuple[Box, float], ...]]  # stamp of the image; boxes with log odds


@dataclass(frozen=True)
class TargetOutput:
    """One target on one image.

    Attributes:
        result: What the network answered, confirmed or not; None where it did not run.
        last_box_xywh: Where the target was seen last, in pixels; stands in for a missing result.
        predicted_xywh: Where the target should be, while it is not confirmed.
        newly_lost: LOST was entered on this image.
        last_confirmed_xywh: The last box that was confirmed in TRACKING.
        last_confirmed_ns: The stamp of its image.
        last_here_xywh: That box in the pixels of this image, which may be of another size.
        searched_xywh: Boxes that a search has probed on this image.
    """

    id: str
    label: str
    state: State
    reason: Reason
    confirmed: bool
    result: TrackResult | None
    last_box_xywh: Box
    predicted_xywh: Box | None
    frames_in_state: int
    newly_lost: bool
    last_confirmed_xywh: Box
    last_confirmed_ns: int
    searched_xywh: tuple[Box, ...] = ()
    last_here_xywh: Box | None = None

    @property
    def box_xywh(self) -> Box:
        """The box of the network, in pixels, or the last one."""
        return self.result.box_xywh if self.result else self.last_box_xywh

    def score(self, name: str) -> float:
        """One of `SCORES` of the result, in [0, 1]; 0 without a result."""
        return getattr(self.result, name) if self.result else 0.0

    @property
    def confidence(self) -> float:
        """Calibrated confidence in [0, 1]; 0 without a result."""
        return self.score('confidence')


@dataclass(frozen=True)
class Pursuit:
    """A lost target whose box is followed on: as the tracker and as the supervision know it.

    Attributes:
        state_s: See `Target`.
    """

    state: TargetState
    memory: Memory
    state_s: float


@dataclass
class Target:
    """A target between two images; the engine's own, mutable record.

    Attributes:
        state_s: Of the last image that the tracker has answered on, whether `state` is of that.
        seq, image_size: Number and (width, height) of the last image that it was updated on.
        search, pursuit: State of its search, and of its box that is followed on, while it is lost.
        apart: Ids of targets that it has been seen apart from, see `doubles`.
        double: On this image its box shows one of those.
        places: Stamps and boxes of the last images on which it was confirmed.
        offered: What `score_boxes` was given last, since it was lost.
    """

    id: str
    label: str
    state: TargetState
    memory: Memory
    image_size: tuple[int, int]
    seq: int
    stamp_ns: int
    motion: BoxMotion
    motion_s: float
    last_confirmed_ns: int
    identity: IdentityState = IdentityState()
    continuity: Continuity = field(default_factory=Continuity)
    bystanders: Bystanders = field(default_factory=Bystanders)
    result: TrackResult | None = None
    search: Any = None
    pursuit: Pursuit | None = None
    searched_xywh: tuple[Box, ...] = ()
    places: tuple[tuple[int, Box], ...] = ()
    offered: tuple[Offer, ...] = ()
    output: TargetOutput | None = None
    state_s: float = 0.0
    apart: set[str] = field(default_factory=set)
    double: bool = False

    @classmethod
    def begin(
        cls,
        target_id: str,
        label: str,
        box_xywh: Box,
        image_bgr: np.ndarray,
        frame: Frame,
        state: TargetState,
        decision: Decision,
        identity: IdentityState,
    ) -> Target:
        """A target on the frame of its init box, which is its first output at confidence 1."""
        target = cls(
            id=target_id,
            label=label,
            state=state,
            memory=decision.memory,
            image_size=(image_bgr.shape[1], image_bgr.shape[0]),
            seq=frame.seq,
            stamp_ns=frame.stamp_ns,
            motion=BoxMotion.start(box_xywh),
            motion_s=frame.stamp_s,
            last_confirmed_ns=frame.stamp_ns,
            identity=identity,
        )
        target.continuity.see(image_bgr, box_xywh, frame.stamp_s)
        given = TrackResult(state.box_xywh, 1.0, 1.0, 1.0, 0.0, 1.0, state)
        target.bystanders.confirm(image_bgr, given, frame.stamp_s)
        target.apply(decision, given, frame.stamp_ns)
        return target

    @property
    def followed(self) -> bool:
        """Whether the tracker runs on every image."""
        return self.memory.state in FOLLOWED

    @property
    def search_box_xywh(self) -> Box:
        """Where a search begins: the last confirmed box, in the pixels of the present images."""
        memory = self.memory
        return carried_over(memory.search_box_xywh, memory.confirmed_size, self.image_size)

    @property
    def missing(self) -> bool:
        """Whether it has been declared lost."""
        return self.memory.state in MISSING

    def begin_again(self, image_bgr: np.ndarray, result: TrackResult, stamp_s: float) -> None:
        """It was found again: no search any more, and its motion is not known."""
        self.motion = BoxMotion.start(result.box_xywh)
        self.search = self.pursuit = None
        self.bystanders.confirm(image_bgr, result, stamp_s)

    def fit_to(self, image_size: tuple[int, int]) -> None:
        """Carry the box over to an image of another size (the camera changed its resolution)."""
        if image_size == self.image_size:
            return
        box = carried_over(self.state.box_xywh, self.image_size, image_size)
        self.state = self.state.moved(box, self.state.confidence)
        self.motion = BoxMotion.start(box)
        self.image_size, self.search, self.pursuit, self.offered = image_size, None, None, ()

    def observed(
        self,
        result: TrackResult,
        image_bgr: np.ndarray,
        stamp_s: float,
        appearance: Appearance,
        continuity: float | None,
    ) -> Observation:
        """What the supervisor hears of a result on an image."""
        return Observation(
            stamp_s=stamp_s,
            confidence=result.supervised,
            second_peak=result.second_peak,
            box_xywh=result.box_xywh,
            image_size=(image_bgr.shape[1], image_bgr.shape[0]),
            similarity=appearance.similarity,
            color=appearance.color,
            continuity=continuity,
            double=self.double and self.followed,
            distractor_level=result.distractor_level,
            filter_response=result.filter_response,
            confidence_alone=result.confidence_alone,
            bystander=self.bystanders.shown(image_bgr, result.box_xywh, stamp_s),
        )

    def apply(self, decision: Decision, result: TrackResult | None, stamp_ns: int) -> None:
        """Take over a decision of the supervisor, and what it lets through of the result."""
        before = self.memory.state
        self.memory, self.result = decision.memory, result
        if result is not None:
            since_s, self.state_s = decision.memory.stamp_s - self.state_s, decision.memory.stamp_s
            rejected = not decision.accept_state
            self.state = self.state.rejecting(result.state, since_s) if rejected else result.state
        if self.memory.state is State.TRACKING:
            self.offered = ()
        if result is not None and decision.confirmed:
            self.places = (*self.places, (stamp_ns, result.box_xywh))[-PLACES_KEPT:]
            if self.memory.state is State.TRACKING:  # as `Memory.last_confirmed_xywh`
                self.last_confirmed_ns = stamp_ns
            self._learn_motion(result.box_xywh, stamp_ns / 1e9)
        newly_lost = self.missing and before in FOLLOWED
        self.stamp_ns = stamp_ns
        self.output = self._describe(decision, newly_lost)

    def _learn_motion(self, box_xywh: Box, stamp_s: float) -> None:
        interval_s = stamp_s - self.motion_s
        if 0.0 < interval_s < 1.0 and min(box_xywh[2:]) >= 1.0:
            self.motion = self.motion.seen(box_xywh, interval_s)
        elif min(box_xywh[2:]) >= 1.0:
            self.motion = BoxMotion.start(box_xywh)
        self.motion_s = stamp_s

    def predicted(self, stamp_s: float) -> Box | None:
        """Where the target should be at that time, or None once the prediction is too uncertain."""
        interval_s = stamp_s - self.motion_s
        if interval_s < 0.0:
            return None
        guess = self.motion.predicted(interval_s)
        box = guess.box_xywh
        return box if guess.spread_px <= MAX_SPREAD * box_size(box) else None

    def _describe(self, decision: Decision, newly_lost: bool) -> TargetOutput:
        memory = decision.memory
        here = carried_over(memory.last_confirmed_xywh, memory.confirmed_size, self.image_size)
        predicted = None if decision.confirmed else self.predicted(self.stamp_ns / 1e9)
        return TargetOutput(
            id=self.id,
            label=self.label,
            state=memory.state,
            reason=memory.reason,
            confirmed=decision.confirmed,
            result=self.result,
            last_box_xywh=self.state.box_xywh,
            predicted_xywh=predicted,
            frames_in_state=memory.frames_in_state,
            newly_lost=newly_lost,
            last_confirmed_xywh=memory.last_confirmed_xywh,
            last_confirmed_ns=self.last_confirmed_ns,
            last_here_xywh=here,
        )

    def claimed_by(self, targets: Iterable[Target], box_xywh: Box) -> bool:
        """Whether another of these targets is confirmed in that box of the same image."""
        outputs = [t.output for t in targets if t is not self and t.seq == self.seq and t.output]
        taken = [output.box_xywh for output in outputs if output.confirmed]
        return bool(taken) and bool((iou(box_xywh, taken) >= CLAIMED_IOU).any())


@dataclass
class CatchUp:
    """A target on its way from a past image to the present, and how fast it comes nearer.

    Attributes:
        target: It is behind the newest image.
        deadline_s: Monotonic time by which it must be in the present.
        step_s: Time that one image takes, averaged; 0 before the first.
    """

    target: Target
    deadline_s: float
    step_s: float = 0.0

    def stride(self, behind: int, now_s: float) -> int:
        """How many of the images that it is behind to go on by, so that the deadline holds."""
        if not self.step_s:
            return 1
        steps = max(1, int((self.deadline_s - now_s) / self.step_s))
        return min(behind, math.ceil(behind / steps))

    def note_step(self, spent_s: float) -> None:
        """One image took so long."""
        before = self.step_s or spent_s
        self.step_s = (1.0 - NEW_SHARE) * before + NEW_SHARE * spent_s
