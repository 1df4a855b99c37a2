"""One pass of the network over windows of an image: a target's box in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, Window, context_window
from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import BoxRuntime, Runtime
from siamla_ros.tracker.decode import decode_boxes, decoded_row, fused
from siamla_ros.tracker.results import TargetState, TrackResult
from siamla_ros.tracker.target_filter import SHIFTS, Sight, TargetFilter


class WindowSearch:
    """Searches windows for targets; holds none.

    Args:
        runtime: Crops and network.
        model: Crop sizes and contexts of that network.
        decode: How a box is chosen.

    Attributes:
        keep_responses: Whether results keep their response map; the boxes are then found on the
            host by every runtime.
    """

    def __init__(self, runtime: Runtime, model: ModelConfig, decode: DecodeConfig) -> None:
        self._runtime, self._model, self._decode = runtime, model, decode
        self.box_runtime = runtime if isinstance(runtime, BoxRuntime) else None
        self.keep_responses = False

    def search(
        self,
        image: ImageArray,
        states: Sequence[TargetState],
        places: Sequence[Box],
        wide: bool = False,
    ) -> list[TrackResult]:
        """Each target round its place: in the usual window, or in a wide, square one."""
        if not states:
            return []
        context = self._model.search_context * (self._decode.wide_factor if wide else 1.0)
        isotropic = 1.0 if wide else self._model.isotropic
        windows = [context_window(box, context, isotropic) for box in places]
        found = self._decided(image, states, places, windows)
        return [
            self._result(image, state, place, decoded)
            for state, place, decoded in zip(states, places, found, strict=True)
        ]

    def first_filter(
        self, image: ImageArray, box: Box, template: Any, border_bgr: Sequence[float]
    ) -> TargetFilter | None:
        """The filter of a target on its first image, from one pass over five windows; None where
        the runtime does not give the features that it takes.
        """
        x, y, w, h = box
        places = [(x + right * w, y + down * h, w, h) for right, down in SHIFTS]
        state = TargetState(box, template, (border_bgr[0], border_bgr[1], border_bgr[2]))
        model = self._model
        windows = [context_window(place, model.search_context, model.isotropic) for place in places]
        results = self._decided(image, [state] * len(places), places, windows)
        sights = [result.sight for result in results if result.sight is not None]
        return TargetFilter.start(sights, box) if sights else None

    def _decided(
        self,
        image: ImageArray,
        states: Sequence[TargetState],
        places: Sequence[Box],
        windows: Sequence[Window],
    ) -> list[TrackResult]:
        """What is found in each window: not clipped, without next states."""
        borders, templates = [s.border_bgr for s in states], [s.template for s in states]
        size_px, grid = self._model.search_size_px, self._model.grid
        if self.box_runtime is not None and not self.keep_responses:
            rows, backbone = self.box_runtime.boxes(
                image, windows, borders, templates, places, self._decode
            )
            found = [decoded_row(row, window) for row, window in zip(rows, windows, strict=True)]
        else:
            maps = self._runtime.respond(image, windows, borders, templates)
            found = decode_boxes(maps, windows, size_px, grid, places, self._decode)
            backbone = maps.backbone
            if self.keep_responses:
                responses = fused(maps.classification, maps.quality, self._decode)
                found = [replace(r, response=m) for r, m in zip(found, responses, strict=True)]
        if backbone is None or not self._decode.filter_weight:
            return found
        sights = [Sight(*seen, size_px, grid) for seen in zip(backbone, windows, strict=True)]
        return [replace(result, sight=sight) for result, sight in zip(found, sights, strict=True)]

    def _result(
        self, image: ImageArray, state: TargetState, place: Box, decoded: TrackResult
    ) -> TrackResult:
        size = image.shape[1], image.shape[0]
        box = boxes.as_box(boxes.clip(decoded.box_xywh, size))
        seen = decoded.confidence >= self._decode.min_update_confidence
        followed = state.moved(box if seen else place, decoded.confidence)
        second = decoded.second_box_xywh
        if second is not None:
            second = boxes.as_box(boxes.clip(second, size))
        return replace(decoded, box_xywh=box, second_box_xywh=second, state=followed)
