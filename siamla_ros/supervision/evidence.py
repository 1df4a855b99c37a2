"""What one frame shows of the target: good, fair or bad, and why.

Pure functions over plain numbers: no torch, no ROS.

* GOOD: confidence at or above `high_threshold`, box plausible, no distractor.
* FAIR: confidence between the thresholds, or high with a distractor nearly as strong elsewhere.
* BAD: confidence below `low_threshold`, or a box that cannot be the target's: it jumped, changed
  its size, left the image or covers it, shows another target, or is large and shows something
  else on each image.

A bad frame is not confirmed, nor is its box followed, unless the confidence alone is low and at
least `LEAST_FOLLOWED`. When a target is lost is decided by the evidence of many frames
(`presence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from siamla_ros.configuration import Configuration, bounded, declared
from siamla_ros.geometry.boxes import MAX_COVER, Box, box_size, cover, touches_border
from siamla_ros.supervision.states import Memory, Observation, Reason

MIN_CONTINUITY = 0.3  # of 13,958 annotated boxes 0.4 % lie below (tools/nothing_to_track.py)
TINY_PX2 = 1e-6  # a box of less area is none
# Share of the motion limits while a distractor is visible: a jump may be to it.
DISTRACTOR_CAUTION = 0.5
# Confidence from which a box is followed, though not confirmed: one that blurs for a moment is
# found again where it went on to, not where it was (docs/research/supervision.md).
LEAST_FOLLOWED = 0.05


@dataclass(frozen=True)
class SupervisorConfig(Configuration):
    """Thresholds and hysteresis; every field is also a ROS parameter (docs/tuning.md)."""

    high_threshold: float = bounded(0.93, 0.0, 1.0, 'confidence from which a frame is good')
    low_threshold: float = bounded(
        0.45,
        0.0,
        1.0,
        'confidence, before target filter and bystanders, below which no box is confirmed',
    )
    lost_s: float = bounded(0.15, 0.0, 60.0, 'shortest stay in UNCERTAIN before LOST')
    uncertain_timeout_s: float = bounded(
        3.0, 0.0, 3600.0, 'longest stay in UNCERTAIN; 0: unlimited'
    )
    search_timeout_s: float = bounded(30.0, 0.0, 86400.0, 'longest search; 0: unlimited')
    publish_uncertain: bool = declared(False, 'confirm boxes in UNCERTAIN, except on bad frames')
    max_speed: float = bounded(30.0, 0.0, 1000.0, 'fastest motion, box sizes a second; 0: no check')
    motion_slack: float = bounded(0.75, 0.0, 100.0, 'motion allowed at any rate, box sizes')
    max_scale_rate: float = bounded(
        2.0, 0.0, 100.0, 'fastest change of size, ln a second; 0: no check'
    )
    scale_slack: float = bounded(0.5, 0.0, 10.0, 'change of size allowed at any rate, ln')
    min_visible: float = bounded(
        0.1, 0.0, 1.0, 'visible share of the box below which the target has left'
    )
    distractor_ratio: float = bounded(0.7, 0.0, 10.0, 'second peak / confidence of a distractor')
    stale_after_s: float = bounded(
        1.0, 0.001, 3600.0, 'gap between stamps that ends confirmation; must exceed the interval'
    )
    assumed_interval_s: float = bounded(
        1.0 / 30.0, 0.001, 10.0, 'interval counted where stamps do not advance or break off'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_order('low_threshold', 'high_threshold')


class Quality(Enum):
    """How a frame counts."""

    GOOD = 'good'
    FAIR = 'fair'
    BAD = 'bad'


class Evidence(NamedTuple):
    """How a frame counts, and why if it is not good."""

    quality: Quality
    reason: Reason


def assess(config: SupervisorConfig, memory: Memory, seen: Observation) -> Evidence:
    """Grade one observation against the last box that was followed."""
    share = visible_share(memory, seen)
    if share == 0.0 or share < config.min_visible:
        return Evidence(Quality.BAD, Reason.LEFT_IMAGE)
    if seen.double:
        return Evidence(Quality.BAD, Reason.DISTRACTOR)
    if seen.confidence < config.low_threshold:
        leaving = _half_out(memory, seen.image_size)
        return Evidence(Quality.BAD, Reason.LEFT_IMAGE if leaving else Reason.LOW_CONFIDENCE)
    if cover(seen.box_xywh, seen.image_size) >= MAX_COVER:
        return Evidence(Quality.BAD, Reason.IMPLAUSIBLE_SCALE)
    if seen.continuity is not None and seen.continuity < MIN_CONTINUITY:
        return Evidence(Quality.BAD, Reason.DISTRACTOR)
    if seen.bystander:
        return Evidence(Quality.BAD, Reason.DISTRACTOR)
    distractor = (
        seen.second_peak > 0.0 and seen.second_peak >= config.distractor_ratio * seen.confidence
    )
    if not _plausible_motion(
        config, memory, seen.box_xywh, DISTRACTOR_CAUTION if distractor else 1.0
    ):
        return Evidence(Quality.BAD, Reason.DISTRACTOR if distractor else Reason.IMPLAUSIBLE_MOTION)
    if not _plausible_scale(config, memory, seen):
        return Evidence(Quality.BAD, Reason.IMPLAUSIBLE_SCALE)
    if distractor:
        return Evidence(Quality.FAIR, Reason.DISTRACTOR)
    if seen.confidence < config.high_threshold:
        return Evidence(Quality.FAIR, Reason.LOW_CONFIDENCE)
    return Evidence(Quality.GOOD, Reason.CONFIDENT)


def is_faint(
    config: SupervisorConfig, memory: Memory, evidence: Evidence, seen: Observation
) -> bool:
    """Whether nothing but its low confidence speaks against a box: it is followed all the same."""
    low = evidence.reason is Reason.LOW_CONFIDENCE and evidence.quality is Quality.BAD
    small = cover(seen.box_xywh, seen.image_size) < MAX_COVER
    near = _plausible_motion(config, memory, seen.box_xywh, 1.0)
    return low and small and near and seen.alone >= LEAST_FOLLOWED


def visible_share(memory: Memory, seen: Observation) -> float:
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
        whole = max(whole, memory.full_size**2)
    return min(1.0, inside_w * inside_h / whole)


def _half_out(memory: Memory, image_size: tuple[int, int]) -> bool:
    hidden = box_size(memory.box_xywh) ** 2 < 0.5 * memory.full_size**2
    return hidden and touches_border(memory.box_xywh, image_size)


def _plausible_motion(
    config: SupervisorConfig, memory: Memory, box_xywh: Box, share: float
) -> bool:
    if config.max_speed == 0.0:
        return True
    old_x, old_y, old_w, old_h = memory.box_xywh
    x, y, w, h = box_xywh
    moved = math.hypot(x + w / 2 - old_x - old_w / 2, y + h / 2 - old_y - old_h / 2)
    size = max(box_size(memory.box_xywh), box_size(box_xywh))
    limit = config.motion_slack + config.max_speed * memory.box_age_s
    return moved <= size * limit * share


def _plausible_scale(config: SupervisorConfig, memory: Memory, seen: Observation) -> bool:
    if config.max_scale_rate == 0.0:
        return True
    # a box cut by the border changes its size as fast as the target crosses the border
    if any(touches_border(box, seen.image_size) for box in (memory.box_xywh, seen.box_xywh)):
        return True
    change = abs(math.log(box_size(seen.box_xywh) / box_size(memory.box_xywh)))
    return change <= config.scale_slack + config.max_scale_rate * memory.box_age_s
