"""The tracker: one box in, and from then on every frame a box and a confidence. ROS-free.

tracker = load_tracker()
state = tracker.init(image_bgr, (x, y, w, h))
result = tracker.update(image_bgr, [state])[0]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, border_color, check_image
from siamla_ros.model.config import ModelConfig
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import Runtime
from siamla_ros.tracker.bystander import BystanderMemory, surroundings
from siamla_ros.tracker.results import TargetState, TrackResult
from siamla_ros.tracker.target_filter import waiting
from siamla_ros.tracker.templates import Templates
from siamla_ros.tracker.window_search import WindowSearch


class Tracker:
    """Follows any number of targets with one network; holds no target itself.

    Args:
        runtime: Crops and network.
        model: Crop sizes and contexts of that network.
        decode: How a box is chosen.
        device_reason: Why this device was chosen, for reports.
        calibration: What was fitted to these weights, from the checkpoint.
    """

    def __init__(
        self,
        runtime: Runtime,
        model: ModelConfig,
        decode: DecodeConfig,
        device_reason: str = '',
        description: dict[str, Any] | None = None,
        calibration: dict[str, dict[str, float]] | None = None,
    ) -> None:
        self.runtime, self.model, self.decode = runtime, model, decode
        self._windows = WindowSearch(runtime, model, decode)
        self._templates = Templates(runtime, model)
        self._reason = device_reason
        self.description = dict(description or {})
        self.calibration = dict(calibration or {})

    @property
    def keep_responses(self) -> bool:
        """See `WindowSearch`."""
        return self._windows.keep_responses

    @keep_responses.setter
    def keep_responses(self, keep: bool) -> None:
        self._windows.keep_responses = keep

    @property
    def search_context(self) -> float:
        """Side of the search window in sides of the box."""
        return self.model.search_context

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return self.runtime.device

    @property
    def device_reason(self) -> str:
        """Why this device, and how the runtime works there at present."""
        state = getattr(self.runtime, 'reason', '')
        return '; '.join(text for text in (self._reason, state) if text)

    def close(self) -> None:
        """Give the memory of a device back; the tracker cannot be used any more."""
        close = getattr(self.runtime, 'close', None)
        if close is not None:
            close()

    def init(self, image_bgr: ImageArray, box_xywh: Sequence[float]) -> TargetState:
        """Start a target.

        Args:
            image_bgr: (H, W, 3) uint8, BGR as OpenCV and cv_bridge give it.
            box_xywh: Pixels, half-open; may leave the image in part.

        Raises:
            BoxError: (a ValueError) not finite, too small, or outside.
            ValueError: Not an image.
        """
        check_image(image_bgr)
        box = boxes.check_init_box(box_xywh, _size(image_bgr))
        border = border_color(image_bgr)
        template = self._templates.features(image_bgr, box, border)
        state = TargetState(box, template, border)
        if self.decode.bystander_weight:
            known = BystanderMemory(surroundings(image_bgr, box))
            state = replace(state, bystanders=known)
        if self.decode.filter_weight:
            learned = self._windows.first_filter(image_bgr, box, template, border)
            state = replace(state, filter=learned)
        return state

    def update(self, image_bgr: ImageArray, states: Sequence[TargetState]) -> list[TrackResult]:
        """Find every target in a new frame: one batched forward pass, results in the order of
        ``states``.

        Raises:
            ValueError: Not an image, or the box of a state is none.
        """
        check_image(image_bgr)
        results = self._windows.search(image_bgr, states, [_place(s.box_xywh) for s in states])
        results = self._search_wide(image_bgr, states, results)
        reported = self._reported(results, states)
        if weight := self.decode.distractor_weight:
            seen = self._templates.noted_distractors(image_bgr, states, results)
            reported = [r.beside_distractors(weight, each) for r, each in zip(reported, seen)]
        if weight := self.decode.bystander_weight:
            noted = [_noted(image_bgr, *pair) for pair in zip(states, results, strict=True)]
            reported = [r.beside_bystanders(weight, each) for r, each in zip(reported, noted)]
        wait = waiting([state.filter for state in states], [r.taught for r in reported])
        weight = self.decode.filter_weight
        return [r.beside_filter(weight, later) for r, later in zip(reported, wait, strict=True)]

    def probe(
        self, image_bgr: ImageArray, state: TargetState, boxes_xywh: Sequence[Sequence[float]]
    ) -> list[TrackResult]:
        """Search for one target as if it had last been at each of ``boxes_xywh``: one batched pass.

        Center and size of a box set the search window; results continue from what was found there.

        Raises:
            ValueError: Not an image, or a box is not finite or empty.
        """
        check_image(image_bgr)
        places = [_place(box) for box in boxes_xywh]
        distractors, bystanders = state.distractors.elsewhere(), BystanderMemory()
        anew = replace(state, distractors=distractors, bystanders=bystanders)
        found = self._windows.search(image_bgr, [anew] * len(places), places)
        return [result.with_filter_response() for result in self._reported(found)]

    def similarity(
        self, image_bgr: ImageArray, state: TargetState, boxes_xywh: Sequence[Sequence[float]]
    ) -> list[float]:
        """Similarity of the template and each box, in [0, 1]: the cosine of their features,
        negative ones cut.

        Raises:
            ValueError: Not an image, or a box is not finite or empty.
        """
        check_image(image_bgr)
        places = [_place(box) for box in boxes_xywh]
        values = self._templates.cosines(image_bgr, state, places)
        return [float(np.clip(value, 0.0, 1.0)) for value in values]

    def distractor_level(
        self, image_bgr: ImageArray, state: TargetState, box_xywh: Sequence[float]
    ) -> float:
        """How much a box looks like something that has looked like the target, [0, 0.8]; 0 where
        the tracker does not weigh it or has seen nothing of the kind.

        Raises:
            ValueError: Not an image, or the box is not finite or empty.
        """
        check_image(image_bgr)
        return self._templates.distractor_level(image_bgr, state, _place(box_xywh))

    def _search_wide(
        self, image: ImageArray, states: Sequence[TargetState], results: list[TrackResult]
    ) -> list[TrackResult]:
        """The results; those of low confidence replaced where a wide search gives more.

        A target may have moved beyond its window, which reaches least along its narrow side. Where
        a wide window shows something, a window of the usual size is laid on it; what that finds
        competes with the first answer.
        """
        low = [i for i, r in enumerate(results) if r.confidence < self.decode.wide_below]
        last = [states[i].box_xywh for i in low]
        wide = self._windows.search(image, [states[i] for i in low], last, wide=True)
        hints = {
            i: boxes.from_center(*boxes.center(found.box_xywh), *box[2:])
            for i, box, found in zip(low, last, wide, strict=True)
            if found.confidence > results[i].confidence
        }
        near = self._windows.search(image, [states[i] for i in hints], list(hints.values()))
        better = {
            i: replace(r, first=results[i])
            for i, r in zip(hints, near, strict=True)
            if r.confidence > results[i].confidence
        }
        return [better.get(i, result) for i, result in enumerate(results)]

    def _reported(
        self, results: Iterable[TrackResult], states: Sequence[TargetState] = ()
    ) -> list[TrackResult]:
        """With second peaks against the confidences, which decided on boxes without them: of two
        that look alike, neither is worse for it. states: before, to remember second peaks from.
        """
        weight = self.decode.second_peak_weight
        before = chain((state.peak_ratio for state in states), repeat(0.0))
        return [r.beside_second_peak(weight, ratio) for r, ratio in zip(results, before)]


def load_tracker(
    model: str | Path = 'default',
    device: str = 'auto',
    *,
    runtime: str = 'auto',
    threads: int = 0,
    half: bool = False,
    keep_responses: bool = False,
    **decode: float,
) -> Tracker:
    """Load weights and choose what runs them.

    Args:
        model: ``default``, the name of a shipped model, or the path of a checkpoint.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        runtime: ``auto`` (on the CPU ONNX Runtime where the exported graphs lie beside the weights,
            in 8 bits where that proves right and faster at start; else torch), ``float`` (the same
            without 8 bits), ``torch``, ``onnxruntime`` (in float) or ``onnxruntime-int8``.
        threads: CPU threads of the network; 0 leaves the library's own choice.
        half: Float16 on CUDA.
        keep_responses: See `Tracker`.
        decode: Values of :class:`~siamla_ros.tracker.decode.DecodeConfig` to override.

    Raises:
        WeightsError: Missing or damaged weights.
        DeviceError: A requested device is absent.
        ValueError: A value out of range, or an unknown option.
    """
    from siamla_ros.model.checkpoint import read_checkpoint
    from siamla_ros.runtime.factory import build_runtime

    unknown = sorted(set(decode) - {f.name for f in fields(DecodeConfig)})
    if unknown:
        raise ValueError(
            f'load_tracker: unknown option {", ".join(unknown)}; there are runtime, threads, half, '
            f'keep_responses, {", ".join(f.name for f in fields(DecodeConfig))}'
        )
    checkpoint = read_checkpoint(model)
    chosen, reason = build_runtime(checkpoint, device, runtime, threads, half)
    wanted = replace(checkpoint.decode, **decode)
    if wanted.filter_weight and not chosen.gives_backbone:
        raise ValueError(
            f'filter_weight = {wanted.filter_weight}: {chosen.name} gives no features to learn a '
            f'filter from: the graphs of {checkpoint.path.name} are of an earlier version (export '
            f'again), or its backbone {checkpoint.model.backbone} has too many channels (use 0)'
        )
    description = {
        'model': checkpoint.path.stem,
        'sha256': checkpoint.sha256,
        'runtime': chosen.name,
    }
    tracker = Tracker(
        chosen,
        checkpoint.model,
        wanted,
        reason,
        description,
        checkpoint.calibration,
    )
    tracker.keep_responses = keep_responses
    return tracker


def _noted(image: ImageArray, state: TargetState, result: TrackResult) -> list[BystanderMemory]:
    """What a result's box shows, and that of its first answer, if it has one."""
    answers = (result,) if result.first is None else (result, result.first)
    return [state.bystanders.after(image, r.box_xywh, r.confidence) for r in answers]


def _size(image: ImageArray) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _place(box_xywh: Sequence[float]) -> Box:
    return boxes.check_box(box_xywh, boxes.SMALLEST_PX)
