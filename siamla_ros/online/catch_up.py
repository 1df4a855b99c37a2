"""A target on its way from a past image to the present, within a time limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siamla_ros.online.targets import Target

NEW_SHARE = 0.3  # of the last step in the average of what a step takes


@dataclass
class CatchUp:
    """The target, and how fast it comes nearer.

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
