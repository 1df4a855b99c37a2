"""The package's own tracker behind the evaluation's two calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from siamla_ros.evaluation.cells import Cells
from siamla_ros.evaluation.trackers.base import Box, Estimate


class SiamlaTracker:
    """`siamla[:checkpoint]`: one target, every answer followed (no supervisor, as in OPE)."""

    def __init__(
        self, model: str = "default", device: str = "auto", name: str = "siamla", **options: Any
    ) -> None:
        from siamla_ros import load_tracker

        self.name = name
        self.tracker = load_tracker(model, device=device, **options)
        self._given = {"model": model, "device": device, "options": options}
        self._state: Any = None
        self._before: Any = None
        self._image: np.ndarray | None = None

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Take the template."""
        self._state = self.tracker.init(image_bgr, box_xywh)

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """Box and fused confidence; classification, localization, second_peak as extra."""
        result = self.tracker.update(image_bgr, [self._state])[0]
        self._before, self._image, self._state = self._state, image_bgr, result.state
        extra = {
            "classification": result.classification,
            "localization": result.localization,
            "second_peak": result.second_peak,
        }
        return Estimate(result.box_xywh, result.confidence, extra)

    def last_cells(self) -> Cells | None:
        """Every cell of the last update, where the tracker can tell (it runs a second time)."""
        look = getattr(self.tracker, "cells", None)
        if look is None or self._before is None:
            return None
        boxes_xywh, centres_xy, confidence = look(self._image, self._before)
        return Cells(boxes_xywh, centres_xy, confidence)

    def describe(self) -> dict[str, Any]:
        """What was asked for, what was chosen, and the checkpoint's own account of itself."""
        chosen = {
            key: _plain(getattr(self.tracker, key))
            for key in ("device", "device_reason", "provenance", "sha256", "config")
            if hasattr(self.tracker, key)
        }
        return {"name": self.name, **self._given, **chosen}


def _plain(value: Any) -> Any:
    """Something that JSON takes."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
