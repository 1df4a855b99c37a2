"""What targets look like, learnt from believed boxes: appearance for the answering node. Free of
ROS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from siamla_ros.ros.engine import TRACKER_ERRORS, TrackerLike
from siamla_ros.ros.frame import Frame
from siamla_ros.ros.targets import Box

REFRESH_S = 2.0


@dataclass
class _Look:
    first: object
    latest: object
    stamp_s: float


class Looks:
    """The first and the latest trustworthy look of each target."""

    def __init__(self, tracker: TrackerLike) -> None:
        self._tracker = tracker
        self._looks: dict[str, _Look] = {}

    def wants(self, target_id: str, stamp_s: float) -> bool:
        """Whether it is time to learn the target's look (anew)."""
        look = self._looks.get(target_id)
        return look is None or not 0.0 <= stamp_s - look.stamp_s < REFRESH_S

    def learn(self, target_id: str, frame: Frame, box_xywh: Box) -> None:
        """Take a believed box as the target's look.

        :raises ImageError: the image cannot be used
        """
        try:
            state = self._tracker.init(frame.to_bgr(), box_xywh)
        except TRACKER_ERRORS:
            return  # a box at the border may be too small for a template; the next one will do
        look = self._looks.get(target_id)
        first = state if look is None else look.first
        self._looks[target_id] = _Look(first, state, frame.stamp_s)

    def similarity(self, target_id: str, frame: Frame, boxes_xywh: Sequence[Box]) -> list[float]:
        """The better of both looks against each box, [0, 1]; zeros for a target never seen.

        :raises ImageError: the image cannot be used
        """
        look = self._looks.get(target_id)
        if look is None:
            return [0.0] * len(boxes_xywh)
        image = frame.to_bgr()
        pairs = zip(*(
            self._tracker.similarity(image, state, boxes_xywh)
            for state in (look.first, look.latest)
        ))
        return [max(pair) for pair in pairs]
