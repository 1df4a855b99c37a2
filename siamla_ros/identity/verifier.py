"""Looks at a target through the tracker's eyes: what `identity` needs of an image.

A look costs one template crop of the network and a small histogram. On frames that are trusted one
is taken every `learn_frames` or `learn_s`, whichever is over first; on doubtful ones three times as
often, and on every image while the target is UNCERTAIN or searched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity import model as identity
from siamla_ros.identity.colors import colored_place, colors
from siamla_ros.identity.model import Identity, IdentityConfig, Look
from siamla_ros.tracker.results import BoxAnswer, TargetState

HASTE = 3  # a doubtful frame is looked at so many times sooner than a good one
ENLARGED = 1.25  # the window laid over a colored place: its center is known roughly only
LEARN_FROM = 0.5  # probability of being the target below which a look teaches nothing
TOLERANCE_S = 0.01  # of a stamp: at 30 Hz nine frames and 0.3 s are the same
SMALLEST_PX = 2.0  # side of a box that shows nothing


class Seer(Protocol):
    """What is needed of the tracker."""

    def similarity(
        self, image_bgr: np.ndarray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[float]: ...


class Glance(NamedTuple):
    """A look, and the probability that it shows the target: 1 where nobody looked."""

    probability: float = 1.0
    look: Look | None = None


class Recognizer:
    """Compares boxes with a target; holds the tracker and a configuration and nothing else."""

    def __init__(self, tracker: Seer, config: IdentityConfig | None = None) -> None:
        self._tracker = tracker
        self.config = config or IdentityConfig()

    def begin(self, image_bgr: np.ndarray, state: TargetState) -> Identity:
        """The identity of a target that was just initialized."""
        known = self.config.enabled and min(state.box_xywh[2:]) >= SMALLEST_PX
        return identity.begun(colors(image_bgr, state.box_xywh) if known else None)

    def glance(
        self,
        known: Identity,
        image_bgr: np.ndarray,
        state: TargetState,
        answer: BoxAnswer,
        interval_s: float = 0.0,
        doubtful: bool = False,
        uncertain: bool = False,
    ) -> Glance:
        """Look at the box of a tracked target, if it is time to.

        interval_s: since the image before. doubtful: the network is not sure of this frame.
        uncertain: the target is not believed.
        """
        small = min(answer.box_xywh[2:]) < SMALLEST_PX
        due = uncertain or self._due(known, interval_s, HASTE if doubtful else 1)
        if not (self.config.enabled and due) or small:
            return Glance()
        look = self._look(image_bgr, state, answer)
        return Glance(identity.probability(self.config, known, look), look)

    def remember(
        self,
        known: Identity,
        glance: Glance,
        confidence: float,
        trusted: bool,
        interval_s: float = 0.0,
    ) -> Identity:
        """The identity after a frame on which the target was tracked, `interval_s` after the
        last.
        """
        if not trusted or glance.probability < LEARN_FROM:
            return identity.waited(known, glance.look is not None, interval_s)
        if glance.look is None:
            return identity.passed(known, confidence, interval_s)
        return identity.learn(self.config, known, glance.look)

    def probabilities(
        self,
        known: Identity,
        image_bgr: np.ndarray,
        state: TargetState,
        answers: Sequence[BoxAnswer],
    ) -> list[float]:
        """That each answer of a search shows the target; without identity the bare confidence."""
        if not self.config.enabled:
            return [answer.confidence for answer in answers]
        return [
            identity.return_probability(self.config, known, self._look(image_bgr, state, answer))
            if min(answer.box_xywh[2:]) >= SMALLEST_PX
            else 0.0
            for answer in answers
        ]

    def sights(
        self,
        known: Identity,
        image_bgr: np.ndarray,
        lost_box_xywh: Box,
        but: Sequence[Box] = (),
    ) -> list[Box]:
        """Boxes, at most one, where the target's colors are seen; but: where not to look."""
        if not self.config.enabled or not known.views:
            return []
        w, h = lost_box_xywh[2:]
        target = np.mean(known.views, axis=0)
        place = colored_place(image_bgr, target, (w, h), but)
        return [] if place is None else [boxes.from_center(*place, w * ENLARGED, h * ENLARGED)]

    def _due(self, known: Identity, interval_s: float, haste: int) -> bool:
        """Whether the last look was frames enough ago, or seconds."""
        return (
            known.frames + 1 >= self.config.learn_frames // haste
            or known.seconds + interval_s >= self.config.learn_s / haste - TOLERANCE_S
        )

    def _look(self, image_bgr: np.ndarray, state: TargetState, answer: BoxAnswer) -> Look:
        likeness = self._tracker.similarity(image_bgr, state, [answer.box_xywh])[0]
        return Look(answer.confidence, likeness, colors(image_bgr, answer.box_xywh))
