"""The data of supervision: states, what is remembered of a target, what is decided on a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from siamla_ros.geometry.boxes import Box
from siamla_ros.supervision.evidence import Reason, touches_border
from siamla_ros.supervision.presence import TRUSTED_LOG_ODDS


class State(IntEnum):
    """The values of TrackStatus.msg."""

    IDLE = 0
    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3
    SEARCHING = 4


@dataclass(frozen=True)
class Memory:
    """What the supervisor knows of one target; immutable, made by `Supervisor`.

    reason: why the state was entered. box_xywh: the last box that was followed, box_age_s seconds
    ago. full_wh: the target's width and height when last clear of the image border.
    trusted_box_xywh, trusted_stamp_s: the last box that was confirmed in TRACKING, and its image.
    presence: log odds that the box is on the target. lost_s: seconds since LOST was declared.
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
    presence: float = TRUSTED_LOG_ODDS
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

    reason: why `state` was entered (it stays while the state does). confirmed: publish the box as a
    detection. accept_state: replace the old TargetState by the new one. template_ok: the frame is
    good enough to learn the target's appearance from.
    """

    state: State
    reason: Reason
    confirmed: bool
    accept_state: bool
    memory: Memory
    template_ok: bool = False
