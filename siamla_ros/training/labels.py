"""Label assignment and LALS, the localization-aware label smoothing (our reconstruction; arXiv
2204.14093, abstract).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from siamla_ros.model.grid import CellGrid

LOCATION_SIGMA = 0.5
"""Width of the static location prior, in half-extents of the box."""


class Assignment(NamedTuple):
    """What each cell learns; every field has shape (B, H, W).

    Attributes:
        positive: In the inner ellipse (axes w/4, h/4), or the nearest cell where none is.
        inside: In the outer ellipse (axes w/2, h/2): positives and ignored cells; where
            quality is learnt.
        prior: S = exp(-d2^2 / (2 sigma^2)), 1 at the center of the box.
    """

    positive: Tensor
    inside: Tensor
    prior: Tensor


def cell_centers(height: int, width: int, grid: CellGrid, like: Tensor) -> tuple[Tensor, Tensor]:
    """Centers of the cells in crop pixels: x (1, 1, width) and y (1, height, 1)."""
    x, y = (
        torch.arange(n, device=like.device) * float(grid.stride) + grid.offset
        for n in (width, height)
    )
    return x.view(1, 1, width), y.view(1, height, 1)


def assign(box_xyxy: Tensor, height: int, width: int, grid: CellGrid) -> Assignment:
    """Cells of a (height, width) map for boxes (B, 4) in crop pixels; NaN boxes have no positive
    and none inside.
    """
    present = torch.isfinite(box_xyxy).all(1).view(-1, 1, 1)
    box = torch.nan_to_num(box_xyxy)
    cx, cy = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    w, h = (box[:, 2] - box[:, 0]).clamp(min=1.0), (box[:, 3] - box[:, 1]).clamp(min=1.0)
    x, y = cell_centers(height, width, grid, box)
    d2_squared = ((x - cx.view(-1, 1, 1)) / (w / 2).view(-1, 1, 1)) ** 2 + (
        (y - cy.view(-1, 1, 1)) / (h / 2).view(-1, 1, 1)
    ) ** 2
    positive = 4.0 * d2_squared < 1.0  # d4 = 2 d2
    nearest = d2_squared.flatten(1).argmin(1)
    lonely = ~positive.flatten(1).any(1)
    positive = positive.flatten(1)
    positive[lonely, nearest[lonely]] = True
    positive = positive.view_as(d2_squared) & present
    inside = ((d2_squared <= 1.0) & present) | positive
    return Assignment(positive, inside, torch.exp(-d2_squared / (2 * LOCATION_SIGMA**2)))


def classification_target(
    assignment: Assignment, iou: Tensor, dynamic: bool, smoothing: float, label_warmup: float
) -> Tensor:
    """The label y of every cell, (B, H, W); 0 outside of the positives.

    LADL with LALS: ``y = (1 - eps) q + eps s`` with q the IoU of the predicted box (no gradient);
    while ``label_warmup`` < 1 q is blended with 1, so that labels are not noise before
    boxes make sense. Hard labels: ``1 - eps/2``.
    """
    if dynamic:
        q = label_warmup * iou.detach() + (1.0 - label_warmup)
        y = (1.0 - smoothing) * q + smoothing * assignment.prior
    else:
        y = torch.full_like(iou, 1.0 - smoothing / 2)
    return torch.where(assignment.positive, y, torch.zeros_like(y))
