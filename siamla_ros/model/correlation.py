"""How the template meets the search region. The template is an input, never module state."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from siamla_ros.model.layers import fixed_size


def pixelwise_correlation(search: Tensor, template: Tensor) -> Tensor:
    """Every template cell against every search cell (Alpha-Refine, Yan et al., CVPR 2021).

    Args:
        search: (B, C, H, W).
        template: (B, C, h, w).

    Returns:
        (B, h*w, H, W) dot products.
    """
    height, width = fixed_size(search)
    h, w = fixed_size(template)
    channels = int(search.shape[1])
    kernels = template.reshape(-1, channels, h * w).transpose(1, 2)
    response = torch.bmm(kernels, search.reshape(-1, channels, height * width))
    return response.view(-1, h * w, height, width)


def depthwise_correlation(search: Tensor, template: Tensor) -> Tensor:
    """Each channel of the template slid over its channel of the search region (SiamRPN++, CVPR
    2019).

    Height and width of the template are odd, so that the response stays centerd on its cell.

    Args:
        search: (B, C, H, W).
        template: (B, C, h, w).

    Returns:
        (B, C, H, W), zero-padded at the border and divided by the number of template cells.

    Raises:
        ValueError: The template has an even side.
    """
    batch, channels, height, width = search.shape
    if torch.onnx.is_in_onnx_export():  # groups of a convolution would fix the batch
        return _shifted_sum(search, template)
    h, w = template.shape[-2:]
    if h % 2 == 0 or w % 2 == 0:
        raise ValueError(f'template: {h} x {w} cells, both must be odd')
    kernels = template.reshape(batch * channels, 1, h, w) / (h * w)
    response = F.conv2d(
        search.reshape(1, batch * channels, height, width),
        kernels,
        padding=(h // 2, w // 2),
        groups=batch * channels,
    )
    return response.view(batch, channels, height, width)


def _shifted_sum(search: Tensor, template: Tensor) -> Tensor:
    """Depth-wise correlation as a sum over template cells, for a batch of any size."""
    height, width = fixed_size(search)
    h, w = fixed_size(template)
    padded = F.pad(search, (w // 2, w // 2, h // 2, h // 2))
    total = torch.zeros_like(search)
    for i in range(h):
        for j in range(w):
            cell = template[..., i : i + 1, j : j + 1]
            total = total + padded[..., i : i + height, j : j + width] * cell
    return total / (h * w)
