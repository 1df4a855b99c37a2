"""Is the target still there? A pure state machine over the tracker's answers: no torch, no ROS.

    IDLE       --start-->                                                TRACKING
    TRACKING   --a bad frame, presence low, or a break in the stamps-->  UNCERTAIN
    UNCERTAIN  --a frame that is not bad, presence high-->               TRACKING
    UNCERTAIN  --presence very low, or uncertain_timeout_s-->            LOST
    LOST       --next image, if a search is wanted-->                    SEARCHING
    SEARCHING  --reacquire-->                                            TRACKING
    SEARCHING  --search_timeout_s-->                                     LOST
    any state  --start--> TRACKING, --clear--> IDLE

* TRACKING: the box is confirmed.
* UNCERTAIN: the box is followed, unless it cannot be the target's or shows next to nothing, but it
  is not confirmed and the appearance is not learned.
* LOST: the last confirmed box is kept and help is requested. No search runs: it is off, has not
  begun or has timed out.
* SEARCHING: lost just the same, help still requested, and re-detection is searching.

Presence is the evidence of all frames so far (`presence`), in log odds: no single kind of evidence,
and no short fall of one, ends a track that everything else speaks for. Seconds are summed from
differences of image stamps, so a clock that jumps (a bag that loops) cannot end or prolong a
state; it only makes the target UNCERTAIN.
"""

from __future__ import annotations

import math
from dataclasses import replace

from siamla_ros.geometry.boxes import (
    SMALLEST_PX,
    Box,
    box_size,
    center,
    check_box,
    touches_border,
)
from siamla_ros.supervision.evidence import (
    Evidence,
    Quality,
    SupervisorConfig,
    assess,
    is_faint,
)
from siamla_ros.supervision.presence import (
    MOST_FRAME_LOG_ODDS,
    EvidenceModel,
    frame_log_odds,
    update_presence,
)
from siamla_ros.supervision.states import (
    Decision,
    Memory,
    Observation,
    Reason,
    State,
    aged,
    check_stamp,
    confirmed_in,
    entered,
    without_motion,
)

__all__ = [
    'Decision',
    'EvidenceModel',
    'Memory',
    'Observation',
    'Reason',
    'State',
    'Supervisor',
    'SupervisorConfig',
]

NEAR_SIDES = 0.5  # a box within so many sides of the last confirmed one has not jumped
# Log odds. Losses are expected at any time, so presence has an end: after a wide jump only a box
# that shows the target clearly gets there, and the others are left to a search.
MOST_FOR_JUMP = 3.5
MORE_WHEN_LOST = 2.0  # log odds


class Supervisor:
    """Decides, frame by frame, whether a target is there; holds nothing but configurations."""

    def __init__(
        self,
        config: SupervisorConfig | None = None,
        search: bool = False,
        model: EvidenceModel | None = None,
    ) -> None:
        """Args:
        config: What a user may turn.
        search: Whether the caller searches for the target while it is lost.
        model: Weights of the evidence, from the checkpoint.
        """
        self.config = config or SupervisorConfig()
        self.search = search
        self.model = model or EvidenceModel()

    def start(
        self, stamp_s: float, box_xywh: Box, image_size: tuple[int, int], again: bool = False
    ) -> Decision:
        """Follow a box that was given; `again` for a target that was there before.

        Raises:
            ValueError: The box is not finite or empty, or the stamp is not finite.
        """
        reason = Reason.REINITIALIZED if again else Reason.INIT
        return self._follow(stamp_s, box_xywh, image_size, reason)

    def reacquire(
        self, memory: Memory, stamp_s: float, box_xywh: Box, image_size: tuple[int, int]
    ) -> Decision:
        """Follow a box that a search has accepted, or `pursue` confirmed.

        Raises:
            ValueError: The target is not being searched for; also as `start` does.
        """
        if memory.state is not State.SEARCHING:
            raise ValueError(f'state is {memory.state.name}, must be SEARCHING to reacquire')
        return self._follow(stamp_s, box_xywh, image_size, Reason.REACQUIRED)

    def clear(self) -> Decision:
        """Forget the target."""
        return Decision(Memory(reason=Reason.CLEARED))

    def step(self, memory: Memory, seen: Observation) -> Decision:
        """One image on which the tracker ran; IDLE stays, LOST and SEARCHING `tick`."""
        if memory.state not in (State.TRACKING, State.UNCERTAIN):
            return self.tick(memory, seen.stamp_s)
        memory, evidence, broken = self._weighed(memory, seen)
        state, reason = self._judge(memory, evidence, seen, broken)
        return _decide(entered(memory, state, reason), evidence, seen, self.config)

    def pursue(self, memory: Memory, seen: Observation) -> Decision:
        """One image on which the box of a lost target was followed on.

        `memory` is what was known when it was lost, then that of the last decision. TRACKING: the
        evidence is good enough to end LOST, which takes more than to end UNCERTAIN. UNCERTAIN
        otherwise.
        """
        uncertain = replace(memory, state=State.UNCERTAIN, broke_off=False)
        memory, evidence, broken = self._weighed(uncertain, seen)
        enough = memory.presence >= self._to_confirm(memory, seen) + MORE_WHEN_LOST
        if enough and evidence.quality is not Quality.BAD and not broken:
            memory = entered(memory, State.TRACKING, Reason.REACQUIRED)
        return _decide(memory, evidence, seen, self.config)

    def tick(self, memory: Memory, stamp_s: float) -> Decision:
        """One image on which the tracker did not run: time goes on, nothing is confirmed."""
        check_stamp(stamp_s)
        if memory.state is State.IDLE:
            return Decision(memory)
        interval_s, broken = self._interval(memory, stamp_s)
        memory = aged(memory, stamp_s, interval_s, broken)
        state, reason = memory.state, memory.reason
        if state is State.TRACKING and broken:
            state, reason = State.UNCERTAIN, Reason.STALE
        elif state is State.UNCERTAIN and self._timed_out(memory):
            state, reason = State.LOST, Reason.TIMEOUT
        elif state is State.LOST and self.search and not memory.search_over:
            state = State.SEARCHING
        elif state is State.SEARCHING and not self.search:
            state = State.LOST
        elif state is State.SEARCHING and 0.0 < self.config.search_timeout_s <= memory.lost_s:
            memory = replace(memory, search_over=True)
            state, reason = State.LOST, Reason.TIMEOUT
        return Decision(entered(memory, state, reason))

    def suspend(self, memory: Memory) -> Decision:
        """The node was paused: what was confirmed before must be confirmed again."""
        if memory.state in (State.TRACKING, State.UNCERTAIN):
            memory = entered(without_motion(memory), State.UNCERTAIN, Reason.STALE)
        return Decision(memory)

    def note_failure(self, memory: Memory, stamp_s: float) -> Decision:
        """One image on which the tracker failed: time goes on, nothing is confirmed."""
        decision = self.tick(memory, stamp_s)
        if decision.state is not State.TRACKING:
            return decision
        memory = entered(decision.memory, State.UNCERTAIN, Reason.TRACKER_FAILED)
        return Decision(memory)

    def _follow(
        self, stamp_s: float, box_xywh: Box, image_size: tuple[int, int], reason: Reason
    ) -> Decision:
        check_stamp(stamp_s)
        check_box(box_xywh, SMALLEST_PX)
        memory = Memory(
            state=State.TRACKING,
            reason=reason,
            frames_in_state=1,
            stamp_s=stamp_s,
            image_size=image_size,
            box_xywh=box_xywh,
            full_wh=box_xywh[2:],
        )
        memory = confirmed_in(memory, box_xywh)
        return Decision(memory, confirmed=True, accept_state=True, learn_appearance=True)

    def _interval(self, memory: Memory, stamp_s: float) -> tuple[float, bool]:
        """Seconds to count since the last image, and whether the stamps broke off between them."""
        raw = stamp_s - memory.stamp_s
        broken = abs(raw) > self.config.stale_after_s
        counted = raw if raw > 0.0 and not broken else self.config.assumed_interval_s
        return counted, broken

    def _weighed(self, memory: Memory, seen: Observation) -> tuple[Memory, Evidence, bool]:
        """The memory with this image's evidence, the evidence, and whether the stamps broke off."""
        interval_s, broken = self._interval(memory, seen.stamp_s)
        broken = broken or seen.image_size != memory.image_size
        memory = replace(aged(memory, seen.stamp_s, interval_s, broken), image_size=seen.image_size)
        evidence = assess(self.config, memory, seen)
        frame = self._log_odds(evidence, seen)
        presence = update_presence(self.model, memory.presence, frame, interval_s)
        return replace(memory, presence=presence), evidence, broken

    def _timed_out(self, memory: Memory) -> bool:
        return 0.0 < self.config.uncertain_timeout_s <= memory.seconds_in_state

    def _log_odds(self, evidence: Evidence, seen: Observation) -> float:
        """The evidence of this frame alone, in log odds that the box is on the target."""
        if evidence.reason is Reason.LEFT_IMAGE:
            return -MOST_FRAME_LOG_ODDS
        odds = frame_log_odds(
            self.model,
            seen.alone,
            seen.second_peak,
            seen.similarity,
            seen.color,
            seen.distractor_level,
            seen.filter_response,
        )
        if evidence.quality is not Quality.BAD:
            return odds
        low = evidence.reason is Reason.LOW_CONFIDENCE
        if low and seen.alone >= self.config.low_threshold:
            return odds  # a distractor has lowered it, which has been weighed
        return min(odds, 0.0 if low else self.model.implausible)  # a bad frame never speaks for it

    def _judge(
        self, memory: Memory, evidence: Evidence, seen: Observation, broken: bool
    ) -> tuple[State, Reason]:
        """The next state of a target that is TRACKING or UNCERTAIN, and why."""
        bad = evidence.quality is Quality.BAD
        why = evidence.reason if bad else Reason.DISTRACTOR
        if memory.state is State.TRACKING:
            if broken:
                return State.UNCERTAIN, Reason.STALE
            uncertain = bad or memory.presence < self.model.uncertain_below
            return (State.UNCERTAIN, why) if uncertain else (memory.state, memory.reason)
        enough = memory.presence >= self._to_confirm(memory, seen)
        if enough and not bad and not broken:
            return State.TRACKING, Reason.CONFIDENT
        patient = memory.seconds_in_state >= self.config.lost_s - 1e-9
        if patient and memory.presence < self.model.lost_below:
            return State.LOST, why
        if self._timed_out(memory):
            return State.LOST, Reason.TIMEOUT
        return memory.state, memory.reason

    def _to_confirm(self, memory: Memory, seen: Observation) -> float:
        """Presence that turns UNCERTAIN into TRACKING: the more, the further the box is from the
        last one that was confirmed, for what hides a target may stand beside others like it. After
        a break that box says nothing.
        """
        if memory.broke_off:
            return self.model.confirmed_above
        (x, y), (old_x, old_y) = center(seen.box_xywh), center(memory.last_confirmed_xywh)
        sides = math.hypot(x - old_x, y - old_y) / box_size(memory.last_confirmed_xywh)
        more = self.model.jump_weight * math.log1p(max(sides - NEAR_SIDES, 0.0))
        return self.model.confirmed_above + min(more, MOST_FOR_JUMP)


def _decide(
    memory: Memory, evidence: Evidence, seen: Observation, config: SupervisorConfig
) -> Decision:
    """Confirmation and acceptance that go with a state and the frame's own evidence."""
    lost = memory.state is State.LOST
    usable = evidence.quality is not Quality.BAD and not lost
    followed = usable or (not lost and is_faint(config, memory, evidence, seen))
    tracking = memory.state is State.TRACKING
    if followed:
        memory = replace(memory, box_xywh=seen.box_xywh, box_age_s=0.0)
    if usable:
        cut = touches_border(seen.box_xywh, seen.image_size)
        smaller = box_size(seen.box_xywh) < memory.full_size
        memory = replace(memory, full_wh=memory.full_wh if cut and smaller else seen.box_xywh[2:])
    if usable and tracking:
        memory = confirmed_in(memory, seen.box_xywh)
    confirmed = usable and (tracking or config.publish_uncertain)
    learn = tracking and evidence.quality is Quality.GOOD
    return Decision(memory, confirmed, followed, learn_appearance=learn)
