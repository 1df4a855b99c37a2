"""Fits a confidence to samples, so that its value is the probability of a right box."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from siamla_ros.tracker.logistic import TINY, platt

LIMITS = (0.05, 20.0), (-20.0, 20.0)  # of scale and bias, those of `DecodeConfig`
AGAINST = (-50.0, 0.0)  # of each weight
_RIDGE = 1e-3
_PULL = 0.05  # separable samples would else drive scale and weights to their limits


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


def fit_beside(
    confidence: ArrayLike,
    ratio: Callable[[float, float], NDArray[np.float64]],
    against: ArrayLike,
    hit: ArrayLike,
    weight: ArrayLike | None = None,
) -> tuple[float, float, float, tuple[float, ...]]:
    """Platt scaling together with the weights of the second peak and of what else speaks against a
    box, within the limits of `DecodeConfig`, by maximum likelihood.

    Args:
        confidence: (N,) in [0, 1].
        ratio: Of the peaks (N,) under a scale and a bias (`tracker.logistic.recent_peak_ratio`).
        against: (N, K), not negative: `Distractors.level`, `tracker.logistic.shortfall`,
            `BystanderMemory.level`.
        hit: (N,) whether the box was right (IoU > 0.5).
        weight: (N,) weight of each sample.

    Returns:
        Scale, bias, the weight of the second peak, and those of the columns.

    Raises:
        ValueError: See `fit_platt`.
    """
    c, y = np.asarray(confidence, np.float64), np.asarray(hit, np.float64)
    w = np.ones_like(y) if weight is None else np.asarray(weight, np.float64)
    columns = np.asarray(against, np.float64)
    count = columns.shape[1]
    least, most = np.transpose([*LIMITS, *[AGAINST] * (1 + count)])

    def loss(theta: NDArray[np.float64]) -> float:
        scale, bias, beside = theta[:3]
        if (theta < least).any() or (theta > most).any():
            return math.inf
        taken = beside * ratio(scale, bias) + columns @ theta[3:]
        p = np.clip(platt(c, scale, bias + taken), TINY, 1 - TINY)
        likelihood = w * (y * np.log(p) + (1 - y) * np.log(1 - p))
        pull = (scale - 1.0) ** 2 + float((theta[1:] ** 2).sum())
        return float(_PULL * pull - likelihood.sum())

    none = np.zeros(1 + count)
    start = np.array([*fit_platt(c, y, w), *none])
    if math.isinf(loss(start)):  # without the second peak the scale may be below 0
        start = np.array([1.0, 0.0, *none])
    simplex = np.concatenate([[start], start + np.diag([0.1, 0.2, *(none - 1.0)])])
    found = minimize(
        loss, start, method='Nelder-Mead', options={'initial_simplex': simplex, 'maxiter': 1000}
    )
    scale, bias, beside, *weights = (float(value) for value in found.x)
    return scale, bias, beside, tuple(weights)
