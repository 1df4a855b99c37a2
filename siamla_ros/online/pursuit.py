"""The box of a lost target, followed on for a while beside the search, unconfirmed.

Most targets that are declared lost have blurred, turned or hidden for a moment only, and the
network goes on finding them. A search judges each box as if it had come from nowhere; one that was
followed without a break from where the target was lost needs less evidence to be the target, and
the evidence of its images adds up. So more targets are found again, and more wrongly:
`redetection.follow_on_s` 0 does without.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from siamla_ros.geometry.boxes import carried_over
from siamla_ros.identity.appearance_model import AppearanceModel
from siamla_ros.identity.state import Appearance
from siamla_ros.online.targets import Pursuit, Target
from siamla_ros.supervision.presence import LONGEST_INTERVAL_S
from siamla_ros.supervision.states import State
from siamla_ros.supervision.supervisor import Supervisor
from siamla_ros.tracker.results import TrackerLike, TrackResult


class Pursuer:
    """Follows boxes of lost targets; holds nothing of them."""

    def __init__(
        self,
        tracker: TrackerLike,
        appearance: AppearanceModel,
        supervisor: Supervisor,
        longest_s: float,
    ) -> None:
        """longest_s: after the loss; by then the place of a box that is not confirmed says nothing;
        0: no box is followed on.
        """
        self._tracker, self._appearance, self._supervisor = tracker, appearance, supervisor
        self.longest_s = longest_s

    def advance(
        self, target: Target, image: np.ndarray, stamp_s: float, continuity: float | None = None
    ) -> TrackResult | None:
        """Follow the box of a lost target to this image.

        Args:
            target: Its `pursuit` goes on.
            image: HxWx3 uint8.
            stamp_s: Of the image.
            continuity: See `Observation`.

        Returns:
            The answer once the evidence of its images confirms it, else None. Whatever the tracker
            raises is passed on.
        """
        if target.memory.lost_s >= self.longest_s or math.isinf(target.memory.box_age_s):
            target.pursuit = None  # too long ago, or the stamps broke off: its place says nothing
            return None
        known = target.pursuit or _begin(target)
        state = known.state.waited(stamp_s - known.state_s)
        (result,) = self._tracker.update(image, [state])
        result = self._appearance.verified(target.identity, image, known.state, result)
        seen = self._appearance_of(target, image, known, result)
        decision = self._supervisor.pursue(
            known.memory, target.observed(result, image, stamp_s, seen, continuity)
        )
        # What is not taken back in the end has not been confirmed.
        last = known.memory.last_confirmed_xywh
        memory, state = replace(decision.memory, last_confirmed_xywh=last), result.state
        if not decision.accept_state:
            state = known.state.rejecting(state, stamp_s - known.state_s)
        target.pursuit = Pursuit(state, memory, stamp_s)
        back = decision.state is State.TRACKING and self._appearance.may_return(seen)
        return result if back else None

    def _appearance_of(
        self, target: Target, image: np.ndarray, known: Pursuit, result: TrackResult
    ) -> Appearance:
        """Of the box; not measured where the confidence alone is too low to confirm it."""
        if result.supervised < self._supervisor.config.low_threshold:
            return Appearance()
        sample = self._appearance.sample(
            target.identity, image, known.state, result, uncertain=True
        )
        return sample or Appearance()


def _begin(target: Target) -> Pursuit:
    """From the last box that was followed, on which the target was lost; time has gone on to the
    present image since, which has to count as what it is.
    """
    box, memory = target.state.box_xywh, target.memory
    last = carried_over(memory.last_confirmed_xywh, memory.confirmed_size, target.image_size)
    known = replace(memory, box_xywh=box, box_age_s=memory.lost_s, last_confirmed_xywh=last)
    waited_s = min(memory.lost_s, LONGEST_INTERVAL_S)
    return Pursuit(target.state, replace(known, stamp_s=memory.stamp_s - waited_s), target.state_s)
