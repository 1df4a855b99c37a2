"""The network run by torch, on the CPU or on CUDA: one device program for each frame.

On CUDA the part of the frame that the windows see goes up in one copy from pinned memory, recorded
graphs cut the crops, run the network and decide on the boxes, and one copy brings these back. On
the CPU the same program runs on crops that OpenCV cuts, which is faster there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, Window
from siamla_ros.model import SiamLA
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime import step_layout as layout
from siamla_ros.runtime.base import Decided, Maps
from siamla_ros.runtime.cuda_errors import Fault, fault_of, first_line
from siamla_ros.runtime.cuda_lane import CudaLane, choose_precision
from siamla_ros.runtime.device import DeviceLostError, note_lost
from siamla_ros.runtime.lane import HostLane
from siamla_ros.runtime.step_device import Features, StepDevice
from siamla_ros.runtime.step_layout import Batch

logger = logging.getLogger(__name__)
Result = TypeVar('Result')
_abandoned: list[StepDevice] = []


class TorchRuntime:
    """Implements `BoxRuntime`.

    Args:
        model: The weights, on the host, where they stay.
        device: `cpu` or `cuda:N`.
        half: Compute in float16 where the GPU is faster so (CUDA only).
        graphs: Record CUDA graphs, which takes seconds and pays for itself over many frames.
        make_lane: Makes the way to the device, in tests.

    Attributes:
        rebuilt: How often what lies on the device was made anew after an error.
    """

    name = 'torch'

    def __init__(
        self,
        model: SiamLA,
        device: str,
        half: bool = False,
        graphs: bool = True,
        make_lane: Callable[[], HostLane] | None = None,
    ) -> None:
        if half and not device.startswith('cuda'):
            raise ValueError(f'half = True: needs a CUDA device, not {device!r}')
        self.device, self.config, self.rebuilt = device, model.config, 0
        self._model, self.gives_backbone = model.eval(), model.filter_channels > 0
        self._make_lane = make_lane or (lambda: _lane(device, graphs))
        self.dtype, self._precision = choose_precision(device, half)
        self._last_error = ''
        self._work: StepDevice | None = StepDevice(self._model, self._make_lane(), self.dtype)

    @property
    def reason(self) -> str:
        """How programs run, for logs and diagnostics."""
        if self._work is None:
            return f'lost: {self._last_error}'
        text = f'{self._precision}, {self._work.programs.reason}'
        return text + (f', made anew after {self._last_error}' if self.rebuilt else '')

    def template(
        self, image_bgr: ImageArray, window: Window, border_bgr: Sequence[float]
    ) -> Features:
        """Features (C, h, w) on the host, so that a target survives its device."""
        batch = Batch([window], [border_bgr], [(1.0, 1.0)])
        return self._guarded(lambda work: work.features(image_bgr, batch))

    def boxes(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[Features],
        last_boxes_xywh: Sequence[Box],
        config: DecodeConfig,
    ) -> Decided:
        """See `BoxRuntime`."""
        batch = Batch(windows, borders_bgr, [(box[2], box[3]) for box in last_boxes_xywh])
        settings = layout.settings_row(config)
        return self._guarded(lambda work: work.boxes(image_bgr, batch, templates, settings))

    def similarities(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        template: Features,
    ) -> NDArray[np.float32]:
        """See `BoxRuntime`."""
        batch = Batch(windows, borders_bgr, [(1.0, 1.0)] * len(windows))
        return self._guarded(lambda work: work.similarities(image_bgr, batch, template))

    def respond(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[Features],
    ) -> Maps:
        """See `Runtime`; for comparisons, for `boxes` needs no maps on the host."""
        batch = Batch(windows, borders_bgr, [(1.0, 1.0)] * len(windows))
        return self._guarded(lambda work: work.maps(image_bgr, batch, templates))

    def similarity(self, first: Features, second: Features) -> float:
        """See `Runtime`."""
        norms = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
        return float(((first * second).sum(0) / np.maximum(norms, 1e-8)).mean())

    def close(self) -> None:
        """Give the device's memory back; the runtime cannot be used any more."""
        self._last_error = 'closed'
        self._release()

    def _guarded(self, call: Callable[[StepDevice], Result]) -> Result:
        """Run; after an error of the device once more, on what is made anew from the host.

        Raises:
            DeviceLostError: The device fails again: this process cannot use it any more.
        """
        if self._work is None:
            raise DeviceLostError(f'{self.device} is {self.reason}')
        try:
            return call(self._work)
        except Exception as error:
            if fault_of(error) is not Fault.DEVICE:
                raise
            first = error
        try:
            result = call(self._rebuild(first))
        except Exception as again:
            if fault_of(again) is Fault.OTHER:
                raise
            raise self._give_up(again) from first
        self.rebuilt += 1
        logger.warning('%s was made anew after %s', self.device, self._last_error)
        return result

    def _rebuild(self, error: Exception) -> StepDevice:
        self._last_error = first_line(error)
        if self._work is not None and not self._work.alive():
            # To free memory of a dead context may end the process: it is left as it is.
            _abandoned.append(self._work)
            self._work = None
        self._release()
        self._work = StepDevice(self._model, self._make_lane(), self.dtype)
        return self._work

    def _give_up(self, error: Exception) -> DeviceLostError:
        self._release()
        note_lost(self.device, self._last_error)
        return DeviceLostError(
            f'{self.device} is lost: {self._last_error}; '
            f'made anew it failed again: {first_line(error)}'
        )

    def _release(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.close()


def _lane(device: str, graphs: bool) -> HostLane:
    return CudaLane(device, graphs) if device.startswith('cuda') else HostLane(device)
