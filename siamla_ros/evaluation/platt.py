"""Fits Platt scaling to a confidence, so that its value is the probability of a right box."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from siamla_ros.tracker.logistic import TINY

_RIDGE = 1e-3


def fit_platt(
    confidence: ArrayLike, hit: ArrayLike, weight: ArrayLike | None = None, rounds: int = 50
) -> tuple[float, float]:
    """Scale and bias of ``sigmoid(scale * logit(c) + bias)`` by maximum likelihood.

    Newton's method with a slight pull to (1, 0), so that perfectly separable data stay finite.

    Args:
        confidence: (N,) fused confidences c in [0, 1].
        hit: (N,) whether the box was right (IoU > 0.5).
        weight: (N,) weight of each sample.
        rounds: Steps at most.

    Raises:
        ValueError: There are no hits, or only hits, so that nothing can be fitted.
    """
    c = np.clip(np.asarray(confidence, np.float64), TINY, 1 - TINY)
    y = np.asarray(hit, np.float64)
    if not 0 < y.mean() < 1:
        raise ValueError(
            f'calibration: {int(y.sum())} of {y.size} samples are hits; both are needed'
        )
    w = np.ones_like(y) if weight is None else np.asarray(weight, np.float64)
    design = np.stack([logit(c), np.ones_like(c)], 1)
    start = np.array([1.0, 0.0])
    theta = start.copy()
    for _ in range(rounds):
        p = expit(design @ theta)
        gradient = design.T @ (w * (p - y)) + _RIDGE * (theta - start)
        curvature = (design * (w * p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-9:
            break
    return float(theta[0]), float(theta[1])
