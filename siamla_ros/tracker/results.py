"""What a tracker returns: immutable, typed, and valid by construction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from siamla_ros.geometry.boxes import Box

SCORES = ('confidence', 'classification', 'localization', 'second_peak', 'fused_confidence')


@dataclass(frozen=True)
class TargetState:
    """Everything that is known about one target; passed explicitly and never kept on the network.

    Attributes:
        box_xywh: Where the target was last seen, in pixels of the full image.
        template: Features of the target as it was at ``init``, in the form of the tracker's
            runtime.
        border_bgr: Color that fills crops beyond the image border.
        confidence: Fused confidence of the last update; 1 after ``init``.
    """

    box_xywh: Box
    template: Any = field(repr=False, compare=False)
    border_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)
    confidence: float = 1.0

    def moved(self, box_xywh: Box, confidence: float) -> TargetState:
        """The same target at another place."""
        return replace(self, box_xywh=box_xywh, confidence=confidence)


@dataclass(frozen=True)
class TrackResult:
    """One target in one frame.

    Attributes:
        box_xywh: Pixels, half-open, clipped to the image.
        confidence: Calibrated confidence in [0, 1], the probability that the box has an IoU above
            0.5: Platt scaling of the fused confidence times the agreement of the cells.
        classification: Localization-aware classification score p in [0, 1].
        localization: Localization quality Q in [0, 1], the predicted IoU of the box.
        second_peak: Calibrated confidence of the best cell outside the box, in [0, 1]: evidence of
            a distractor.
        fused_confidence: SiamLA's own, `p^(1-a) Q^a` of the cell that gave the box, in [0, 1].
        state: The next state; a caller that rejects the result keeps the old one.
    """

    box_xywh: Box
    confidence: float
    classification: float
    localization: float
    second_peak: float
    fused_confidence: float
    state: TargetState = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in SCORES:
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:  # also refuses NaN
                raise ValueError(f'{name} = {value}: must lie in [0, 1]')


class BoxAnswer(Protocol):
    """What re-detection and identity need of an answer of the tracker; `TrackResult` has it."""

    @property
    def box_xywh(self) -> Box: ...

    @property
    def confidence(self) -> float: ...

    @property
    def second_peak(self) -> float: ...
