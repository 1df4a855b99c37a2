"""What one frame shows of the target: good, fair or bad, and why.

Pure functions over plain numbers: no torch, no ROS.

* GOOD: confidence at or above `high_threshold`, box plausible, no distractor.
* FAIR: confidence between the thresholds, or high with a distractor nearly as strong elsewhere.
* BAD: confidence below `low_threshold`, or a box that cannot be the target's: it jumped, changed
  its size, left the image or covers it.

A bad frame is neither confirmed nor followed. When a target is lost is decided by the evidence of
many frames (`presence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from siamla_ros.configuration import bounded, check_fields, switch
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.contrast import MAX_COVER, cover

BORDER_PX = 1.0  # a box this near to the border counts as cut by it
TINY_PX2 = 1e-6  # a box of less area is none
DISTRACTOR_CAUTION = (
    0.5  # of the motion limits is left while a distractor is visible: a jump may be to it
)
FARTHEST_PX = 1e7  # a coordinate beyond is a defect of the sender


class Reason(IntEnum):
    """Why a state was entered; the values of TrackStatus.msg."""

    NONE = 0
    INIT = 1
    CONFIDENT = 2
    LOW_CONFIDENCE = 3
    DISTRACTOR = 4
    IMPLAUSIBLE_MOTION = 5
    IMPLAUSIBLE_SCALE = 6
    LEFT_IMAGE = 7
    TIMEOUT = 8
    REACQUIRED = 9
    REINITIALIZED = 10
    CLEARED = 11
    STALE = 12
    TRACKER_FAILED = 13


@dataclass(frozen=True)
class SupervisorConfig:
    """Thresholds and hysteresis; every field is also a ROS parameter (docs/tuning.md)."""

    high_threshold: float = bounded(
        0.93, 0.0, 1.0, 'confidence from which a frame is good: the appearance is learned from it'
    )
    low_threshold: float = bounded(
        0.45, 0.0, 1.0, 'confidence below which a frame is neither confirmed nor followed'
    )
    lost_s: float = bounded(0.15, 0.0, 60.0, 'shortest stay in UNCERTAIN before LOST')
    uncertain_timeout_s: float = bounded(
        3.0, 0.0, 3600.0, 'longest stay in UNCERTAIN before LOST; 0: unlimited'
    )
    search_timeout_s: float = bounded(
        30.0, 0.0, 86400.0, 'longest search before LOST without one; 0: unlimited'
    )
    publish_uncertain: bool = switch(
        False, 'publish detections in UNCERTAIN too, except on bad frames'
    )
    max_speed: float = bounded(
        15.0, 0.0, 1000.0, 'fastest plausible motion, box sizes a second; 0: no check'
    )
    motion_slack: float = bounded(
        0.75, 0.0, 100.0, 'motion allowed at any frame rate, in box sizes'
    )
    max_scale_rate: float = bounded(
        2.0, 0.0, 100.0, 'fastest plausible change of size, natural log a second; 0: no check'
    )
    scale_slack: float = bounded(
        0.5, 0.0, 10.0, 'change of size allowed at any frame rate, natural log'
    )
    min_visible: float = bounded(
        0.1, 0.0, 1.0, 'share of the box within the image below which the target has left'
    )
    distractor_ratio: float = bounded(
        0.7, 0.0, 10.0, 'second peak / confidence from which a distractor is suspected'
    )
    stale_after_s: float = bounded(
        1.0, 0.001, 3600.0, 'gap between stamps that ends confirmation; must exceed the interval'
    )
    assumed_interval_s: float = bounded(
        1.0 / 30.0, 0.001, 10.0, 'interval counted where stamps do not advance or break off'
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.low_threshold > self.high_threshold:
            raise ValueError(
                f'low_threshold is {self.low_threshold}, must not exceed high_threshold '
                f'{self.high_threshold}'
            )


@dataclass(frozen=True)
class Observation:
    """The tracker's answer on one image.

    stamp_s: image stamp in seconds. confidence, second_peak: [0, 1]. box_xywh: half-open pixels; a
    size of zero means that nothing of the box lies within the image. image_size: (width, height) in
    pixels. similarity, color: of the box to the target so far (`identity`), [0, 1]; None where they
    were never measured. Raises ValueError naming the field, its value and the limit.
    """

    stamp_s: float
    confidence: float
    second_peak: float
    box_xywh: Box
    image_size: tuple[int, int]
    similarity: float | None = None
    color: float | None = None

    def __post_init__(self) -> None:
        check_stamp(self.stamp_s)
        for name in ('confidence', 'second_peak', 'similarity', 'color'):
            value = getattr(self, name)
            if value is None and name in ('similarity', 'color'):
                continue
            if not 0.0 <= value <= 1.0:  # false for NaN, too
                raise ValueError(f'{name} is {value!r}, must lie in [0, 1]')
        check_box(self.box_xywh)
        if len(self.image_size) != 2 or not all(side > 0 for side in self.image_size):
            raise ValueError(
                f'image_size is {self.image_size!r}, must be (width, height), both above 0'
            )


class Quality(Enum):
    """How a frame counts."""

    GOOD = 'good'
    FAIR = 'fair'
    BAD = 'bad'


class Evidence(NamedTuple):
    """How a frame counts, and why if it is not good."""

    quality: Quality
    reason: Reason


class Reference(NamedTuple):
    """The box that a new one is compared with.

    box_xywh: the last box that was followed. age_s: seconds since. full_size: side in pixels
    (square root of the area) when it last lay clear of the image border.
    """

    box_xywh: Box
    age_s: float
    full_size: float


def check_stamp(stamp_s: float) -> None:
    """Raise ValueError unless the stamp is finite."""
    if not math.isfinite(stamp_s):
        raise ValueError(f'stamp_s is {stamp_s!r}, must be finite')


def check_box(box_xywh: Box, smallest: float = 0.0) -> None:
    """Raise ValueError unless the box has four finite numbers and sides not below `smallest`."""
    if len(box_xywh) != 4 or not all(math.isfinite(value) for value in box_xywh):
        raise ValueError(f'box_xywh is {box_xywh!r}, must be four finite numbers')
    if max(abs(value) for value in box_xywh) > FARTHEST_PX:
        raise ValueError(f'box_xywh is {box_xywh!r}, must lie within +-{FARTHEST_PX:.0f} pixels')
    if min(box_xywh[2:]) < smallest:
        raise ValueError(
            f'box_xywh is {box_xywh!r}, its width and height must be at least {smallest}'
        )


def assess(config: SupervisorConfig, reference: Reference, seen: Observation) -> Evidence:
    """Grade one observation against the last box that was followed."""
    share = visible_share(reference, seen)
    if share == 0.0 or share < config.min_visible:
        return Evidence(Quality.BAD, Reason.LEFT_IMAGE)
    if seen.confidence < config.low_threshold:
        leaving = _half_out(reference, seen.image_size)
        return Evidence(Quality.BAD, Reason.LEFT_IMAGE if leaving else Reason.LOW_CONFIDENCE)
    if cover(seen.box_xywh, seen.image_size) >= MAX_COVER:
        return Evidence(Quality.BAD, Reason.IMPLAUSIBLE_SCALE)
    distractor = (
        seen.second_peak > 0.0 and seen.second_peak >= config.distractor_ratio * seen.confidence
    )
    if not _plausible_motion(
        config, reference, seen.box_xywh, DISTRACTOR_CAUTION if distractor else 1.0
    ):
        return Evidence(Quality.BAD, Reason.DISTRACTOR if distractor else Reason.IMPLAUSIBLE_MOTION)
    if not _plausible_scale(config, reference, seen):
        return Evidence(Quality.BAD, Reason.IMPLAUSIBLE_SCALE)
    if distractor:
        return Evidence(Quality.FAIR, Reason.DISTRACTOR)
    if seen.confidence < config.high_threshold:
        return Evidence(Quality.FAIR, Reason.LOW_CONFIDENCE)
    return Evidence(Quality.GOOD, Reason.CONFIDENT)


def touches_border(box_xywh: Box, image_size: tuple[int, int]) -> bool:
    """Whether the box reaches the image border, and so may be cut by it."""
    x, y, w, h = box_xywh
    width, height = image_size
    return (
        x <= BORDER_PX
        or y <= BORDER_PX
        or x + w >= width - BORDER_PX
        or y + h >= height - BORDER_PX
    )


def visible_share(reference: Reference, seen: Observation) -> float:
    """Share of the target's area within the image, [0, 1].

    The tracker clips its boxes to the image, so at the border the share is taken of the size that
    the target had when last clear of it.
    """
    x, y, w, h = seen.box_xywh
    width, height = seen.image_size
    inside_w = min(x + w, width) - max(x, 0.0)
    inside_h = min(y + h, height) - max(y, 0.0)
    whole = w * h
    if inside_w <= 0.0 or inside_h <= 0.0 or whole < TINY_PX2:
        return 0.0
    if touches_border(seen.box_xywh, seen.image_size):
        whole = max(whole, reference.full_size**2)
    return min(1.0, inside_w * inside_h / whole)


def box_size(box_xywh: Box) -> float:
    """Side in pixels of the square of the same area."""
    return math.sqrt(box_xywh[2] * box_xywh[3])


def _half_out(reference: Reference, image_size: tuple[int, int]) -> bool:
    hidden = box_size(reference.box_xywh) ** 2 < 0.5 * reference.full_size**2
    return hidden and touches_border(reference.box_xywh, image_size)


def _plausible_motion(
    config: SupervisorConfig, reference: Reference, box_xywh: Box, share: float
) -> bool:
    if config.max_speed == 0.0:
        return True
    old_x, old_y, old_w, old_h = reference.box_xywh
    x, y, w, h = box_xywh
    moved = math.hypot(x + w / 2 - old_x - old_w / 2, y + h / 2 - old_y - old_h / 2)
    size = max(box_size(reference.box_xywh), box_size(box_xywh))
    limit = config.motion_slack + config.max_speed * reference.age_s
    return moved <= size * limit * share


def _plausible_scale(config: SupervisorConfig, reference: Reference, seen: Observation) -> bool:
    if config.max_scale_rate == 0.0:
        return True
    # a box cut by the border changes its size as fast as the target crosses the border
    if any(touches_border(box, seen.image_size) for box in (reference.box_xywh, seen.box_xywh)):
        return True
    change = abs(math.log(box_size(seen.box_xywh) / box_size(reference.box_xywh)))
    return change <= config.scale_slack + config.max_scale_rate * reference.age_s
