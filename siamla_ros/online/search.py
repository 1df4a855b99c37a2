"""One image of re-detection for one lost target: its box is followed on, windows are proposed,
probed and evaluated; and how likely boxes of a detector show it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.appearance_model import AppearanceModel, probabilities_of
from siamla_ros.online.doubles import taken_at
from siamla_ros.online.pursuit import Pursuer
from siamla_ros.online.targets import Offer, Target
from siamla_ros.redetection.redetector import Redetector
from siamla_ros.supervision.acceptance import beside
from siamla_ros.supervision.evidence import MIN_CONTINUITY
from siamla_ros.supervision.supervisor import Supervisor
from siamla_ros.tracker.results import TrackerLike, TrackResult

OFFERS_KEPT_NS = 1_000_000_000  # boxes of a detector speak that long; those of its last image on
MOST_OFFERS = 100  # however often it asks, also again and again on an image that stays the last


class Searcher:
    """Runs searches and remembers what a window costs, to keep to the time budget."""

    def __init__(
        self,
        tracker: TrackerLike,
        redetector: Redetector,
        appearance: AppearanceModel,
        supervisor: Supervisor,
    ) -> None:
        self._tracker = tracker
        longest_s = redetector.config.follow_on_s
        self.pursuer = Pursuer(tracker, appearance, supervisor, longest_s)
        self.redetector, self.appearance = redetector, appearance
        self.ms_per_window = 0.0

    def search(
        self,
        target: Target,
        image: np.ndarray,
        stamp_s: float,
        others: Iterable[Target] = (),
    ) -> TrackResult | None:
        """Search for the target in this image; its result once it is accepted, else None.

        What is another one of `others` is not the target, see `Target.claimed_by`. Whatever the
        tracker raises is passed on.
        """
        memory = target.memory
        if target.search is None:
            target.search = self.redetector.begin(
                target.search_box_xywh, memory.last_confirmed_s, target.motion.velocity_px_s
            )
        size = (image.shape[1], image.shape[0])
        place = target.pursuit.memory.box_xywh if target.pursuit else target.search_box_xywh
        continuity = target.continuity.see(image, place, stamp_s)
        back = self.pursuer.advance(target, image, stamp_s, continuity)
        if back is not None and not target.claimed_by(others, back.box_xywh):
            return back
        plan = self.redetector.propose(
            target.search,
            size,
            stamp_s,
            self.ms_per_window,
            self._color_proposals(target, image),
            searched=0 if target.pursuit is None else 1,
        )
        target.searched_xywh = tuple(plan.boxes_xywh)
        if not plan.boxes_xywh:
            target.search = plan.memory
            return None
        began_s = time.monotonic()
        found = self._tracker.probe(image, target.state, plan.boxes_xywh)
        bystanders = [target.bystanders.shown(image, r.box_xywh, stamp_s) for r in found]
        self._note_cost((time.monotonic() - began_s) * 1e3 / len(found))
        found = [
            replace(result, confidence=0.0)  # else it would stand against all other places
            if target.claimed_by(others, result.box_xywh)
            else result
            for result in found
        ]
        result = self.redetector.evaluate(
            plan.memory,
            found,
            lambda results: self.appearance.probabilities(
                target.identity, image, target.state, results, one_of_them=True
            ),
        )
        target.search = result.memory
        if continuity is not None and continuity < MIN_CONTINUITY:
            return None  # successive images have nothing in common: a similar place is accidental
        chosen = result.index
        return None if chosen is None or bystanders[chosen] else found[chosen]

    def score_boxes(
        self,
        target: Target,
        image: np.ndarray,
        boxes_xywh: Sequence[Box],
        stamp_ns: int = 0,
        others: Iterable[Target] = (),
    ) -> list[float]:
        """Probabilities in [0, 1] that boxes, of a detector, show the target.

        Boxes at different places lower each other's odds, also those of the last images: a detector
        misses some of what it found in the image before. A box in which the network does not find
        the target counts as confidence 0; one in which another of `others` is confirmed on the
        image of that stamp cannot be it: 0. Whatever the tracker raises is passed on.
        """
        if not boxes_xywh:
            return []
        found = self._tracker.probe(image, target.state, boxes_xywh)
        results = [
            result
            if _holds_center(box, result.box_xywh)
            else replace(result, box_xywh=box, confidence=0.0)
            for box, result in zip(boxes_xywh, found, strict=True)
        ]
        others = list(others)
        taken = [taken_at(target, others, r.box_xywh, stamp_ns) for r in results]
        appearance = self.appearance
        if not appearance.config.enabled:
            return [0.0 if gone else r.confidence for r, gone in zip(results, taken)]
        odds = appearance.odds_of(target.identity, image, target.state, results)
        odds = [-math.inf if gone else value for value, gone in zip(odds, taken)]
        offered = tuple(zip(boxes_xywh, odds, strict=True))
        recent = _recent(target.offered, stamp_ns)
        every = [*offered, *(pair for _, pairs in recent for pair in pairs)]
        target.offered = ((stamp_ns, offered), *recent)[:MOST_OFFERS]
        return probabilities_of(
            [beside(appearance.acceptance, own, _elsewhere(box, every)) for box, own in offered]
        )

    def _color_proposals(self, target: Target, image: np.ndarray) -> list[Box]:
        """Where the target's colors are, beside the hypotheses, which are sampled anyway."""
        if self.redetector.config.mode != 'global':
            return []
        taken = [hypothesis.box_xywh for hypothesis in target.search.hypotheses]
        box = target.search_box_xywh
        return self.appearance.color_proposals(target.identity, image, box, taken)

    def _note_cost(self, ms: float) -> None:
        self.ms_per_window = ms if not self.ms_per_window else 0.8 * self.ms_per_window + 0.2 * ms


def _recent(offered: tuple[Offer, ...], stamp_ns: int) -> list[Offer]:
    """What was offered about the time of an image, and the last of it however long ago."""
    return [
        offer
        for number, offer in enumerate(offered)
        if number == 0 or abs(stamp_ns - offer[0]) <= OFFERS_KEPT_NS
    ]


def _elsewhere(box_xywh: Box, offered: Sequence[tuple[Box, float]]) -> list[float]:
    """Log odds of those boxes that are at another place: a side or more away from this one."""
    x, y = boxes.center(box_xywh)
    reach = max(box_xywh[2:])
    centers = [(boxes.center(other), odds) for other, odds in offered]
    return [odds for (cx, cy), odds in centers if math.hypot(cx - x, cy - y) >= reach]


def _holds_center(box_xywh: Box, other_xywh: Box) -> bool:
    """Whether the center of the other box lies in the box."""
    x, y = boxes.center(other_xywh)
    left, top, width, height = box_xywh
    return left <= x <= left + width and top <= y <= top + height
