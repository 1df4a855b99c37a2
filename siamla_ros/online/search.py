"""One image of self-recovery for one lost target: plan windows, probe them, judge the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.verifier import Verifier
from siamla_ros.online.targets import Target
from siamla_ros.redetection.redetector import Outcome, Recovery
from siamla_ros.tracker.results import TargetState, TrackResult


class Prober(Protocol):
    """What a search needs of the tracker."""

    def probe(
        self, image_bgr: np.ndarray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[TrackResult]: ...

    def similarity(
        self, image_bgr: np.ndarray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[float]: ...


class Searcher:
    """Runs searches and remembers what a window costs, to keep to the time budget."""

    def __init__(self, tracker: Prober, recovery: Recovery, verifier: Verifier) -> None:
        self._tracker = tracker
        self.recovery, self.verifier = recovery, verifier
        self.ms_per_crop = 0.0

    def look(self, target: Target, image: np.ndarray, stamp_s: float) -> TrackResult | None:
        """Look for the target in this image; its answer once recovery is sure, else None.

        Whatever the tracker raises is passed on.
        """
        memory = target.memory
        if target.search is None:
            target.search = self.recovery.begin(
                memory.search_box_xywh, memory.trusted_stamp_s, target.motion.velocity_px_s
            )
        size = (image.shape[1], image.shape[0])
        plan = self.recovery.plan(
            target.search, size, stamp_s, self.ms_per_crop, self._sights(target, image)
        )
        if not plan.boxes_xywh:
            target.search = plan.memory
            return None
        began_s = time.monotonic()
        found = self._tracker.probe(image, target.state, plan.boxes_xywh)
        self._note_cost((time.monotonic() - began_s) * 1e3 / len(found))
        verdict = self.recovery.judge(
            plan.memory,
            found,
            lambda answers: self.verifier.probabilities(
                target.identity, image, target.state, answers
            ),
        )
        target.search = verdict.memory
        if verdict.outcome is not Outcome.ACCEPTED or verdict.index is None:
            return None
        return found[verdict.index]

    def _sights(self, target: Target, image: np.ndarray) -> list[Box]:
        """Where the target's colors are, beside the candidates, which are looked at anyway."""
        if self.recovery.config.mode != 'global':
            return []
        taken = [candidate.box_xywh for candidate in target.search.candidates]
        box = target.memory.search_box_xywh
        return self.verifier.color_proposals(target.identity, image, box, taken)

    def _note_cost(self, ms: float) -> None:
        self.ms_per_crop = ms if not self.ms_per_crop else 0.8 * self.ms_per_crop + 0.2 * ms
