"""What boxes show to the template network: the template of a target, and boxes compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, Window, context_window
from siamla_ros.model.config import ModelConfig
from siamla_ros.runtime.base import BoxRuntime, Runtime
from siamla_ros.tracker.distractors import Descriptor, Distractors, descriptor_of, waiting
from siamla_ros.tracker.results import TargetState, TrackResult


class Templates:
    """Template crops of boxes, one pass of the network each; holds no target."""

    def __init__(self, runtime: Runtime, model: ModelConfig) -> None:
        self._runtime, self._model = runtime, model

    def features(self, image_bgr: ImageArray, box_xywh: Box, border_bgr: Sequence[float]) -> Any:
        """The template of a box, in the form of the runtime."""
        return self._runtime.template(image_bgr, self._window(box_xywh), border_bgr)

    def cosines(
        self, image_bgr: ImageArray, state: TargetState, boxes_xywh: Sequence[Box]
    ) -> list[float]:
        """Cosine of each box's features with the target's, in [-1, 1]."""
        windows, border = [self._window(box) for box in boxes_xywh], state.border_bgr
        if not windows:
            return []
        if isinstance(self._runtime, BoxRuntime):
            borders = [border] * len(windows)
            found = self._runtime.similarities(image_bgr, windows, borders, state.template)
            return [float(value) for value in found]
        templates = [self._runtime.template(image_bgr, window, border) for window in windows]
        return [self._runtime.similarity(state.template, template) for template in templates]

    def noted_distractors(
        self, image_bgr: ImageArray, states: Sequence[TargetState], results: Sequence[TrackResult]
    ) -> list[Distractors]:
        """What has looked like each target, after an update; see `Distractors.after`."""
        wait = waiting([state.distractors for state in states])
        return [self._noted(image_bgr, *parts) for parts in zip(states, results, wait, strict=True)]

    def _noted(
        self, image: ImageArray, state: TargetState, result: TrackResult, wait: bool
    ) -> Distractors:
        return state.distractors.after(
            result,
            lambda: descriptor_of(state.template),
            lambda box: self._descriptor(image, state, box),
            wait,
        )

    def distractor_level(self, image_bgr: ImageArray, state: TargetState, box_xywh: Box) -> float:
        """How much a box looks like one of these, see `Distractors.level`."""
        if not state.distractors.seen:
            return 0.0
        return state.distractors.level_of(self._descriptor(image_bgr, state, box_xywh))

    def _descriptor(self, image: ImageArray, state: TargetState, box: Box) -> Descriptor:
        return descriptor_of(self.features(image, box, state.border_bgr))

    def _window(self, box_xywh: Box) -> Window:
        return context_window(box_xywh, self._model.template_context, self._model.isotropic)
