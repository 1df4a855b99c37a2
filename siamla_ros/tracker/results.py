"""What a tracker returns: immutable, typed, and valid by construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray
from siamla_ros.tracker.bystander import BystanderMemory
from siamla_ros.tracker.distractors import SMALLEST_PX, Distractors
from siamla_ros.tracker.logistic import PEAK_KEPT, UPDATES_PER_S, peak_ratio, platt, shortfall
from siamla_ros.tracker.target_filter import Sight, TargetFilter

SCORES = ('confidence', 'classification', 'localization', 'second_peak', 'fused_confidence')


@dataclass(frozen=True)
class TargetState:
    """Everything that is known about one target; passed explicitly and never kept on the network.

    Attributes:
        box_xywh: Where the target was last seen, in pixels of the full image.
        template: Features of the target as it was at ``init``, in the form of the tracker's
            runtime.
        border_bgr: Color that fills crops beyond the image border.
        confidence: Calibrated confidence of the last update; 1 after ``init``.
        peak_ratio: How much something else has looked like the target lately
            (`tracker.logistic.peak_ratio`), [0, 1]; falls by `PEAK_KEPT` with each update, and by
            `waited` as the time between two updates differs from a thirtieth of a second.
        distractors: What has looked like the target, where the tracker weighs it.
        bystanders: What stood beside it when it was last sure, likewise.
        filter: What tells it from its surroundings, likewise.
    """

    box_xywh: Box
    template: Any = field(repr=False, compare=False)
    border_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)
    confidence: float = 1.0
    peak_ratio: float = 0.0
    distractors: Distractors = Distractors()
    bystanders: BystanderMemory = field(default=BystanderMemory(), repr=False, compare=False)
    filter: TargetFilter | None = field(default=None, repr=False, compare=False)

    def moved(self, box_xywh: Box, confidence: float) -> TargetState:
        """The same target at another place."""
        return replace(self, box_xywh=box_xywh, confidence=confidence)

    def waited(self, interval_s: float) -> TargetState:
        """The same target before an update `interval_s` seconds after the one that this state is
        of: at any rate of images, and where states are rejected, it forgets in the same time.
        Stamps that do not advance count as at 30 Hz.
        """
        if not interval_s > 0.0:  # also NaN
            return self
        kept = self.peak_ratio * PEAK_KEPT ** (interval_s * UPDATES_PER_S - 1.0)
        bystanders = self.bystanders.waited(interval_s)
        return replace(self, peak_ratio=min(kept, 1.0), bystanders=bystanders)

    def rejecting(self, other: TargetState, interval_s: float) -> TargetState:
        """The same target after an update, of which only the time counts, and whether its box
        showed a bystander: what stood beside that box is not taken over.

        Args:
            other: The next state by the update.
            interval_s: Between this state's image and that of the update.
        """
        known, noted = self.waited(interval_s), other.bystanders
        if noted.surroundings is not self.bystanders.surroundings:
            noted = known.bystanders.aged()
        return replace(known, peak_ratio=PEAK_KEPT * known.peak_ratio, bystanders=noted)


@dataclass(frozen=True)
class TrackResult:
    """One target in one frame.

    Attributes:
        box_xywh: Pixels, half-open, clipped to the image by `Tracker`.
        confidence: Calibrated confidence in [0, 1], the probability that the box has an IoU above
            0.5: Platt scaling of the fused confidence times the agreement of the cells, with the
            second peak, distractors, bystanders and the target's filter against it.
        classification: Localization-aware classification score p in [0, 1].
        localization: Localization quality Q in [0, 1], the predicted IoU of the box.
        second_peak: Calibrated confidence of the best cell outside the box, in [0, 1]: evidence of
            a distractor.
        fused_confidence: SiamLA's own, `p^(1-a) Q^a` of the cell that gave the box, in [0, 1].
        state: The next state; a caller that rejects the result keeps the old one. `Tracker` sets
            it.
        first: The answer of the usual window, where a wide search gave a better one.
        response: Fused confidence (H, W) of all cells of the search window, float64, row 0 at its
            top; None unless `Tracker.keep_responses`.
        second_box_xywh: Box of the cell of the second peak, in pixels, clipped; None: not known.
        distractor_level: How much the box looks like something else that has looked like the target
            (`Distractors.level`), [0, 0.8]; 0 where that is not compared.
        bystander_level: How surely the box has lately shown what stood beside the target, [0, 1]
            (`BystanderMemory.level`); 0 where that is not compared.
        confidence_alone: The confidence with the second peak alone against it, [0, 1]; None where
            it is the same.
        confidence_supervised: The confidence without bystanders and the filter against it, [0, 1],
            for supervision, which has evidence of its own of them; None likewise.
        filter_response: How much the box looks like the target and not like its surroundings, by
            the target's filter, [0, 1]; 1 where that is not measured.
        sight: What the network has seen of the window; dropped once the filter has seen it.
    """

    box_xywh: Box
    confidence: float
    classification: float
    localization: float
    second_peak: float
    fused_confidence: float
    state: TargetState = field(default=None, repr=False, compare=False)  # type: ignore[assignment]
    first: TrackResult | None = field(default=None, repr=False, compare=False)
    response: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    second_box_xywh: Box | None = field(default=None, repr=False, compare=False)
    distractor_level: float = 0.0
    confidence_alone: float | None = None
    bystander_level: float = 0.0
    confidence_supervised: float | None = None
    filter_response: float = 1.0
    sight: Sight | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in (*SCORES, 'filter_response', 'bystander_level'):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:  # also refuses NaN
                raise ValueError(f'{name} = {value}: must lie in [0, 1]')

    @property
    def alone(self) -> float:
        """The confidence with the second peak alone against it, [0, 1]."""
        return self.confidence if self.confidence_alone is None else self.confidence_alone

    @property
    def taught(self) -> float:
        """The confidence by which the target's filter learns from the box, [0, 1]: `alone`, and 0
        where the box shows a bystander.
        """
        return self.alone if self.bystander_level < 1.0 else 0.0

    @property
    def supervised(self) -> float:
        """The confidence without bystanders and filter against it, [0, 1]."""
        return self.confidence if self.confidence_supervised is None else self.confidence_supervised

    def beside_second_peak(self, weight: float, before: float = 0.0) -> TrackResult:
        """With the second peak against the confidence: where something else has just looked alike,
        the box may have gone over to it.

        Args:
            weight: Log odds times the ratio of the peaks, not positive.
            before: `TargetState.peak_ratio` of the last update.
        """
        ratio = max(float(peak_ratio(self.confidence, self.second_peak)), PEAK_KEPT * before)
        confidence = (
            float(platt(self.confidence, 1.0, weight * ratio)) if weight else self.confidence
        )
        state, first = self.state, self.first
        if state is not None:
            state = replace(state, confidence=confidence, peak_ratio=ratio)
        if first is not None:
            first = first.beside_second_peak(weight, before)
        return replace(self, confidence=confidence, state=state, first=first)

    def beside_distractors(self, weight: float, memory: Distractors) -> TrackResult:
        """With what has looked like the target against the confidence: the box may show that.

        Args:
            weight: Log odds times the level, not positive.
            memory: After this update.
        """
        confidence = float(platt(self.confidence, 1.0, weight * memory.level))
        state, first = self.state, self.first
        if state is not None:
            state = replace(state, confidence=confidence, distractors=memory)
        if first is not None:
            level = first.state.distractors.level  # the box of the wide search was looked at
            first = first.beside_distractors(weight, replace(memory, level=level))
        return replace(
            self,
            confidence=confidence,
            confidence_alone=self.alone,
            distractor_level=memory.level,
            state=state,
            first=first,
        )

    def beside_bystanders(self, weight: float, noted: Sequence[BystanderMemory]) -> TrackResult:
        """With what stood beside the target against the confidence, where the box shows that.

        Args:
            weight: Log odds times the level, not positive.
            noted: After this update, and after one with the answer of `first`, if there is one.
        """
        memory, *others = noted
        confidence = float(platt(self.confidence, 1.0, weight * memory.level))
        state, first = self.state, self.first
        if first is not None:
            first = first.beside_bystanders(weight, others)
        if state is not None:
            state = replace(state, confidence=confidence, bystanders=memory)
        return replace(
            self,
            confidence=confidence,
            confidence_alone=self.alone,
            confidence_supervised=self.supervised,
            bystander_level=memory.level,
            state=state,
            first=first,
        )

    @property
    def _filter(self) -> TargetFilter | None:
        """The target's filter; None where there is none, or the box shows nothing."""
        shows = self.state is not None and min(self.box_xywh[2:]) >= SMALLEST_PX
        return self.state.filter if shows else None

    def with_filter_response(self) -> TrackResult:
        """With what the target's filter says of the box, which changes no confidence."""
        known, sight = self._filter, self.sight
        if known is None or sight is None:
            return replace(self, sight=None)
        response = known.response(sight, self.box_xywh)
        return replace(self, filter_response=response, sight=None)

    def beside_filter(self, weight: float, wait: bool = False) -> TrackResult:
        """With the target's filter against the confidence, where its response is low; the next
        state's filter has learned from the box.

        Args:
            weight: Log odds times what the response lacks (`tracker.logistic.shortfall`).
            wait: It learns from a later box (`target_filter.waiting`).
        """
        first = self.first.beside_filter(weight, wait) if self.first is not None else None
        measured = replace(self.with_filter_response(), first=first)
        known, sight = self._filter, self.sight
        if known is None or sight is None:
            return measured
        lowered = weight * shortfall(measured.filter_response)
        confidence = float(platt(self.confidence, 1.0, lowered)) if lowered else self.confidence
        learned = known.after(sight, self.box_xywh, self.taught, wait)
        return replace(
            measured,
            confidence=confidence,
            confidence_alone=self.alone,
            confidence_supervised=self.supervised,
            state=replace(self.state, confidence=confidence, filter=learned),
        )


class TrackerLike(Protocol):
    """What a session needs of `siamla_ros.tracker.tracker.Tracker`, which describes each member."""

    @property
    def search_context(self) -> float: ...

    @property
    def calibration(self) -> Mapping[str, Mapping[str, float]]: ...

    @property
    def device(self) -> str: ...

    @property
    def device_reason(self) -> str: ...

    def init(self, image_bgr: ImageArray, box_xywh: Sequence[float]) -> TargetState: ...

    def update(self, image_bgr: ImageArray, states: Sequence[TargetState]) -> list[TrackResult]: ...

    def probe(
        self, image_bgr: ImageArray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[TrackResult]: ...

    def similarity(
        self, image_bgr: ImageArray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[float]: ...

    def distractor_level(
        self, image_bgr: ImageArray, state: TargetState, box_xywh: Box
    ) -> float: ...

    def close(self) -> None: ...
