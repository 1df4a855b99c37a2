"""What stood beside a target on the image that last confirmed it (see `tracker.bystander`)."""

from __future__ import annotations

from siamla_ros.geometry.boxes import Box, iou
from siamla_ros.tracker.bystander import (
    FOLLOWED_S,
    LONGEST_S,
    SAME_IOU,
    Image,
    Surroundings,
    has_moved,
    surroundings,
)

MOST_KNOWN = 8  # bystanders


class Bystanders:
    """What stood beside one target when it was last confirmed.

    The image of that is kept as it is, and its surroundings are cut out once they are needed. A box
    that goes on from one that was found to show a bystander shows it still.
    """

    def __init__(self) -> None:
        self._confirmed: tuple[Image, Box, float] | None = None
        self._surroundings: Surroundings | None = None
        self._stamp_s = 0.0  # of their image
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
        around, age_s = self._surroundings, stamp_s - self._stamp_s
        if around is None or not 0.0 < age_s <= FOLLOWED_S or not around.fit(image_bgr):
            return False
        others = [box for box in self._known_xywh if float(iou(box_xywh, box)) < SAME_IOU]
        goes_on = len(others) < len(self._known_xywh)
        if not goes_on and (age_s > LONGEST_S or not around.show(image_bgr, box_xywh)):
            return False
        self._known_xywh = [*others, box_xywh][-MOST_KNOWN:]
        return True

    def forget(self) -> None:
        """What stands beside the target now is not known."""
        self._confirmed = self._surroundings = None
        self._known_xywh = []

    def _cut_out(self) -> None:
        if self._confirmed is not None:
            image_bgr, box_xywh, self._stamp_s = self._confirmed
            self._surroundings = surroundings(image_bgr, box_xywh)
            self._confirmed = None
