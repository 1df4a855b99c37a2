"""Whether a box shows the target: appearance samples, and the probability that follows from them.

A sample costs one template crop of the network and a small histogram. It is taken every
`sample_frames` or `sample_s`, whichever is over first. At low confidence it is taken three times as
often, and on every image while the target is UNCERTAIN or searched for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity import state as identity
from siamla_ros.identity.colors import colored_place, colors
from siamla_ros.identity.state import Appearance, IdentityConfig, IdentityState
from siamla_ros.supervision.acceptance import AcceptanceModel, against_others
from siamla_ros.supervision.presence import frame_log_odds
from siamla_ros.tracker.logistic import sigmoid
from siamla_ros.tracker.results import TargetState, TrackerLike, TrackResult

MIN_PROBABILITY = 0.5  # that what a wide search has found is the target
UNCERTAIN_RATE = 3  # a frame of low confidence is sampled so many times as often as a good one
ENLARGED = 1.25  # the window laid over a colored place: its center is known roughly only
TOLERANCE_S = 0.01  # of a stamp: at 30 Hz nine frames and 0.3 s are the same
SMALLEST_PX = 2.0  # side of a box that shows nothing


class AppearanceModel:
    """Compares boxes with a target; holds the tracker and configurations, and no target."""

    def __init__(
        self,
        tracker: TrackerLike,
        config: IdentityConfig | None = None,
        acceptance: AcceptanceModel | None = None,
    ) -> None:
        self._tracker = tracker
        self.config = config or IdentityConfig()
        self.acceptance = acceptance or AcceptanceModel()

    def begin(self, image_bgr: np.ndarray, state: TargetState) -> IdentityState:
        """The identity of a target that was just initialized."""
        known = self.config.enabled and min(state.box_xywh[2:]) >= SMALLEST_PX
        return identity.from_first_frame(colors(image_bgr, state.box_xywh) if known else None)

    def sample(
        self,
        known: IdentityState,
        image_bgr: np.ndarray,
        state: TargetState,
        result: TrackResult,
        interval_s: float = 0.0,
        low_confidence: bool = False,
        uncertain: bool = False,
        may_wait: bool = False,
    ) -> Appearance | None:
        """Sample the box of a tracked target, if it is time to; None otherwise.

        Args:
            known: The appearance of the target so far.
            image_bgr: H x W x 3 uint8.
            state: Holds the target's template.
            result: The box.
            interval_s: Since the image before.
            low_confidence: The confidence of this frame is low.
            uncertain: The target is not confirmed, so that it is time on every image.
            may_wait: Unless it is uncertain, it is left for the next image (`most_samples`).
        """
        small = min(result.box_xywh[2:]) < SMALLEST_PX
        rate = UNCERTAIN_RATE if low_confidence else 1
        due = uncertain or (not may_wait and self._due(known, interval_s, rate))
        if not (self.config.enabled and due) or small:
            return None
        return self._sample(known, image_bgr, state, result)

    def most_samples(self, targets: int, interval_s: float) -> int:
        """How many of the targets that are sampled at intervals one image may sample.

        So many that all are sampled in time at low confidence, too; else those that started
        together would stay due together, and every ninth image would take far longer.
        """
        seconds = self.config.sample_s
        share = UNCERTAIN_RATE * max(
            1.0 / self.config.sample_frames, interval_s / seconds if seconds > 0.0 else 1.0
        )
        return max(math.ceil(min(share, 1.0) * targets - TOLERANCE_S), 1)

    def remember(
        self,
        known: IdentityState,
        sample: Appearance | None,
        learn: bool,
        interval_s: float = 0.0,
    ) -> IdentityState:
        """The identity after a frame on which the target was followed."""
        if sample is None:
            return identity.skip(known, interval_s)
        return identity.update(self.config, known, sample, learn)

    def probabilities(
        self,
        known: IdentityState,
        image_bgr: np.ndarray,
        state: TargetState,
        results: Sequence[TrackResult],
        one_of_them: bool = False,
    ) -> list[float]:
        """That each result shows the target; without identity the bare confidence.

        Args:
            known: The appearance of the target so far.
            image_bgr: H x W x 3 uint8.
            state: Holds the target's template.
            results: Boxes to compare with it.
            one_of_them: They are different places of one image (a search), so that each lowers
                the odds of the others; otherwise each counts by itself.
        """
        if not self.config.enabled:
            return [result.confidence for result in results]
        odds = self.odds_of(known, image_bgr, state, results)
        return probabilities_of(against_others(self.acceptance, odds) if one_of_them else odds)

    def odds_of(
        self,
        known: IdentityState,
        image_bgr: np.ndarray,
        state: TargetState,
        results: Sequence[TrackResult],
    ) -> list[float]:
        """Log odds that each result, by itself, shows the target; see `log_odds`."""
        return [
            self.log_odds(result, self.measure(known, image_bgr, state, result))
            for result in results
        ]

    def verified(
        self, known: IdentityState, image_bgr: np.ndarray, state: TargetState, result: TrackResult
    ) -> TrackResult:
        """The result, or its first one where the wide search has found something else.

        A wide window holds similar objects while the target is hidden.
        """
        if result.first is None:
            return result
        (probability,) = self.probabilities(known, image_bgr, state, [result])
        return result if probability >= MIN_PROBABILITY else result.first

    def measure(
        self, known: IdentityState, image_bgr: np.ndarray, state: TargetState, result: TrackResult
    ) -> Appearance | None:
        """How a result compares with the target; None for a box that shows nothing."""
        if min(result.box_xywh[2:]) < SMALLEST_PX:
            return None
        seen = self._sample(known, image_bgr, state, result)
        if not state.distractors.seen:
            return seen
        level = self._tracker.distractor_level(image_bgr, state, result.box_xywh)
        return seen._replace(distractor_level=level)

    def log_odds(self, result: TrackResult, seen: Appearance | None) -> float:
        """Of a result being the target, by what is seen there; minus infinity: it cannot be."""
        if seen is None:
            return -math.inf
        if not self.may_return(seen):
            return -math.inf
        return frame_log_odds(
            self.acceptance,
            result.alone,
            result.second_peak,
            seen.similarity,
            seen.color,
            seen.distractor_level,
            result.filter_response,
        )

    def may_return(self, seen: Appearance) -> bool:
        """Whether a lost target may be confirmed in a box without a person or a detector."""
        return seen.color is None or seen.color >= self.config.min_return_color

    def color_proposals(
        self,
        known: IdentityState,
        image_bgr: np.ndarray,
        lost_box_xywh: Box,
        but: Sequence[Box] = (),
    ) -> list[Box]:
        """Boxes, at most one, where the target's colors are seen; but: places to leave out."""
        if not self.config.enabled or not known.views:
            return []
        w, h = lost_box_xywh[2:]
        target = np.mean(known.views, axis=0)
        place = colored_place(image_bgr, target, (w, h), but)
        return [] if place is None else [boxes.from_center(*place, w * ENLARGED, h * ENLARGED)]

    def _due(self, known: IdentityState, interval_s: float, rate: int) -> bool:
        """Whether the last sample was frames enough ago, or seconds."""
        return (
            known.frames + 1 >= self.config.sample_frames // rate
            or known.seconds + interval_s >= self.config.sample_s / rate - TOLERANCE_S
        )

    def _sample(
        self, known: IdentityState, image_bgr: np.ndarray, state: TargetState, result: TrackResult
    ) -> Appearance:
        similarity = self._tracker.similarity(image_bgr, state, [result.box_xywh])[0]
        return identity.compare(known, similarity, colors(image_bgr, result.box_xywh))


def probabilities_of(log_odds: Sequence[float]) -> list[float]:
    """Probabilities in [0, 1]; exactly 0 where the log odds are minus infinity."""
    return [0.0 if value == -math.inf else sigmoid(value) for value in log_odds]
