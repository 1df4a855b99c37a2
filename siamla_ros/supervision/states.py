"""The data of supervision: states, what is remembered of a target, what is decided on a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from siamla_ros.geometry.boxes import Box
from siamla_ros.supervision.evidence import Reason, touches_border


class State(IntEnum):
    """The values of TrackStatus.msg."""

    IDLE = 0
    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3
    SEARCHING = 4


class Count(NamedTuple):
    """A run of frames and the seconds from its first frame to its last."""

    frames: int = 0
    seconds: float = 0.0

    def more(self, interval_s: float) -> Count:
        """One frame more."""
        return Count(self.frames + 1, self.seconds + interval_s if self.frames else 0.0)

    def less(self, interval_s: float) -> Count:
        """One frame less, though time went on; nothing is left of a run of one."""
        return Count(self.frames - 1, self.seconds + interval_s) if self.frames > 1 else NO_FRAMES

    def reached(self, frames: int, seconds: float) -> bool:
        """Whether it is as long as both limits ask."""
        return self.frames >= frames and self.seconds >= seconds - 1e-9


NO_FRAMES = Count()


@dataclass(frozen=True)
class Memory:
    """What the supervisor knows of one target; immutable, made by `Supervisor`.

    reason: why the state was entered. box_xywh: the last box that was followed, box_age_s seconds
    ago. full_wh: the target's width and height when last clear of the image border.
    trusted_box_xywh, trusted_stamp_s: the last box that was believed in TRACKING, and its image.
    lost_s: seconds since LOST was declared.
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
    trusted_box_xywh: Box = (0.0, 0.0, 0.0, 0.0)
    trusted_stamp_s: float = 0.0
    good: Count = NO_FRAMES
    settled: Count = NO_FRAMES
    bad: Count = NO_FRAMES
    lost_s: float = 0.0
    search_over: bool = False

    @property
    def full_size(self) -> float:
        """Side in pixels of the square of the target's area when last clear of the border."""
        return math.sqrt(self.full_wh[0] * self.full_wh[1])

    @property
    def search_box_xywh(self) -> Box:
        """The last trusted box, for a search: where the border cut it, in its full size."""
        x, y, w, h = self.trusted_box_xywh
        if not touches_border(self.trusted_box_xywh, self.image_size) or min(self.full_wh) <= 0.0:
            return self.trusted_box_xywh
        full_w, full_h = self.full_wh
        return x + (w - full_w) / 2, y + (h - full_h) / 2, full_w, full_h


class Decision(NamedTuple):
    """What to do with the tracker's answer.

    reason: why `state` was entered (it stays while the state does). believed: publish the box as a
    detection. accept_state: replace the old TargetState by the new one. template_ok: the frame is
    good enough to learn the target's look from.
    """

    state: State
    reason: Reason
    believed: bool
    accept_state: bool
    memory: Memory
    template_ok: bool = False
