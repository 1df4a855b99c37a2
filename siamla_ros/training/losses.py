"""LADL, score-weighted regression and the quality loss (our reconstruction; arXiv 2204.14093,
abstract).

Maps have shape (B, H, W) unless stated otherwise. Everything is computed in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, distributed

from siamla_ros.model.grid import CellGrid
from siamla_ros.model.siamla import Response
from siamla_ros.training.config import LossConfig
from siamla_ros.training.distributed import active, mean_over_processes
from siamla_ros.training.labels import Assignment, assign, cell_centers, classification_target

EPS = 1e-6


class Losses(NamedTuple):
    """Scalars of one batch; ``total`` is what is minimised."""

    total: Tensor
    classification: Tensor
    regression: Tensor
    quality: Tensor
    mean_iou: Tensor


def box_overlap(ltrb: Tensor, box_xyxy: Tensor, grid: CellGrid) -> tuple[Tensor, Tensor]:
    """IoU and GIoU of every cell's predicted box with the ground truth.

    Args:
        ltrb: (B, 4, H, W) distances in crop pixels.
        box_xyxy: (B, 4); NaN boxes give 0.
    """
    _, _, height, width = ltrb.shape
    x, y = cell_centers(height, width, grid, ltrb)
    left, top, right, bottom = ltrb.unbind(1)
    x0, y0, x1, y1 = x - left, y - top, x + right, y + bottom
    gx0, gy0, gx1, gy1 = (v.view(-1, 1, 1) for v in torch.nan_to_num(box_xyxy).unbind(1))
    inter = (torch.minimum(x1, gx1) - torch.maximum(x0, gx0)).clamp(min=0) * (
        torch.minimum(y1, gy1) - torch.maximum(y0, gy0)
    ).clamp(min=0)
    union = (x1 - x0) * (y1 - y0) + (gx1 - gx0) * (gy1 - gy0) - inter
    hull = (torch.maximum(x1, gx1) - torch.minimum(x0, gx0)) * (
        torch.maximum(y1, gy1) - torch.minimum(y0, gy0)
    )
    iou = inter / union.clamp(min=EPS)
    return iou, iou - (hull - union) / hull.clamp(min=EPS)


def modulate(p: Tensor, y: Tensor, positive: Tensor, kind: str) -> Tensor:
    """Weights of the classification terms: none; quality focal |y-p|^2 / p^2; varifocal y / 0.75
    p^2.
    """
    p = p.detach()
    if kind == 'quality_focal':
        return torch.where(positive, (y - p).abs() ** 2, p**2)
    if kind == 'varifocal':
        return torch.where(positive, y, 0.75 * p**2)
    if kind != 'none':
        raise ValueError(
            f'loss.modulator = {kind!r}: must be one of none, quality_focal, varifocal'
        )
    return torch.ones_like(p)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the cells of ``mask``; 0 where there are none."""
    weight = mask.to(values.dtype)
    return (values * weight).sum() / _count(weight, 1.0)


def _count(weight: Tensor, least: float) -> Tensor:
    """What a sum is divided by: the sum of weights, of the whole batch where processes share it."""
    processes = distributed.get_world_size() if active() else 1
    return mean_over_processes(weight.sum()).clamp(min=least / processes)


def classification_loss(
    logits: Tensor, y: Tensor, assignment: Assignment, modulator: str
) -> Tensor:
    """``1/2 mean_pos m+ BCE(p, y) + 1/2 mean_neg m- BCE(p, 0)``; ignored cells (between the
    ellipses) count not.
    """
    bce = F.binary_cross_entropy_with_logits(logits, y, reduction='none')
    bce = bce * modulate(torch.sigmoid(logits), y, assignment.positive, modulator)
    return 0.5 * masked_mean(bce, assignment.positive) + 0.5 * masked_mean(bce, ~assignment.inside)


def regression_loss(giou: Tensor, y: Tensor, positive: Tensor, weighted: bool) -> Tensor:
    """``sum w (1 - GIoU) / sum w`` over positives; w is the label (no gradient) or 1."""
    weight = positive.to(giou.dtype) * (y.detach() if weighted else 1.0)
    return (weight * (1.0 - giou)).sum() / _count(weight, EPS)


def quality_loss(
    logits: Tensor, target: Tensor, assignment: Assignment, hard: Tensor | None
) -> Tensor:
    """BCE of the quality logit against its target inside the box, and against 0 on the cells of
    ``hard``.
    """
    bce = F.binary_cross_entropy_with_logits(
        logits, torch.where(assignment.inside, target, 0.0), reduction='none'
    )
    loss = masked_mean(bce, assignment.inside)
    return loss if hard is None else loss + 0.5 * masked_mean(bce, hard)


def centerness(ltrb_truth: Tensor) -> Tensor:
    """Center-ness of FCOS, (B, H, W), from distances (B, 4, H, W) to the true sides; 0 outside of
    the box.
    """
    left, top, right, bottom = ltrb_truth.clamp(min=0).unbind(1)
    ratio = (torch.minimum(left, right) / torch.maximum(left, right).clamp(min=EPS)) * (
        torch.minimum(top, bottom) / torch.maximum(top, bottom).clamp(min=EPS)
    )
    return ratio.sqrt()


def true_distances(box_xyxy: Tensor, height: int, width: int, grid: CellGrid) -> Tensor:
    """Distances (B, 4, H, W) from every cell to the sides of the true box (B, 4); negative
    outside.
    """
    x, y = cell_centers(height, width, grid, box_xyxy)
    x0, y0, x1, y1 = (v.view(-1, 1, 1) for v in torch.nan_to_num(box_xyxy).unbind(1))
    return torch.stack([(x - x0) + 0 * y, (y - y0) + 0 * x, (x1 - x) + 0 * y, (y1 - y) + 0 * x], 1)


def compute(
    response: Response,
    box_xyxy: Tensor,
    config: LossConfig,
    grid: CellGrid,
    label_warmup: float,
    use_centerness: bool = False,
) -> Losses:
    """All losses of a batch; ``box_xyxy`` (B, 4) in search pixels is NaN for negative pairs."""
    logits, ltrb = response.classification[:, 0].float(), response.ltrb.float()
    height, width = logits.shape[1:]
    cells = assign(box_xyxy, height, width, grid)
    iou, giou = box_overlap(ltrb, box_xyxy, grid)
    iou = iou.detach()
    y = classification_target(cells, iou, config.dynamic_labels, config.smoothing, label_warmup)
    classification = classification_loss(logits, y, cells, config.modulator)
    regression = regression_loss(giou, y, cells.positive, config.weighted_regression)
    quality = logits.new_zeros(())
    if response.quality is not None:
        target = (
            centerness(true_distances(box_xyxy, height, width, grid)) if use_centerness else iou
        )
        hard = _hard_negatives(torch.sigmoid(logits), cells) if config.negative_quality else None
        quality = quality_loss(response.quality[:, 0].float(), target, cells, hard)
    total = classification + config.regression_weight * regression + config.quality_weight * quality
    return Losses(total, classification, regression, quality, masked_mean(iou, cells.positive))


def _hard_negatives(p: Tensor, cells: Assignment, per_map: int = 8) -> Tensor:
    """Outside of the target, the cells of each map that score highest: where the quality branch
    must say 0.
    """
    scores = p.detach().masked_fill(cells.inside, -1.0).flatten(1)
    top = scores.topk(min(per_map, scores.shape[1]), dim=1).indices
    mask = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, top, True)
    return mask.view_as(p) & ~cells.inside
