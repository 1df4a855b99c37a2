"""Whether a box shows something that stood beside the target when that was last confirmed.

Where a target vanishes beside another of its kind, the box goes over to that from one image to the
next, and the network is sure of it. But two things in one image are two: if the image on which the
target was last confirmed shows what is in the box now, and shows it outside of the target's box,
it is not the target. Points of the box are followed back to that image by optical flow (pyramidal
Lucas-Kanade, there and back). A target that has really moved so far leads back into its own box,
or is too blurred to lead anywhere, which says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import SMALLEST_PX, Box, box_size, center, iou

LONGEST_S = 0.5  # after that, what stood beside the target has turned and moved
FOLLOWED_S = 3.0  # after that, a box that goes on from a bystander may show something else
MOST_KNOWN = 8  # bystanders
NEAREST_SIDES = 0.35  # a box that has moved less shares most of its pixels with the last one
REACH_SIDES = 2.5  # of the surroundings, to each side: somewhat more than a search window
BOX_PX = 48  # side of the box in them
LEAST_PX = 8  # side of surroundings that show something
ROW = np.linspace(0.3, 0.7, 6)  # of the points in a box: its rim shows what is behind
OFF_SIDES = 0.55  # from where the same point of the target was: outside of most of its box
MOST_ERROR_PX = 1.0  # of a point that was followed there and back
MOST_DIFFERENCE = 15.0  # of the gray values round a point and round where it leads
LEAST_TEXTURE = 1e-3  # OpenCV's minEigThreshold: nothing can be followed where all is even
MOST_SHARE = 0.5  # of the points of a box; more of them off, and it shows a bystander
SAME_IOU = 0.5  # of boxes on successive images that show the same thing
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Surroundings:
    """What a target had round it on the image on which it was last confirmed.

    Attributes:
        box_xywh: The target's, half-open pixels of the image.
        stamp_s: Of the image.
        image_size: (width, height) of the image.
        region: left, top, width, height of `gray` in the image, whole pixels.
        gray: (h, w), reduced so that the box has a side of `BOX_PX` at most.
    """

    box_xywh: Box
    stamp_s: float
    image_size: tuple[int, int]
    region: tuple[int, int, int, int]
    gray: Image

    def bystander_share(self, image_bgr: Image, box_xywh: Box) -> float:
        """Share of the points of a box, [0, 1], that were seen here, and outside of the target.

        0 where the box has hardly moved, or lies beyond the surroundings in part.

        Args:
            image_bgr: HxWx3, of the same size as theirs.
            box_xywh: half-open, pixels.
        """
        height, width = self.gray.shape
        corner = np.array(self.region[:2])
        scale = np.array([width / self.region[2], height / self.region[3]])
        grid = np.stack([np.tile(ROW, len(ROW)), np.repeat(ROW, len(ROW))], 1)
        points = (np.array(box_xywh[:2]) + grid * box_xywh[2:] - corner) * scale
        inside = (points >= 0).all() and (points < (width, height)).all()
        if not inside or not has_moved(self.box_xywh, box_xywh):
            return 0.0
        now = _gray(image_bgr, self.region, (width, height))
        led, found = _followed(now, self.gray, points.astype(np.float32))
        there = (led / scale + corner - self.box_xywh[:2]) / self.box_xywh[2:]
        return float((found & (np.abs(there - grid).max(1) > OFF_SIDES)).mean())


def surroundings(image_bgr: Image, box_xywh: Box, stamp_s: float) -> Surroundings | None:
    """What a confirmed target has round it; None where that is too small to tell.

    Args:
        image_bgr: HxWx3.
        box_xywh: half-open, pixels.
        stamp_s: of the image.
    """
    height, width = image_bgr.shape[:2]
    (cx, cy), reach_x, reach_y = center(box_xywh), *(REACH_SIDES * side for side in box_xywh[2:])
    left, top = max(math.floor(cx - reach_x), 0), max(math.floor(cy - reach_y), 0)
    right, bottom = min(math.ceil(cx + reach_x), width), min(math.ceil(cy + reach_y), height)
    region = (left, top, right - left, bottom - top)
    scale = min(BOX_PX / max(box_size(box_xywh), SMALLEST_PX), 1.0)
    size = (round(region[2] * scale), round(region[3] * scale))
    if min(size) < LEAST_PX:
        return None
    return Surroundings(box_xywh, stamp_s, (width, height), region, _gray(image_bgr, region, size))


def has_moved(old_xywh: Box, new_xywh: Box) -> bool:
    """Whether a box has moved so far that it can show a bystander."""
    moved = math.dist(center(old_xywh), center(new_xywh))
    return moved >= NEAREST_SIDES * box_size(old_xywh)


class Bystanders:
    """What stood beside one target when it was last confirmed.

    The image of that is kept as it is, and its surroundings are cut out once they are needed. A box
    that goes on from one that was found to show a bystander shows it still.
    """

    def __init__(self) -> None:
        self._confirmed: tuple[Image, Box, float] | None = None
        self._surroundings: Surroundings | None = None
        self._known_xywh: list[Box] = []

    def note(self, image_bgr: Image, box_xywh: Box, stamp_s: float, confirmed: bool) -> None:
        """An image with the box on it, and whether it was confirmed to show the target."""
        if confirmed:
            self.forget()
            self._confirmed = (image_bgr, box_xywh, stamp_s)
        else:
            self._cut_out()

    def shown(self, image_bgr: Image, box_xywh: Box, stamp_s: float) -> bool:
        """Whether a box shows something that stood beside the target."""
        if self._confirmed is not None and not has_moved(self._confirmed[1], box_xywh):
            return False
        self._cut_out()
        around = self._surroundings
        if around is None or not 0.0 < stamp_s - around.stamp_s <= FOLLOWED_S:
            return False
        if (image_bgr.shape[1], image_bgr.shape[0]) != around.image_size:
            return False
        others = [box for box in self._known_xywh if float(iou(box_xywh, box)) < SAME_IOU]
        if len(others) == len(self._known_xywh):
            if stamp_s - around.stamp_s > LONGEST_S:
                return False
            if around.bystander_share(image_bgr, box_xywh) <= MOST_SHARE:
                return False
        self._known_xywh = [*others, box_xywh][-MOST_KNOWN:]
        return True

    def forget(self) -> None:
        """What stands beside the target now is not known."""
        self._confirmed = self._surroundings = None
        self._known_xywh = []

    def _cut_out(self) -> None:
        if self._confirmed is not None:
            self._surroundings = surroundings(*self._confirmed)
            self._confirmed = None


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


def _gray(image_bgr: Image, region: tuple[int, int, int, int], size: tuple[int, int]) -> Image:
    """A region of an image in another size; of more than twice that, pixels are left out, for the
    mean of all takes as long as a forward pass.
    """
    left, top, width, height = region
    step_x, step_y = max(width // (2 * size[0]), 1), max(height // (2 * size[1]), 1)
    part = np.ascontiguousarray(
        image_bgr[top : top + height : step_y, left : left + width : step_x]
    )
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
