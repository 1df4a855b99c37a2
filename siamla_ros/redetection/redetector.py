"""Search for a lost target: bounded, and what it finds must be confirmed as the target.

    memory = redetector.begin(search_box_xywh, last_confirmed_s, velocity)  # first SEARCHING image
    plan = redetector.propose(memory, image_size, stamp_s)    # on each image of SEARCHING
    found = tracker.probe(image, state, plan.boxes_xywh)     # one batched pass
    result = redetector.evaluate(plan.memory, found)             # accepted | hypothesis | nothing

* Where: rings of windows that grow round the last box and its predicted motion and, in mode
  `global`, a coarse grid over the whole image at several scales. Each image gets
  `windows_per_image` of them in turn: its cost is bounded, and a whole round takes several images.
* Acceptance: a promising result becomes a hypothesis, which is then sampled on every image from its
  own box. What counts is the probability that it is *this* target (`identity`; without it, the
  network's confidence). It is accepted once the mean of its samples has kept above
  `accept_threshold` for `confirm_frames` images in a row and `confirm_s` seconds. A distant one
  needs more, and none is accepted while another is nearly as probable. One that turns out to be
  something else is dropped, and its windows go to the search again.

Pure: no torch, no ROS, no clock; memory is immutable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import SMALLEST_PX, Box, box_size, check_box
from siamla_ros.redetection.config import RedetectionConfig
from siamla_ros.redetection.hypotheses import (
    Hypothesis,
    HypothesisSample,
    RankedHypothesis,
    ambiguous,
    check_confidences,
    non_maximum_suppression,
    probability_of,
    size_fits,
    update_hypothesis,
)
from siamla_ros.redetection.search_grid import grid, inside, ring
from siamla_ros.supervision.motion import BoxMotion
from siamla_ros.supervision.states import check_stamp
from siamla_ros.tracker.logistic import logit
from siamla_ros.tracker.results import TrackResult

# Rounds of the global search take these sizes. Trackers find a target that has 0.8 to 1.6 times the
# size of the box that lays the window, so the first two see most that comes back, and see it soon.
GRID_SIZES = (1.3, 1.3, 0.8)
WINDOW = 3.75  # the search context of the shipped network
LONGEST_STEP_S = 1.0  # a longer pause says nothing about the target's motion
ASSUMED_INTERVAL_S = 1.0 / 30.0  # where stamps do not advance


@dataclass(frozen=True)
class SearchMemory:
    """State of one search; immutable, made by `Redetector`.

    Attributes:
        motion: Where the target may be by now.
        stamp_s: Of the last image.
        lost_xywh: Where the search began.
        image_size: (width, height) of the last image.
        interval_s: Seconds between the last two images.
        frames: Images so far.
        near_turn: Next window of the rings.
        far_turn: Next window of the grid.
        far_round: Rounds of the grid so far.
        hypotheses: Places that are sampled on every image.
    """

    motion: BoxMotion
    stamp_s: float
    lost_xywh: Box
    image_size: tuple[int, int] = (0, 0)
    interval_s: float = 0.0
    frames: int = 0
    near_turn: int = 0
    far_turn: int = 0
    far_round: int = 0
    hypotheses: tuple[Hypothesis, ...] = ()


class Plan(NamedTuple):
    """The boxes to probe on this image, hypotheses first, and the memory for `evaluate`."""

    boxes_xywh: tuple[Box, ...]
    memory: SearchMemory


class SearchResult(NamedTuple):
    """What a search gave on one image.

    Attributes:
        index: Of the result that was accepted, whose state continues the target; else None.
        memory: For the next image.
    """

    index: int | None
    memory: SearchMemory


class Redetector:
    """Proposes and evaluates a search; holds a configuration and nothing else."""

    def __init__(self, config: RedetectionConfig | None = None, window: float = WINDOW) -> None:
        """window: side of the tracker's search window in box sides, by which windows are laid."""
        self.config = config or RedetectionConfig()
        self.window = window

    def begin(
        self, box_xywh: Box, stamp_s: float, velocity_px_s: tuple[float, float] = (0.0, 0.0)
    ) -> SearchMemory:
        """Start from the last confirmed box. Raises ValueError for an invalid box."""
        check_stamp(stamp_s)
        check_box(box_xywh, SMALLEST_PX)
        start = BoxMotion.start(box_xywh)
        return SearchMemory(
            replace(start, mean=(*start.mean[:4], *map(float, velocity_px_s))), stamp_s, box_xywh
        )

    def propose(
        self,
        memory: SearchMemory,
        image_size: tuple[int, int],
        stamp_s: float,
        ms_per_window: float = 0.0,
        color_proposals: Sequence[Box] = (),
        searched: int = 0,
    ) -> Plan:
        """Choose this image's windows.

        Args:
            memory: Of the search so far.
            image_size: (width, height).
            stamp_s: Of the image.
            ms_per_window: What a window has cost lately, to keep to `budget_ms`.
            color_proposals: Boxes in the target's colors; a global search probes them first.
            searched: Windows that were searched on this image before, of the same budget.
        """
        check_stamp(stamp_s)
        passed = stamp_s - memory.stamp_s
        interval_s = min(passed, LONGEST_STEP_S) if passed > 0.0 else ASSUMED_INTERVAL_S
        if memory.image_size not in ((0, 0), image_size):
            memory = replace(memory, hypotheses=())  # their pixels are no longer these pixels
        memory = replace(
            memory,
            motion=memory.motion.predicted(interval_s),
            stamp_s=stamp_s,
            interval_s=interval_s,
            image_size=image_size,
            frames=memory.frames + 1,
        )
        if self.config.mode == 'off':
            return Plan((), memory)
        affordable = self.affordable(ms_per_window, searched)
        memory = replace(memory, hypotheses=memory.hypotheses[: max(affordable // 2, 1)])
        chosen = [hypothesis.box_xywh for hypothesis in memory.hypotheses]
        far = self._far_share(memory, affordable - len(chosen))
        seen = list(color_proposals[: far - 1]) if far > 1 else []
        memory, far_boxes = self._far(memory, far - len(seen))
        memory, near_boxes = self._near(
            memory, affordable - len(chosen) - len(seen) - len(far_boxes)
        )
        return Plan((*chosen, *near_boxes, *seen, *far_boxes), memory)

    def affordable(self, ms_per_window: float, searched: int = 0) -> int:
        """How many windows more an image may have at that price; never less than one."""
        most = self.config.windows_per_image
        if self.config.budget_ms > 0.0 and ms_per_window > 0.0:
            most = min(most, int(self.config.budget_ms / ms_per_window) - searched)
        return max(most, 1)

    def evaluate(
        self,
        memory: SearchMemory,
        found: Sequence[TrackResult],
        verify: Callable[[Sequence[TrackResult]], Sequence[float]] | None = None,
    ) -> SearchResult:
        """Weigh the results to a plan, in its order.

        verify: probability that each of a few results, at most `MAX_HYPOTHESES` of them, shows this
        very target; without it, their confidence. Raises ValueError for a confidence outside
        [0, 1] (NaN, too).
        """
        check_confidences(found)
        lost_size = box_size(memory.motion.box_xywh)
        samples = non_maximum_suppression(
            [
                HypothesisSample(index, result, self._hypothesis_at(memory, index))
                for index, result in enumerate(found)
                if result.confidence >= self.config.hint_threshold
                and size_fits(result.box_xywh, lost_size, self.config.max_size_ratio)
            ]
        )
        ranked = self._ranked(memory, samples, verify)
        memory = replace(memory, hypotheses=tuple(place.hypothesis for place in ranked))
        sure = bool(ranked) and self._is_confirmed(ranked[0].hypothesis)
        if sure and not ambiguous(ranked, self.config.distractor_ratio):
            return SearchResult(ranked[0].index, replace(memory, hypotheses=()))
        return SearchResult(None, memory)

    def _ranked(
        self,
        memory: SearchMemory,
        samples: Sequence[HypothesisSample],
        verify: Callable[[Sequence[TrackResult]], Sequence[float]] | None,
    ) -> list[RankedHypothesis]:
        """What the samples are hypotheses for, most probable first; none below drop_threshold."""
        results = [sample.result for sample in samples]
        if verify is None or not samples:
            probabilities: Sequence[float] = [result.confidence for result in results]
        else:
            probabilities = verify(results)
        ranked = [
            RankedHypothesis(
                update_hypothesis(
                    sample,
                    probability,
                    self._required_log_odds(memory, sample.result),
                    memory.interval_s,
                ),
                sample.index,
            )
            for sample, probability in zip(samples, probabilities)
        ]
        worth = [p for p in ranked if probability_of(p.hypothesis) >= self.config.drop_threshold]
        return sorted(worth, key=lambda place: -place.hypothesis.log_odds)

    def _required_log_odds(self, memory: SearchMemory, result: TrackResult) -> float:
        """Log odds that a hypothesis must reach: the further off it is, the more."""
        (x, y), (old_x, old_y) = boxes.center(result.box_xywh), boxes.center(memory.lost_xywh)
        sides = math.hypot(x - old_x, y - old_y) / box_size(memory.lost_xywh)
        least = logit(self.config.accept_threshold)
        return least + self.config.displacement_penalty * math.log1p(sides)

    def _near(self, memory: SearchMemory, count: int) -> tuple[SearchMemory, list[Box]]:
        """The next windows round the last place and the predicted one."""
        x, y = inside(boxes.center(memory.motion.box_xywh), memory.image_size)
        place = boxes.from_center(x, y, *memory.motion.box_xywh[2:])
        reach = min(self.config.rings, memory.frames // self.config.images_per_ring)
        windows = [
            box
            for number in range(reach + 1)
            for box in ring(place, number, self.window, memory.image_size)
        ]
        turn, chosen = _take(windows, memory.near_turn, count)
        return replace(memory, near_turn=turn), chosen

    def _far(self, memory: SearchMemory, count: int) -> tuple[SearchMemory, list[Box]]:
        """The next windows of the grid over the image; after each round it changes its scale."""
        if count < 1:
            return memory, []
        windows = grid(
            memory.motion.box_xywh,
            memory.image_size,
            self.window,
            self.config.grid_windows,
            GRID_SIZES[memory.far_round % len(GRID_SIZES)],
        )
        start = min(memory.far_turn, len(windows))
        chosen = windows[start : start + count]
        over = start + count >= len(windows)
        return replace(
            memory, far_turn=0 if over else start + count, far_round=memory.far_round + over
        ), chosen

    def _far_share(self, memory: SearchMemory, windows: int) -> int:
        """How many of the windows lie far off: half of them, and all but one once the rings are
        full.
        """
        if self.config.mode != 'global':
            return 0
        near_first = self.config.images_per_ring * (self.config.rings + 1)
        return windows // 2 if memory.frames <= near_first else max(windows - 1, 0)

    @staticmethod
    def _hypothesis_at(memory: SearchMemory, index: int) -> Hypothesis | None:
        return memory.hypotheses[index] if index < len(memory.hypotheses) else None

    def _is_confirmed(self, hypothesis: Hypothesis) -> bool:
        enough = hypothesis.confirmed_s >= self.config.confirm_s - 1e-9
        return hypothesis.confirmed_frames >= self.config.confirm_frames and enough


def _take(windows: Sequence[Box], turn: int, count: int) -> tuple[int, list[Box]]:
    """The next `count` of a circle of windows, none twice, and the turn after them."""
    start = turn % len(windows)
    circle = [*windows[start:], *windows[:start]]
    return start + min(count, len(windows)), circle[:count]
