"""How users draw boxes: an augmentation of the annotation itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BoxJitter:
    """How a user draws a box: each side moved outward by a share of the object's width or height.

    Drawn once a pair and applied to both of its boxes, so that the network learns to go on with the
    box that it was given, not to replace it by the tight box of an object that it recognizes.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> BoxJitter:
        """A common margin and a smaller one for each side."""
        sides = rng.normal(0, 0.05) + rng.normal(0, 0.05, 4)
        return cls(*(float(v) for v in np.clip(sides, -0.18, 0.3)))

    def apply_xyxy(self, box: tuple[float, ...]) -> tuple[float, float, float, float]:
        """The box as this user would draw it."""
        x0, y0, x1, y1 = box
        w, h = x1 - x0, y1 - y0
        return x0 - w * self.left, y0 - h * self.top, x1 + w * self.right, y1 + h * self.bottom

    def apply_xywh(self, box: tuple[float, ...]) -> tuple[float, float, float, float]:
        """The same for x, y, w, h."""
        x, y, w, h = box
        x0, y0, x1, y1 = self.apply_xyxy((x, y, x + w, y + h))
        return x0, y0, x1 - x0, y1 - y0
