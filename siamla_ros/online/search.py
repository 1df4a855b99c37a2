"""One image of re-detection for one lost target: windows are proposed, probed and evaluated."""

from __future__ import annotations

import time

import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.verifier import Verifier
from siamla_ros.online.targets import Target
from siamla_ros.redetection.redetector import Outcome, Redetector
from siamla_ros.tracker.results import TrackerLike, TrackResult


class Searcher:
    """Runs searches and remembers what a window costs, to keep to the time budget."""

    def __init__(self, tracker: TrackerLike, redetector: Redetector, verifier: Verifier) -> None:
        self._tracker = tracker
        self.redetector, self.verifier = redetector, verifier
        self.ms_per_crop = 0.0

    def search(self, target: Target, image: np.ndarray, stamp_s: float) -> TrackResult | None:
        """Search for the target in this image; its answer once it is accepted, else None.

        Whatever the tracker raises is passed on.
        """
        memory = target.memory
        if target.search is None:
            target.search = self.redetector.begin(
                memory.search_box_xywh, memory.trusted_stamp_s, target.motion.velocity_px_s
            )
        size = (image.shape[1], image.shape[0])
        plan = self.redetector.propose(
            target.search, size, stamp_s, self.ms_per_crop, self._color_proposals(target, image)
        )
        target.searched_xywh = tuple(plan.boxes_xywh)
        if not plan.boxes_xywh:
            target.search = plan.memory
            return None
        began_s = time.monotonic()
        found = self._tracker.probe(image, target.state, plan.boxes_xywh)
        self._note_cost((time.monotonic() - began_s) * 1e3 / len(found))
        result = self.redetector.evaluate(
            plan.memory,
            found,
            lambda answers: self.verifier.probabilities(
                target.identity, image, target.state, answers, one_of_them=True
            ),
        )
        target.search = result.memory
        if result.outcome is not Outcome.ACCEPTED or result.index is None:
            return None
        return found[result.index]

    def _color_proposals(self, target: Target, image: np.ndarray) -> list[Box]:
        """Where the target's colors are, beside the hypotheses, which are sampled anyway."""
        if self.redetector.config.mode != 'global':
            return []
        taken = [hypothesis.box_xywh for hypothesis in target.search.hypotheses]
        box = target.memory.search_box_xywh
        return self.verifier.color_proposals(target.identity, image, box, taken)

    def _note_cost(self, ms: float) -> None:
        self.ms_per_crop = ms if not self.ms_per_crop else 0.8 * self.ms_per_crop + 0.2 * ms
