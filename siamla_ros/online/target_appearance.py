"""What targets look like, learnt from believed boxes: appearance for the answering node. Free of
ROS.

The network's features say what kind of thing it is, the colors say which one of the kind: among
pedestrians the features alone hardly tell one from the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.colors import Colors, colors_of_halves, likeness_of_halves
from siamla_ros.online.engine import TRACKER_ERRORS, TrackerLike
from siamla_ros.online.frame import Frame

REFRESH_S = 2.0


@dataclass(frozen=True)
class _Look:
    state: object
    colors: Colors


@dataclass(frozen=True)
class _Known:
    first: _Look
    latest: _Look
    stamp_s: float


class Looks:
    """The first and the latest trustworthy look of each target."""

    def __init__(self, tracker: TrackerLike) -> None:
        self._tracker = tracker
        self._looks: dict[str, _Known] = {}

    def wants(self, target_id: str, stamp_s: float) -> bool:
        """Whether it is time to learn the target's look (anew)."""
        known = self._looks.get(target_id)
        return known is None or not 0.0 <= stamp_s - known.stamp_s < REFRESH_S

    def learn(self, target_id: str, frame: Frame, box_xywh: Box) -> None:
        """Take a believed box as the target's look.

        :raises ImageError: the image cannot be used
        """
        image = frame.to_bgr()
        try:
            state = self._tracker.init(image, box_xywh)
        except TRACKER_ERRORS:
            return  # a box at the border may be too small for a template; the next one will do
        look = _Look(state, colors_of_halves(image, box_xywh))
        known = self._looks.get(target_id)
        self._looks[target_id] = _Known(known.first if known else look, look, frame.stamp_s)

    def similarity(self, target_id: str, frame: Frame, boxes_xywh: Sequence[Box]) -> list[float]:
        """The better of both looks against each box, [0, 1]; zeros for a target never seen.

        The geometric mean of the network's similarity (counted once) and of the colors' (twice).

        :raises ImageError: the image cannot be used
        """
        known = self._looks.get(target_id)
        if known is None:
            return [0.0] * len(boxes_xywh)
        image = frame.to_bgr()
        colors = [colors_of_halves(image, box) for box in boxes_xywh]
        columns = []
        for look in (known.first, known.latest):
            kinds = self._tracker.similarity(image, look.state, boxes_xywh)
            columns.append(
                [
                    float(np.cbrt(kind * likeness_of_halves(look.colors, color) ** 2))
                    for kind, color in zip(kinds, colors)
                ]
            )
        return [max(pair) for pair in zip(*columns)]
