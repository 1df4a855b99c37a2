"""The network run by torch, eagerly, on the CPU or on CUDA; crops are cut on the same device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from siamla_ros.geometry.crops import ImageArray, Window, crop
from siamla_ros.model import SiamLA
from siamla_ros.runtime.base import Maps
from siamla_ros.runtime.device_crops import crop_batch


class TorchRuntime:
    """Implements `Runtime`.

    On CUDA the frame is uploaded once and all crops are sampled there; the maps come back in one
    copy.

    Args:
        half: Compute in float16 (CUDA only); maps are float32 all the same.
    """

    name = 'torch'

    def __init__(self, model: SiamLA, device: str, half: bool = False) -> None:
        if half and not device.startswith('cuda'):
            raise ValueError(f'half = True: needs a CUDA device, not {device!r}')
        self.device = device
        self.dtype = torch.float16 if half else torch.float32
        self.config = model.config
        self._device = torch.device(device)
        self._model = model.eval().to(self._device, self.dtype, memory_format=torch.channels_last)

    @torch.inference_mode()
    def template(
        self, image_bgr: ImageArray, window: Window, border_bgr: Sequence[float]
    ) -> Tensor:
        """Features (C, h, w) on the device."""
        pixels = self._crops(image_bgr, [window], [border_bgr], self.config.template_size_px)
        return self._model.features(pixels)[0]

    @torch.inference_mode()
    def respond(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[Tensor],
    ) -> Maps:
        """See `Runtime`."""
        pixels = self._crops(image_bgr, windows, borders_bgr, self.config.search_size_px)
        response = self._model(pixels, torch.stack(list(templates)))
        p = torch.sigmoid(response.classification.float())
        quality = p if response.quality is None else torch.sigmoid(response.quality.float())
        packed = (
            torch.cat([p, response.ltrb.float(), quality], 1).cpu().numpy()
        )  # the one host copy of a frame
        return Maps(packed[:, 0], packed[:, 1:5], packed[:, 5])

    @torch.inference_mode()
    def similarity(self, first: Tensor, second: Tensor) -> float:
        """See `Runtime`."""
        return float(F.cosine_similarity(first.float(), second.float(), dim=0).mean())

    def _crops(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders: Sequence[Sequence[float]],
        size_px: int,
    ) -> Tensor:
        """Crops (B, 3, size, size), RGB in [0, 255], on the device."""
        if self._device.type == 'cuda':
            return crop_batch(image_bgr, windows, borders, size_px, self._device, self.dtype)
        crops = np.stack(
            [crop(image_bgr, w, size_px, b) for w, b in zip(windows, borders, strict=True)]
        )
        pixels = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1])).permute(0, 3, 1, 2)
        return pixels.to(self.dtype)
