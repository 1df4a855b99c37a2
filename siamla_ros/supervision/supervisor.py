"""Is the target still there? A pure state machine over the fused confidence: no torch, no ROS.

    IDLE       --start-->                                         TRACKING
    TRACKING   --a bad frame, or a break in the stamps-->         UNCERTAIN
    UNCERTAIN  --good for confirm, or none bad for settle-->      TRACKING
    UNCERTAIN  --bad for lost, or uncertain_timeout_s-->          LOST
    LOST       --next image, if a search is wanted-->             SEARCHING
    SEARCHING  --reacquire-->                                     TRACKING
    SEARCHING  --search_timeout_s-->                              LOST
    any state  --start--> TRACKING, --clear--> IDLE

* TRACKING: the box is believed. Entering takes `high_threshold`, staying only `low_threshold`.
* UNCERTAIN: the box is followed while frames are not bad, but it is not believed and the template
  stays as it is.
* LOST: declared lost; the last trusted box is kept and help is requested. No search runs: it is
  off, has not begun or has timed out.
* SEARCHING: lost just the same, help still wanted, and self-recovery (`recovery`) is looking.

Every duration is counted in frames *and* in seconds, and both must be reached: the frames protect a
slow camera, the seconds a fast one. Seconds are summed from differences of image stamps, so a clock
that jumps (a bag that loops) cannot end or prolong a count; it only suspends belief until the
target is confirmed again.
"""

from __future__ import annotations

import math
from dataclasses import replace

from siamla_ros.geometry.boxes import Box
from siamla_ros.supervision.evidence import (
    Evidence,
    Observation,
    Quality,
    Reason,
    Reference,
    SupervisorConfig,
    assess,
    box_size,
    check_box,
    check_stamp,
    touches_border,
)
from siamla_ros.supervision.states import NO_FRAMES, Decision, Memory, State

__all__ = [
    'Decision',
    'Memory',
    'Observation',
    'Reason',
    'State',
    'Supervisor',
    'SupervisorConfig',
]


class Supervisor:
    """Decides, frame by frame, whether a target is believed; holds nothing but a configuration."""

    def __init__(self, config: SupervisorConfig | None = None, search: bool = False) -> None:
        """search: whether the caller runs a self-recovery while the target is lost."""
        self.config = config or SupervisorConfig()
        self.search = search

    def start(
        self, stamp_s: float, box_xywh: Box, image_size: tuple[int, int], again: bool = False
    ) -> Decision:
        """Trust a box from outside; `again` for a target that was there before.

        Raises ValueError for a box that is not finite or empty, or a stamp that is not finite.
        """
        reason = Reason.REINITIALIZED if again else Reason.INIT
        return self._trust(stamp_s, box_xywh, image_size, reason)

    def reacquire(
        self, memory: Memory, stamp_s: float, box_xywh: Box, image_size: tuple[int, int]
    ) -> Decision:
        """Trust a box that self-recovery has confirmed.

        Raises ValueError unless the target is being searched for, and as `start` does.
        """
        if memory.state is not State.SEARCHING:
            raise ValueError(f'state is {memory.state.name}, must be SEARCHING to reacquire')
        return self._trust(stamp_s, box_xywh, image_size, Reason.REACQUIRED)

    def clear(self) -> Decision:
        """Forget the target."""
        memory = Memory(reason=Reason.CLEARED)
        return Decision(State.IDLE, Reason.CLEARED, False, False, memory)

    def step(self, memory: Memory, seen: Observation) -> Decision:
        """One image on which the tracker was asked; IDLE stays, LOST and SEARCHING `tick`."""
        if memory.state not in (State.TRACKING, State.UNCERTAIN):
            return self.tick(memory, seen.stamp_s)
        interval_s, broken = self._interval(memory, seen.stamp_s)
        broken = broken or seen.image_size != memory.image_size
        memory = replace(_age(memory, seen.stamp_s, interval_s, broken), image_size=seen.image_size)
        reference = Reference(memory.box_xywh, memory.box_age_s, memory.full_size)
        evidence = assess(self.config, reference, seen)
        memory = _count(memory, evidence, interval_s)
        state, reason = self._judge(memory, evidence, broken)
        return _decide(_enter(memory, state, reason), evidence, seen, self.config)

    def tick(self, memory: Memory, stamp_s: float) -> Decision:
        """One image on which the tracker was not asked: time goes on, nothing is believed."""
        check_stamp(stamp_s)
        if memory.state is State.IDLE:
            return Decision(memory.state, memory.reason, False, False, memory)
        interval_s, broken = self._interval(memory, stamp_s)
        memory = _age(memory, stamp_s, interval_s, broken)
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
        memory = _enter(memory, state, reason)
        return Decision(state, reason, False, False, memory)

    def suspend(self, memory: Memory) -> Decision:
        """The node was paused: what was confirmed before must be confirmed again."""
        if memory.state in (State.TRACKING, State.UNCERTAIN):
            memory = _enter(_forget_motion(memory), State.UNCERTAIN, Reason.STALE)
        return Decision(memory.state, memory.reason, False, False, memory)

    def fail(self, memory: Memory, stamp_s: float) -> Decision:
        """One image on which the tracker failed: time goes on, nothing is confirmed."""
        decision = self.tick(memory, stamp_s)
        if decision.state is not State.TRACKING:
            return decision
        memory = _enter(decision.memory, State.UNCERTAIN, Reason.TRACKER_FAILED)
        return Decision(memory.state, memory.reason, False, False, memory)

    def _trust(
        self, stamp_s: float, box_xywh: Box, image_size: tuple[int, int], reason: Reason
    ) -> Decision:
        check_stamp(stamp_s)
        check_box(box_xywh, smallest=1e-6)
        memory = Memory(
            state=State.TRACKING,
            reason=reason,
            frames_in_state=1,
            stamp_s=stamp_s,
            image_size=image_size,
            box_xywh=box_xywh,
            full_wh=box_xywh[2:],
            trusted_box_xywh=box_xywh,
            trusted_stamp_s=stamp_s,
        )
        return Decision(State.TRACKING, reason, True, True, memory, template_ok=True)

    def _interval(self, memory: Memory, stamp_s: float) -> tuple[float, bool]:
        """Seconds to count since the last image, and whether the stamps broke off between them."""
        raw = stamp_s - memory.stamp_s
        broken = abs(raw) > self.config.stale_after_s
        counted = raw if raw > 0.0 and not broken else self.config.assumed_interval_s
        return counted, broken

    def _timed_out(self, memory: Memory) -> bool:
        return 0.0 < self.config.uncertain_timeout_s <= memory.seconds_in_state

    def _judge(self, memory: Memory, evidence: Evidence, broken: bool) -> tuple[State, Reason]:
        """The next state of a target that is TRACKING or UNCERTAIN, and why."""
        config, bad = self.config, evidence.quality is Quality.BAD
        if memory.state is State.TRACKING:
            if broken:
                return State.UNCERTAIN, Reason.STALE
            return (State.UNCERTAIN, evidence.reason) if bad else (memory.state, memory.reason)
        if memory.good.reached(config.confirm_frames, config.confirm_s) or (
            memory.settled.reached(config.settle_frames, config.settle_s)
        ):
            return State.TRACKING, Reason.CONFIDENT
        if bad and memory.bad.reached(config.lost_frames, config.lost_s):
            return State.LOST, evidence.reason
        if self._timed_out(memory):
            return State.LOST, Reason.TIMEOUT
        return memory.state, memory.reason


def _age(memory: Memory, stamp_s: float, interval_s: float, broken: bool) -> Memory:
    """Let time go on by one image; after a break the old box says nothing about the new one."""
    if broken:
        memory = _forget_motion(memory)
    lost = memory.state in (State.LOST, State.SEARCHING)
    return replace(
        memory,
        stamp_s=stamp_s,
        frames_in_state=memory.frames_in_state + 1,
        seconds_in_state=memory.seconds_in_state + interval_s,
        box_age_s=memory.box_age_s + interval_s,
        lost_s=memory.lost_s + interval_s if lost else 0.0,
    )


def _forget_motion(memory: Memory) -> Memory:
    """After a break the last box says nothing about where the next one may be."""
    return replace(
        memory, box_age_s=math.inf, full_wh=(0.0, 0.0), good=NO_FRAMES, settled=NO_FRAMES
    )


def _count(memory: Memory, evidence: Evidence, interval_s: float) -> Memory:
    """Add one frame: bad ones weigh against fair ones, a good one forgives them all."""
    if evidence.quality is Quality.BAD:
        return replace(memory, good=NO_FRAMES, settled=NO_FRAMES, bad=memory.bad.more(interval_s))
    settled = memory.settled.more(interval_s)
    if evidence.quality is Quality.GOOD:
        return replace(memory, good=memory.good.more(interval_s), settled=settled, bad=NO_FRAMES)
    return replace(memory, good=NO_FRAMES, settled=settled, bad=memory.bad.less(interval_s))


def _enter(memory: Memory, state: State, reason: Reason) -> Memory:
    """The memory in its next state; the same one if nothing changes."""
    if state is memory.state:
        return memory
    if state is State.TRACKING:
        memory = replace(memory, bad=NO_FRAMES)
    return replace(memory, state=state, reason=reason, frames_in_state=1, seconds_in_state=0.0)


def _decide(
    memory: Memory, evidence: Evidence, seen: Observation, config: SupervisorConfig
) -> Decision:
    """Belief and acceptance that go with a state and the frame's own evidence."""
    usable = evidence.quality is not Quality.BAD and memory.state is not State.LOST
    tracking = memory.state is State.TRACKING
    if usable:
        cut = touches_border(seen.box_xywh, seen.image_size)
        smaller = box_size(seen.box_xywh) < memory.full_size
        memory = replace(
            memory,
            box_xywh=seen.box_xywh,
            box_age_s=0.0,
            full_wh=memory.full_wh if cut and smaller else seen.box_xywh[2:],
        )
    if usable and tracking:
        memory = replace(memory, trusted_box_xywh=seen.box_xywh, trusted_stamp_s=seen.stamp_s)
    believed = usable and (tracking or config.believe_uncertain)
    learn = tracking and evidence.quality is Quality.GOOD
    return Decision(memory.state, memory.reason, believed, usable, memory, template_ok=learn)
