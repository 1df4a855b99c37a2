"""Everything of a tracker that lies on one device, and the way of a batch through it. Made anew
when the device fails, from the weights on the host; templates come back from their host copies.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamla_ros.geometry.crops import ImageArray, crop
from siamla_ros.model import SiamLA
from siamla_ros.runtime import step_layout as layout
from siamla_ros.runtime import step_programs as programs
from siamla_ros.runtime.base import Decided, Maps
from siamla_ros.runtime.device_step import DeviceStep
from siamla_ros.runtime.lane import HostLane
from siamla_ros.runtime.staging import Slot, Staging
from siamla_ros.runtime.step_layout import Batch
from siamla_ros.runtime.step_programs import Key, StepMemory, StepPrograms

logger = logging.getLogger(__name__)
PIXEL_BYTES = 3 * 2 * 1024 * 1024  # more than 1920 x 1080; larger parts enlarge the memory
Features = NDArray[np.float32]


class StepDevice:
    """A network on a device, ready to run.

    Args:
        model: The weights, on the host.
        lane: The way to the device.
        dtype: Of the network's numbers.
        pixel_bytes: Parts of a frame that fit without new memory.
    """

    def __init__(
        self, model: SiamLA, lane: HostLane, dtype: torch.dtype, pixel_bytes: int = PIXEL_BYTES
    ) -> None:
        self.config, self._lane, self._dtype = model.config, lane, dtype
        self._uploaded: dict[int, tuple[weakref.ref[Features], Tensor]] = {}
        step = DeviceStep(model, dtype)
        with lane.active(), torch.no_grad():
            self.step = lane.place(step)
        with lane.active(), torch.inference_mode():
            self._allocate(3 if lane.cuts_on_host else pixel_bytes)

    def _allocate(self, pixel_bytes: int) -> None:
        memory = StepMemory(self.step, self._lane.device, pixel_bytes)
        staging = Staging(self._lane, pixel_bytes, memory.results.shape[1])
        # Both are there: what was recorded on the old memory, if any, may go.
        self._lane.drop_captures()
        self._memory, self._staging = memory, staging
        self._placed: list[weakref.ref[Features] | None] = [None] * layout.MAX_ROWS
        self.programs = StepPrograms(self.step, self._lane, self._memory)
        self.programs.warm_up()

    @torch.inference_mode()
    def boxes(
        self,
        image: ImageArray,
        batch: Batch,
        templates: Sequence[Features],
        settings: NDArray[np.float32],
    ) -> Decided:
        """See `BoxRuntime`."""
        found = self._run(programs.BOXES, image, batch, templates, settings)
        rows, backbone = np.split(found, [len(layout.RESULT_FIELDS)], 1)
        shape = self.step.backbone_shape
        return Decided(rows, backbone.reshape(len(rows), *shape) if shape[0] else None)

    @torch.inference_mode()
    def similarities(
        self, image: ImageArray, batch: Batch, template: Features
    ) -> NDArray[np.float32]:
        """Cosines (B,) of what template windows show with a template."""
        settings = np.zeros(0, np.float32)
        templates = [template] * len(batch.windows)
        return self._run(programs.SIMILARITY, image, batch, templates, settings)[:, 0]

    @torch.inference_mode()
    def features(self, image: ImageArray, batch: Batch) -> Features:
        """Template (C, h, w) of one window, on the host."""
        with self._lane.active():
            self._cut(image, batch, programs.TEMPLATE_CROPS, np.zeros(0, np.float32))
            self.programs.run(Key(programs.FEATURES, 1))
            # A copy also where the memory is the host's: the next target's template goes there.
            return np.array(self._memory.features[0].cpu().numpy())

    @torch.inference_mode()
    def maps(self, image: ImageArray, batch: Batch, templates: Sequence[Features]) -> Maps:
        """For comparisons."""
        found, features = [], []
        with self._lane.active():
            for part in batch.split(self.config.search_size_px):
                few = batch.part(part)
                self._cut(image, few, programs.SEARCH_CROPS, np.zeros(0, np.float32))
                self._place(templates[part])
                crops, count = self._memory.search_crops, len(few.windows)
                backbone = self.step.network.backbone(crops[:count])
                maps = self.step.maps_of(backbone, self._memory.templates[:count])
                found.append(maps.cpu().numpy())
                features.append(backbone.float().cpu().numpy())
        maps = np.concatenate(found)
        kept = np.concatenate(features) if self.step.network.filter_channels else None
        return Maps(maps[:, 0], maps[:, 1:5], maps[:, 5], kept)

    def alive(self) -> bool:
        """Whether the device takes any call after an error."""
        return self._lane.alive()

    def close(self) -> None:
        """Give the device's memory back."""
        del self.step, self._memory, self._staging, self.programs
        self._uploaded.clear()
        self._lane.close()

    def _run(
        self,
        kind: str,
        image: ImageArray,
        batch: Batch,
        templates: Sequence[Features],
        settings: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        results = np.empty((len(batch.windows), self._memory.results.shape[1]), np.float32)
        crops = programs.SEARCH_CROPS if kind == programs.BOXES else programs.TEMPLATE_CROPS
        pending: deque[tuple[slice, Slot]] = deque()

        def collect() -> None:
            part, slot = pending.popleft()
            slot.wait()
            results[part] = slot.results[: len(results[part])]

        with self._lane.active():
            for part in batch.split(self._size(crops)):
                if len(pending) > 1:
                    collect()
                few = batch.part(part)
                slot = self._cut(image, few, crops, settings)  # first: it may make new memory
                self._place(templates[part])
                self.programs.run(Key(kind, few.bucket))
                slot.fetch(self._memory.results, len(few.windows))
                pending.append((part, slot))
            while pending:
                collect()
        return results

    def _size(self, crops: str) -> int:
        config = self.config
        return config.search_size_px if crops == programs.SEARCH_CROPS else config.template_size_px

    def _cut(
        self, image: ImageArray, batch: Batch, kind: str, settings: NDArray[np.float32]
    ) -> Slot:
        """Bring rows and pixels up and cut the crops."""
        size = self._size(kind)
        parts = layout.seen_parts(batch.windows, size, image.shape)
        if self._lane.cuts_on_host:
            slot = self._staging.next()
            layout.pack_rows(slot.block, image.shape, parts, batch, size, settings)
            slot.send(self._memory.block, layout.PIXEL_OFFSET)
            self._cut_on_host(image, batch, kind)
            return slot
        needed = layout.needed_bytes(parts)
        self._enlarge(needed - layout.PIXEL_OFFSET)
        slot = self._staging.next()
        layout.pack_rows(slot.block, image.shape, parts, batch, size, settings)
        layout.pack_pixels(slot.block, image, parts)
        slot.send(self._memory.block, needed)
        self.programs.run(Key(kind, batch.bucket, batch.taps(size)))
        return slot

    def _cut_on_host(self, image: ImageArray, batch: Batch, kind: str) -> None:
        search = kind == programs.SEARCH_CROPS
        target = self._memory.search_crops if search else self._memory.template_crops
        for i, (window, border) in enumerate(zip(batch.windows, batch.borders_bgr)):
            pixels = torch.from_numpy(crop(image, window, self._size(kind), border))
            target[i].copy_(pixels.flip(2).permute(2, 0, 1))

    def _enlarge(self, pixel_bytes: int) -> None:
        """New memory where a frame's parts do not fit, for frames of this size from now on."""
        have = self._staging.pixel_bytes
        if pixel_bytes <= have:
            return
        doubled = have
        while doubled < pixel_bytes:
            doubled *= 2
        logger.warning(
            'parts of a frame need %d bytes, %d are there: enlarged to %d',
            pixel_bytes,
            have,
            doubled,
        )
        self._allocate(doubled)

    def _place(self, templates: Sequence[Features]) -> None:
        """Put templates where the programs read them; those that are there stay."""
        for i, template in enumerate(templates):
            placed = self._placed[i]
            if placed is None or placed() is not template:
                self._memory.templates[i].copy_(self._on_device(template), non_blocking=True)
                self._placed[i] = weakref.ref(template)

    def _on_device(self, template: Features) -> Tensor:
        """A template's copy on the device, kept as long as the template is."""
        name, kept = id(template), self._uploaded.get(id(template))
        if kept is not None and kept[0]() is template:
            return kept[1]
        # A copy also on the CPU, where a view would keep the template alive.
        uploaded = torch.from_numpy(template).to(self._lane.device, self._dtype, copy=True)
        forget = weakref.ref(template, lambda _: self._uploaded.pop(name, None))
        self._uploaded[name] = (forget, uploaded)
        return uploaded
