"""Boxes of the weights at the start as a teacher, where they are right.

A regression branch that is trained again on little data makes its boxes a little worse everywhere:
it follows the annotation's noise. But where the boxes of the start are wrong (at the edge of the
window, on a target that swells or turns) it has to learn. So the distances that a cell predicts are
held to those of the start by as much as the box of the start overlaps the true one (as learning
without forgetting, Li and Hoiem, ECCV 2016, with a gate by the truth).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from siamla_ros.model import SiamLA
from siamla_ros.model.grid import CellGrid
from siamla_ros.training.labels import assign
from siamla_ros.training.losses import box_overlap, masked_mean

TRUSTED_FROM, TRUSTED_FULLY = 0.7, 0.85
"""IoU of the teacher's box with the true one from which, and above which wholly, it is followed."""


class BoxTeacher:
    """A network as it is now, for its boxes.

    Args:
        model: The weights at the start; copied.

    Attributes:
        model: The copy: where features train, the teacher's own come from it.
    """

    def __init__(self, model: SiamLA) -> None:
        self.model: SiamLA = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def ltrb(self, search: Tensor, template: Tensor) -> Tensor:
        """Distances (B, 4, H, W), search pixels, from the features of both crops."""
        middle = self.model.config.correlated_cells
        tower = self.model.reg_branch(search, template[..., middle, middle])
        return torch.exp(self.model.reg_head(tower).float().clamp(max=7.0))


def keeping_loss(ltrb: Tensor, taught: Tensor, box_xyxy: Tensor, grid: CellGrid) -> Tensor:
    """Mean difference of the logarithms of the distances inside the target, gated by the teacher's
    IoU.

    Args:
        ltrb: Predicted distances (B, 4, H, W).
        taught: The teacher's.
        box_xyxy: True boxes (B, 4); NaN for negatives, which count not.
        grid: Where the cells lie.
    """
    height, width = ltrb.shape[2:]
    inside = assign(box_xyxy, height, width, grid).inside
    iou, _ = box_overlap(taught, box_xyxy, grid)
    trust = ((iou - TRUSTED_FROM) / (TRUSTED_FULLY - TRUSTED_FROM)).clamp(0.0, 1.0)
    difference = (ltrb.float().log() - taught.log()).abs().mean(1)
    return masked_mean(trust * difference, inside)
