"""Negatives within a batch: a pair whose template is exchanged for that of another object.

They cost nothing where features are cached, and every pass over the pairs brings new ones. Most of
them get the template that resembles their own most, so that the scores learn to separate neighbors
of the same appearance.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIMILAR_SHARE = 0.6
SAME = 0.9
"""Cosine above which two templates may show the same object."""


def swap_templates(
    template: Tensor, box_xyxy: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Exchange templates of a share of a batch and drop their boxes.

    Args:
        template: (B, C, h, w) features.
        box_xyxy: (B, 4); NaN for negatives.
        share: Probability of each pair.
        rng: Of the draw.

    Returns:
        Both as new tensors; NaN boxes where the template was exchanged.
    """
    batch = len(template)
    similarity = template_similarity(template)
    similarity.fill_diagonal_(-2.0)
    similarity[similarity > SAME] = -2.0
    source, box = torch.arange(batch), box_xyxy.clone()
    for index in np.flatnonzero(rng.random(batch) < share):
        others = torch.nonzero(similarity[index] > -2.0).flatten()
        if not len(others):
            continue
        most = int(similarity[index].argmax())
        drawn = int(others[int(rng.integers(len(others)))])
        source[index] = most if rng.random() < SIMILAR_SHARE else drawn
        box[index] = torch.nan
    return template[source], box


def template_similarity(template: Tensor) -> Tensor:
    """Cosines (B, B) of the mean features of the templates' middles.

    What all templates of the batch have in common is subtracted first: it separates nothing.
    """
    side = template.shape[-1]
    middle = slice(side // 4, side - side // 4)
    features = template.float()[..., middle, middle].mean((2, 3))
    features = F.normalize(features - features.mean(0), dim=1)
    return features @ features.T
