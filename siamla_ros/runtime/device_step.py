"""One frame as one device program: crops, network, and one box per window, of fixed shapes, with no
decision on the host and nothing to copy back but the result.

The same module runs eagerly on the CPU and on CUDA, inside CUDA graphs, and through `torch.export`.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamla_ros.model import SiamLA
from siamla_ros.runtime.step_crops import cut
from siamla_ros.runtime.step_decode import DeviceDecode


class DeviceStep(nn.Module):
    """The network with what comes before and after it.

    Args:
        model: Its weights are copied; it stays where it is.
        dtype: Of the network; crops and boxes are computed in float32.
        taps: Samples of a crop pixel along an axis that `forward` takes.
    """

    def __init__(self, model: SiamLA, dtype: torch.dtype = torch.float32, taps: int = 1) -> None:
        super().__init__()
        self.config, self.dtype, self.taps = model.config, dtype, taps
        self.network = copy.deepcopy(model).eval().requires_grad_(False)
        self.network = self.network.to(dtype=dtype, memory_format=torch.channels_last)
        self.decode = DeviceDecode(model.config.grid, model.config.search_size_px)

    def forward(self, pixels: Tensor, rows: Tensor, settings: Tensor, templates: Tensor) -> Tensor:
        """Boxes (B, 13), see `step_layout.RESULT_FIELDS`.

        Args:
            pixels: (N, 3) uint8 BGR, the parts of the frame.
            rows: (B, 16) and
            settings: (16,) float32, see `step_layout`.
            templates: (B, C, h, w) features.
        """
        return self.boxes(self.search_crops(pixels, rows, self.taps), rows, settings, templates)

    def search_crops(self, pixels: Tensor, rows: Tensor, taps: int) -> Tensor:
        """(B, 3, S, S) in the network's precision."""
        return cut(pixels, rows, self.config.search_size_px, taps).to(self.dtype)

    def template_crops(self, pixels: Tensor, rows: Tensor, taps: int) -> Tensor:
        """(B, 3, T, T) in the network's precision."""
        return cut(pixels, rows, self.config.template_size_px, taps).to(self.dtype)

    @property
    def backbone_shape(self) -> tuple[int, int, int]:
        """(D, H, W) of what `answers` adds; D is 0 where a filter cannot be learned from it."""
        cells = self.config.grid.cells(self.config.search_size_px)
        return self.network.filter_channels, cells, cells

    def boxes(self, crops: Tensor, rows: Tensor, settings: Tensor, templates: Tensor) -> Tensor:
        """Boxes (B, 13) of search crops."""
        return self.decode(self.maps(crops, templates), rows, settings)

    def answers(self, crops: Tensor, rows: Tensor, settings: Tensor, templates: Tensor) -> Tensor:
        """Boxes and, behind them, the features of the backbone (B, 13 + D H W), float32: one tensor
        is one copy to the host.
        """
        backbone = self.network.backbone(crops)
        boxes = self.decode(self.maps_of(backbone, templates), rows, settings)
        if not self.network.filter_channels:
            return boxes
        return torch.cat([boxes, backbone.float().flatten(1)], 1)

    def maps(self, crops: Tensor, templates: Tensor) -> Tensor:
        """Response maps (B, 6, H, W) float32: p, left, top, right, bottom, Q."""
        return self.maps_of(self.network.backbone(crops), templates)

    def maps_of(self, backbone: Tensor, templates: Tensor) -> Tensor:
        """The same of what the backbone has made of the crops."""
        response = self.network.respond(self.network.neck(backbone), templates)
        p = torch.sigmoid(response.classification.float())
        quality = p if response.quality is None else torch.sigmoid(response.quality.float())
        return torch.cat([p, response.ltrb.float(), quality], 1)

    def features(self, crops: Tensor) -> Tensor:
        """Template features (B, C, h, w)."""
        return self.network.features(crops)

    def similarity(self, crops: Tensor, templates: Tensor) -> Tensor:
        """Cosine (B,) in [-1, 1] of template crops with templates, cell by cell, averaged."""
        found = self.features(crops).float()
        return F.cosine_similarity(found, templates.float(), dim=1).mean((1, 2))
