"""What a tracker returns: immutable, typed, and valid by construction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from siamla_ros.geometry.boxes import Box


@dataclass(frozen=True)
class TargetState:
    """Everything that is known about one target; passed explicitly and never kept on the network.

    :param box_xywh: where the target was last seen, in pixels of the full image
    :param template: features of the target as it was at ``init``, in the form of the tracker's
        runtime
    :param border_bgr: color that fills crops beyond the image border
    :param confidence: fused confidence of the last update; 1 after ``init``
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

    :param box_xywh: pixels, half-open, clipped to the image
    :param confidence: fused confidence in [0, 1]: is the target there, and is this its box
    :param classification: localization-aware classification score p in [0, 1]
    :param localization: localization quality Q in [0, 1], the predicted IoU of the box
    :param second_peak: fused confidence of the best cell outside the box, in [0, 1]: evidence of a
        distractor
    :param state: the next state; a caller that does not believe the result keeps the old one
    """

    box_xywh: Box
    confidence: float
    classification: float
    localization: float
    second_peak: float
    state: TargetState = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ('confidence', 'classification', 'localization', 'second_peak'):
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
