"""What stood beside a target on the image that last confirmed it (see `tracker.bystander`)."""

from __future__ import annotations

from siamla_ros.geometry.boxes import Box, iou
from siamla_ros.tracker.bystander import (
    FOLLOWED_S,
    LONGEST_S,
    SAME_IOU,
    Image,
    Surroundings,
    surroundings,
)
from siamla_ros.tracker.results import TrackResult

MOST_KNOWN = 8  # bystanders


class Bystanders:
    """What stood beside one target when it was last confirmed.

    A box that goes on from one that was found to show a bystander shows it still.
    """

    def __init__(self) -> None:
        self._surroundings: Surroundings | None = None
        self._stamp_s = 0.0  # of their image
        self._known_xywh: list[Box] = []

    def confirm(self, image_bgr: Image, result: TrackResult, stamp_s: float) -> None:
        """An image on which the target was confirmed. The image is not kept."""
        cut_out = result.state.bystanders.cut_out
        if cut_out is None or cut_out.box_xywh != result.box_xywh:
            cut_out = surroundings(image_bgr, result.box_xywh)
        self._surroundings, self._stamp_s, self._known_xywh = cut_out, stamp_s, []

    def shown(self, image_bgr: Image, box_xywh: Box, stamp_s: float) -> bool:
        """Whether a box shows something that stood beside the target."""
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
        self._surroundings, self._known_xywh = None, []
