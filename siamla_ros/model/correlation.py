"""How the template meets the search region. The template is an input, never module state."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pixelwise_correlation(search: Tensor, template: Tensor) -> Tensor:
    """Every template cell against every search cell (Alpha-Refine, Yan et al., CVPR 2021).

    :param search: (B, C, H, W)
    :param template: (B, C, h, w)
    :returns: (B, h*w, H, W) dot products
    """
    batch, _, height, width = search.shape
    kernels = template.flatten(2).transpose(1, 2)
    return torch.bmm(kernels, search.flatten(2)).view(batch, -1, height, width)


def depthwise_correlation(search: Tensor, template: Tensor) -> Tensor:
    """Each channel of the template slid over its channel of the search region (SiamRPN++, CVPR
    2019).

    The template is cut to odd height and width, so that the response stays centred on its cell.

    :param search: (B, C, H, W)
    :param template: (B, C, h, w)
    :returns: (B, C, H, W), zero-padded at the border and divided by the number of template cells
    """
    batch, channels, height, width = search.shape
    template = template[
        ...,
        : template.shape[-2] - 1 + template.shape[-2] % 2,
        : template.shape[-1] - 1 + template.shape[-1] % 2,
    ]
    h, w = template.shape[-2:]
    kernels = template.reshape(batch * channels, 1, h, w) / (h * w)
    response = F.conv2d(
        search.reshape(1, batch * channels, height, width),
        kernels,
        padding=(h // 2, w // 2),
        groups=batch * channels,
    )
    return response.view(batch, channels, height, width)
