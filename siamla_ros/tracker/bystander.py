"""Whether a box shows something that stood beside the target on an earlier image.

Where a target vanishes beside another of its kind, the box goes over to that from one image to the
next, and the network is sure of it. But two things in one image are two: if the last image that
surely showed the target shows what is in the box now, and shows it outside of the target's box, it
is not the target. Points of the box are followed back to that image by optical flow (pyramidal
Lucas-Kanade, there and back). A target that has really moved so far leads back into its own box,
or is too blurred to lead anywhere, which says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import SMALLEST_PX, Box, box_size, center, iou
from siamla_ros.tracker.logistic import UPDATES_PER_S

LONGEST_S = 0.5  # after that, what stood beside the target has turned and moved
FOLLOWED_S = 3.0  # after that, a box that goes on from a bystander may show something else
NEAREST_SIDES = 0.35  # a box that has moved less shares most of its pixels with the last one
REACH_SIDES = 2.5  # of the surroundings, to each side: somewhat more than a search window
BOX_PX = 32  # side of the box in them, about: 23 to 45
LEAST_PX = 8  # side of surroundings that show something
ROW = np.linspace(0.3, 0.7, 6)  # of the points in a box: its rim shows what is behind
GRID = np.stack([np.tile(ROW, len(ROW)), np.repeat(ROW, len(ROW))], 1)
OFF_SIDES = 0.55  # from where the same point of the target was: outside of most of its box
MOST_ERROR_PX = 1.0  # of a point that was followed there and back
MOST_DIFFERENCE = 15.0  # of the gray values round a point and round where it leads
LEAST_TEXTURE = 1e-3  # OpenCV's minEigThreshold: nothing can be followed where all is even
MOST_SHARE = 0.5  # of the points of a box; more of them off, and it shows a bystander
SAME_IOU = 0.5  # of boxes on successive images that show the same thing
MIN_CONFIDENCE = 0.9  # of the network alone; below it a box does not surely show the target
KEPT = 0.97  # of a level, from update to update: half of it after 0.8 s at 30 Hz
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What a target had round it on one image.

    Attributes:
        box_xywh: The target's, half-open pixels of the image.
        image_size: (width, height) of the image.
        region: left, top, width, height of `gray` in the image, whole pixels.
        gray: (h, w), reduced so that the box has a side of about `BOX_PX` at most.
    """

    box_xywh: Box
    image_size: tuple[int, int]
    region: tuple[int, int, int, int]
    gray: Image = field(repr=False)

    def fit(self, image_bgr: Image) -> bool:
        """Whether an image has the size of theirs: one of another size cannot be compared."""
        return (image_bgr.shape[1], image_bgr.shape[0]) == self.image_size

    def show(self, image_bgr: Image, box_xywh: Box) -> bool:
        """Whether what a box of a later image shows was seen here, and outside of the target."""
        return self.bystander_share(image_bgr, box_xywh) > MOST_SHARE

    def bystander_share(self, image_bgr: Image, box_xywh: Box) -> float:
        """Share of the points of a box, [0, 1], that were seen here, and outside of the target.

        0 where the box has hardly moved, or lies beyond the surroundings in part.

        Args:
            image_bgr: HxWx3, of the same size as theirs.
            box_xywh: half-open, pixels.
        """
        if not _has_moved(self.box_xywh, box_xywh):
            return 0.0
        height, width = self.gray.shape
        corner = np.array(self.region[:2])
        scale = np.array([width / self.region[2], height / self.region[3]])
        points = (np.array(box_xywh[:2]) + GRID * box_xywh[2:] - corner) * scale
        if (points < 0).any() or (points >= (width, height)).any():
            return 0.0
        now = _gray(image_bgr, self.region, self.region[2] // width)
        led, found = _followed(now, self.gray, points.astype(np.float32))
        there = (led / scale + corner - self.box_xywh[:2]) / self.box_xywh[2:]
        return float((found & (np.abs(there - GRID).max(1) > OFF_SIDES)).mean())


@dataclass(frozen=True)
class BystanderMemory:
    """What one target had round it when a box was last sure, and whether later boxes show that;
    immutable, bounded.

    Attributes:
        surroundings: None: not known.
        age_s: Since they were seen.
        shown_xywh: The last box, if it showed a bystander; one that goes on from it shows it still.
        level: How surely boxes have shown a bystander lately, [0, 1]: 1 while they do, then falls
            by `KEPT` with each update.
    """

    surroundings: Surroundings | None = field(default=None, repr=False, compare=False)
    age_s: float = 0.0
    shown_xywh: Box | None = None
    level: float = 0.0

    def after(self, image_bgr: Image, box_xywh: Box, confidence: float) -> BystanderMemory:
        """The memory after an update.

        Args:
            image_bgr: HxWx3.
            box_xywh: half-open, pixels.
            confidence: Of the network, without anything against it.
        """
        known = self.aged()
        if min(box_xywh[2:]) < SMALLEST_PX:
            return replace(known, shown_xywh=None)
        if known._shows(image_bgr, box_xywh):
            return replace(known, shown_xywh=box_xywh, level=1.0)
        known = replace(known, shown_xywh=None)
        if confidence < MIN_CONFIDENCE:
            return known
        return replace(known, surroundings=surroundings(image_bgr, box_xywh), age_s=0.0)

    def aged(self) -> BystanderMemory:
        """The memory after an update that has shown nothing."""
        return replace(self, age_s=self.age_s + 1.0 / UPDATES_PER_S, level=KEPT * self.level)

    def waited(self, interval_s: float) -> BystanderMemory:
        """The memory before an update `interval_s` seconds after the last one."""
        late_s = interval_s - 1.0 / UPDATES_PER_S
        level = min(self.level * KEPT ** (late_s * UPDATES_PER_S), 1.0)
        return replace(self, age_s=self.age_s + late_s, level=level)

    @property
    def cut_out(self) -> Surroundings | None:
        """The surroundings, if they are those of the last update's box."""
        return None if self.age_s else self.surroundings

    def _shows(self, image_bgr: Image, box_xywh: Box) -> bool:
        known = self.surroundings
        if known is None or self.age_s > FOLLOWED_S or not known.fit(image_bgr):
            return False
        if self.shown_xywh is not None and float(iou(box_xywh, self.shown_xywh)) >= SAME_IOU:
            return True
        return self.age_s <= LONGEST_S and known.show(image_bgr, box_xywh)


def surroundings(image_bgr: Image, box_xywh: Box) -> Surroundings | None:
    """What a target has round it; None where that is too small to tell.

    Args:
        image_bgr: HxWx3.
        box_xywh: half-open, pixels.
    """
    height, width = image_bgr.shape[:2]
    (cx, cy), reach_x, reach_y = center(box_xywh), *(REACH_SIDES * side for side in box_xywh[2:])
    left, top = max(math.floor(cx - reach_x), 0), max(math.floor(cy - reach_y), 0)
    right, bottom = min(math.ceil(cx + reach_x), width), min(math.ceil(cy + reach_y), height)
    side = max(box_size(box_xywh), SMALLEST_PX)
    step = 2 ** max(round(math.log2(side / BOX_PX)), 0)
    size = ((right - left) // step, (bottom - top) // step)
    if min(size) < LEAST_PX:
        return None
    region = (left, top, size[0] * step, size[1] * step)
    return Surroundings(box_xywh, (width, height), region, _gray(image_bgr, region, step))


def _has_moved(old_xywh: Box, new_xywh: Box) -> bool:
    """Whether a box has moved so far that it can show a bystander."""
    moved = math.dist(center(old_xywh), center(new_xywh))
    return moved >= NEAREST_SIDES * box_size(old_xywh)


def _followed(
    first: Image, second: Image, points: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where points (N, 2) of the first image lie in the second, and which could be followed."""
    led, there, difference = _flow(first, second, points)
    back, here, _ = _flow(second, first, led)
    error = np.linalg.norm(back - points, axis=1)
    followed = (there > 0) & (here > 0) & (error < MOST_ERROR_PX) & (difference < MOST_DIFFERENCE)
    return led.astype(np.float64), followed.ravel()


def _flow(first: Image, second: Image, points: NDArray[np.float32]) -> tuple[NDArray, ...]:
    """Points (N, 2), whether they were found (N,), and how much they differ there (N,)."""
    none = np.empty_like(points)
    led, found, difference = cv2.calcOpticalFlowPyrLK(
        first, second, points, none, winSize=(11, 11), maxLevel=3, minEigThreshold=LEAST_TEXTURE
    )
    return np.asarray(led, np.float32), np.ravel(found), np.ravel(difference)


def _gray(image_bgr: Image, region: tuple[int, int, int, int], step: int) -> Image:
    """A region of an image, reduced by a power of two. Of more than twice, pixels are left out, and
    green stands for gray: the gray mean of all takes as long as a forward pass.
    """
    left, top, width, height = region
    size, mean = (width // step, height // step), 2 if step > 1 else 1
    every = step // mean
    part = image_bgr[top : top + height : every, left : left + width : every]
    if every > 1:
        gray = np.ascontiguousarray(part[..., 1])
    else:
        gray = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)
    if mean > 1:
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    return gray
