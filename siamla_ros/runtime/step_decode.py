"""From response maps to boxes on the device: what `tracker.decode` does in NumPy, for all windows
at once, in float32 and without a decision on the host.

`tracker.decode` is the reference; `test/runtime/test_device_step.py` compares every field.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from siamla_ros.model.decode_config import SAME_PEAK_IOU
from siamla_ros.model.grid import CellGrid
from siamla_ros.runtime import step_layout as layout

TINY = 1e-6  # keeps logits of scores finite


class DeviceDecode(nn.Module):
    """Response maps of crops of one size to rows of `step_layout.RESULT_FIELDS`."""

    def __init__(self, grid: CellGrid, size_px: int) -> None:
        super().__init__()
        cells = grid.cells(size_px)
        centers = torch.arange(cells) * float(grid.stride) + grid.offset - size_px / 2.0
        y, x = torch.meshgrid(centers, centers, indexing='ij')
        hann = (torch.arange(cells) - grid.middle(size_px)) / (cells / 2.0 + 1.0)
        hann = 0.5 + 0.5 * torch.cos(math.pi * hann)
        self.register_buffer('x', x.reshape(1, -1), persistent=False)
        self.register_buffer('y', y.reshape(1, -1), persistent=False)
        self.register_buffer('near', torch.outer(hann, hann).reshape(1, -1), persistent=False)

    def forward(self, maps: Tensor, rows: Tensor, settings: Tensor) -> Tensor:
        """(B, 13) from maps (B, 6, H, W): p, left, top, right, bottom, Q."""
        fusion, penalty_k, influence, size_lr, vote_iou, exponent, scale, bias = settings[:8]
        p, q = maps[:, 0].flatten(1).float(), maps[:, 5].flatten(1).float()
        confidence = p ** (1.0 - fusion) * q**fusion
        candidates = self._candidates(maps[:, 1:5].flatten(2).float(), rows)
        last = rows[:, layout.LAST]
        ranking = confidence * _change_penalty(candidates, last, penalty_k)
        ranking = (1.0 - influence) * ranking + influence * self.near
        best = ranking.argmax(1, keepdim=True)
        best_box, score = _take(candidates, best), confidence.gather(1, best)
        overlap = _iou(candidates, best_box)
        voted = _vote(candidates, confidence, overlap, vote_iou)
        box = torch.where(vote_iou < 1.0, voted, best_box)
        other = confidence.masked_fill(overlap >= SAME_PEAK_IOU, 0.0)
        second = other.argmax(1, keepdim=True)
        second_box, second_score = _take(candidates, second), other.gather(1, second)
        reported, second_peak = (
            _calibrated(value * _agreement(candidates, confidence, around) ** exponent, scale, bias)
            for value, around in ((score, box), (second_score, second_box))
        )
        scores = [reported, p.gather(1, best), q.gather(1, best), second_peak, score]
        found = _smooth_size(box, last, size_lr, score)
        return torch.cat([found, *(s.clamp(max=1) for s in scores), _center_size(second_box)], 1)

    def _candidates(self, ltrb: Tensor, rows: Tensor) -> Tensor:
        """Boxes (B, N, 4) as left, top, right, bottom in image pixels from the window's center."""
        step = rows[:, layout.STEP] * rows[:, layout.SHARES]  # image pixels in a crop pixel
        step_x, step_y = (column.unsqueeze(1) for column in step.unbind(1))
        left, top, right, bottom = ltrb.unbind(1)
        sides = (
            (self.x - left) * step_x,
            (self.y - top) * step_y,
            (self.x + right) * step_x,
            (self.y + bottom) * step_y,
        )
        return torch.stack(sides, 2)


def _take(boxes: Tensor, index: Tensor) -> Tensor:
    """One box (B, 4) of each (B, N, 4)."""
    return boxes.gather(1, index.unsqueeze(2).expand(-1, 1, 4)).squeeze(1)


def _sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]


def _iou(boxes: Tensor, one: Tensor) -> Tensor:
    """Intersection over union (B, N) of boxes (B, N, 4) with one box (B, 4); 0 where empty."""
    one = one.unsqueeze(1)
    low, high = (
        torch.maximum(boxes[..., :2], one[..., :2]),
        torch.minimum(boxes[..., 2:], one[..., 2:]),
    )
    shared = (high - low).clamp(min=0.0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).clamp(min=0.0).prod(-1) for b in (boxes, one)]
    union = areas[0] + areas[1] - shared
    return (shared / union).masked_fill(union <= 0.0, 0.0)


def _vote(boxes: Tensor, confidence: Tensor, overlap: Tensor, vote_iou: Tensor) -> Tensor:
    """Mean (B, 4) of the boxes that agree with the best one, by the square of their confidence."""
    weight = (confidence.clamp(min=TINY) ** 2).masked_fill(overlap < vote_iou, 0.0).unsqueeze(2)
    return (boxes * weight).sum(1) / weight.sum(1)


def _agreement(boxes: Tensor, confidence: Tensor, box: Tensor) -> Tensor:
    """Mean IoU (B, 1) with a box of the cells' boxes that mean the same object."""
    overlap = _iou(boxes, box)
    weight = confidence.masked_fill(overlap < SAME_PEAK_IOU, 0.0)
    return (weight * overlap).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=TINY)


def _calibrated(score: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return torch.sigmoid(scale * torch.logit(score, TINY) + bias)


def _change_penalty(boxes: Tensor, last: Tensor, k: Tensor) -> Tensor:
    """Penalty (B, N) of a change of size and aspect."""
    w, h = (side.clamp(min=TINY) for side in _sides(boxes))
    last_w, last_h = (column.unsqueeze(1) for column in last.unbind(1))
    size = _at_least_one(_context_size(w, h) / _context_size(last_w, last_h))
    aspect = _at_least_one((w / h) / (last_w / last_h))
    return torch.exp(-k * (size * aspect - 1.0))


def _context_size(w: Tensor, h: Tensor) -> Tensor:
    padding = (w + h) / 2.0
    return torch.sqrt((w + padding) * (h + padding))


def _at_least_one(ratio: Tensor) -> Tensor:
    return torch.maximum(ratio, 1.0 / ratio)


def _smooth_size(box: Tensor, last: Tensor, rate: Tensor, score: Tensor) -> Tensor:
    """Center and size (B, 4); the size follows at `rate`, more slowly at low confidence."""
    step = torch.where(rate >= 1.0, rate, rate * (0.4 + score).clamp(max=1.0))
    found = _center_size(box)
    return torch.cat([found[:, :2], last + step * (found[:, 2:] - last)], 1)


def _center_size(box: Tensor) -> Tensor:
    """Center and size (B, 4) of corners (B, 4)."""
    return torch.cat([(box[:, :2] + box[:, 2:]) / 2.0, torch.stack(_sides(box), 1)], 1)
