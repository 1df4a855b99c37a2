"""The data of supervision: states, what is remembered of a target, what is decided on a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from siamla_ros.geometry.boxes import Box, check_box, touches_border
from siamla_ros.supervision.presence import START_LOG_ODDS


class State(IntEnum):
    """The values of TrackStatus.msg."""

    IDLE = 0
    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3
    SEARCHING = 4


class Reason(IntEnum):
    """Why a state was entered; the values of TrackStatus.msg."""

    NONE = 0
    INIT = 1
    CONFIDENT = 2
    LOW_CONFIDENCE = 3
    DISTRACTOR = 4
    IMPLAUSIBLE_MOTION = 5
    IMPLAUSIBLE_SCALE = 6
    LEFT_IMAGE = 7
    TIMEOUT = 8
    REACQUIRED = 9
    REINITIALIZED = 10
    CLEARED = 11
    STALE = 12
    TRACKER_FAILED = 13


@dataclass(frozen=True)
class Observation:
    """The tracker's answer on one image.

    Attributes:
        stamp_s: Of the image, in seconds.
        confidence: Calibrated confidence of the box, [0, 1].
        second_peak: Confidence of the best cell outside the box, [0, 1].
        box_xywh: Half-open pixels. A size of zero: no part of the box lies within the image.
        image_size: (width, height) in pixels.
        similarity: Of the box to the template, [0, 1]; None where it was never measured.
        color: Of the colors to those of the target so far, [0, 1]; None likewise.
        distractor_level: How much the box looks like a distractor that was seen before, [0, 1].
        filter_response: How much it looks like the target and not like its surroundings, by the
            target's filter, [0, 1]; 1 where that was not measured.
        confidence_alone: The confidence without these two, [0, 1]; None: it is the same.
        bystander: The box shows something that stood beside the target on the image on which that
            was last confirmed.
        continuity: Resemblance of the box's content to that on recent images, [0, 1]. None where
            the box is small or those images are not known.
        double: The box shows another target.

    Raises:
        ValueError: Names the field, its value and the limit.
    """

    stamp_s: float
    confidence: float
    second_peak: float
    box_xywh: Box
    image_size: tuple[int, int]
    similarity: float | None = None
    color: float | None = None
    continuity: float | None = None
    distractor_level: float = 0.0
    filter_response: float = 1.0
    confidence_alone: float | None = None
    double: bool = False
    bystander: bool = False

    @property
    def alone(self) -> float:
        """The confidence of the box without distractors and filter against it, [0, 1]."""
        return self.confidence if self.confidence_alone is None else self.confidence_alone

    def __post_init__(self) -> None:
        check_stamp(self.stamp_s)
        optional = ('similarity', 'color', 'continuity', 'confidence_alone')
        scores = ('confidence', 'second_peak', 'distractor_level', 'filter_response')
        for name in (*scores, *optional):
            value = getattr(self, name)
            if value is None and name in optional:
                continue
            if not 0.0 <= value <= 1.0:  # false for NaN, too
                raise ValueError(f'{name} is {value!r}, must lie in [0, 1]')
        check_box(self.box_xywh)
        if len(self.image_size) != 2 or not all(side > 0 for side in self.image_size):
            raise ValueError(
                f'image_size is {self.image_size!r}, must be (width, height), both above 0'
            )


@dataclass(frozen=True)
class Memory:
    """What the supervisor knows of one target; immutable, made by `Supervisor`.

    Attributes:
        state: Present state.
        reason: Why that state was entered.
        frames_in_state: Images since then, that one included.
        seconds_in_state: Seconds since then.
        stamp_s: Of the last image.
        image_size: (width, height) of the last image on which the tracker ran.
        box_xywh: The last box that was followed.
        box_age_s: Seconds since then.
        full_wh: The target's width and height when last clear of the image border.
        last_confirmed_xywh: The last box that was confirmed in TRACKING.
        last_confirmed_s: Stamp of its image.
        confirmed_size: (width, height) of its image.
        broke_off: While UNCERTAIN: stamps or the size of the images have broken off since then, so
            that it says nothing about where the target is.
        presence: Log odds that the box is on the target.
        lost_s: Seconds since LOST was declared.
        search_over: The search has timed out.
    """

    state: State = State.IDLE
    reason: Reason = Reason.NONE
    frames_in_state: int = 0
    seconds_in_state: float = 0.0
    stamp_s: float = 0.0
    image_size: tuple[int, int] = (0, 0)
    box_xywh: Box = (0.0, 0.0, 0.0, 0.0)
    box_age_s: float = 0.0
    full_wh: tuple[float, float] = (0.0, 0.0)
    last_confirmed_xywh: Box = (0.0, 0.0, 0.0, 0.0)
    last_confirmed_s: float = 0.0
    confirmed_size: tuple[int, int] = (0, 0)
    broke_off: bool = False
    presence: float = START_LOG_ODDS
    lost_s: float = 0.0
    search_over: bool = False

    @property
    def full_size(self) -> float:
        """Side in pixels of the square of the target's area when last clear of the border."""
        return math.sqrt(self.full_wh[0] * self.full_wh[1])

    @property
    def search_box_xywh(self) -> Box:
        """The last confirmed box, for a search, in pixels of its image: where the border cut it,
        in its full size.
        """
        x, y, w, h = box = self.last_confirmed_xywh
        full_w, full_h = self.full_wh
        known = self.image_size == self.confirmed_size and min(full_w, full_h) > 0.0
        if not known or not touches_border(box, self.confirmed_size):
            return box
        return x + (w - full_w) / 2, y + (h - full_h) / 2, full_w, full_h


class Decision(NamedTuple):
    """What to do with the tracker's answer.

    Attributes:
        memory: What is known of the target from now on.
        confirmed: The box is published as a detection.
        accept_state: The new TargetState replaces the old one.
        learn_appearance: The colors of the box join those of the target.
    """

    memory: Memory
    confirmed: bool = False
    accept_state: bool = False
    learn_appearance: bool = False

    @property
    def state(self) -> State:
        """The state after this frame."""
        return self.memory.state

    @property
    def reason(self) -> Reason:
        """Why it was entered; it stays while the state does."""
        return self.memory.reason


def check_stamp(stamp_s: float) -> None:
    """Raise ValueError unless the stamp is finite."""
    if not math.isfinite(stamp_s):
        raise ValueError(f'stamp_s is {stamp_s!r}, must be finite')


def aged(memory: Memory, stamp_s: float, interval_s: float, broken: bool) -> Memory:
    """Let time go on by one image; after a break the old box says nothing about the new one."""
    if broken:
        memory = without_motion(memory)
    lost = memory.state in (State.LOST, State.SEARCHING)
    return replace(
        memory,
        stamp_s=stamp_s,
        frames_in_state=memory.frames_in_state + 1,
        seconds_in_state=memory.seconds_in_state + interval_s,
        box_age_s=memory.box_age_s + interval_s,
        lost_s=memory.lost_s + interval_s if lost else 0.0,
    )


def without_motion(memory: Memory) -> Memory:
    """After a break the last box says nothing about where the next one may be."""
    presence = min(memory.presence, 0.0)
    memory = replace(memory, box_age_s=math.inf, full_wh=(0.0, 0.0), presence=presence)
    return replace(memory, broke_off=True)


def confirmed_in(memory: Memory, box_xywh: Box) -> Memory:
    """A box of the present image is the last one that was confirmed."""
    return replace(
        memory,
        last_confirmed_xywh=box_xywh,
        last_confirmed_s=memory.stamp_s,
        confirmed_size=memory.image_size,
    )


def entered(memory: Memory, state: State, reason: Reason) -> Memory:
    """The memory in its next state; the same one if nothing changes."""
    if state is memory.state:
        return memory
    broke_off = memory.broke_off and state is State.UNCERTAIN
    memory = replace(memory, state=state, reason=reason, broke_off=broke_off)
    return replace(memory, frames_in_state=1, seconds_in_state=0.0)
