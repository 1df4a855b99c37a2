"""Synthetic pairs: a cut-out moving over photographs, other objects beside it."""

from __future__ import annotations

import numpy as np

from siamla_ros.datasets.training_pack import Pack, Record, read_image
from siamla_ros.geometry.crops import border_color, context_window, crop
from siamla_ros.model import ModelConfig
from siamla_ros.training import composite
from siamla_ros.training.augment import Image
from siamla_ros.training.box_jitter import BoxJitter
from siamla_ros.training.config import DataConfig
from siamla_ros.training.hard_negatives import HardNegatives


class SyntheticPairs:
    """Draws pairs from the cut-outs and photographs of a pack.

    Args:
        similar: Which objects are similar, for what is drawn beside the target.
    """

    def __init__(
        self, pack: Pack, model: ModelConfig, data: DataConfig, similar: HardNegatives
    ) -> None:
        self.pack, self.model, self.data, self._hard_negatives = pack, model, data, similar

    def draw(
        self, rng: np.random.Generator, shown: bool, jitter: BoxJitter
    ) -> tuple[Image, Image, tuple] | None:
        """Template, search and the object's xyxy box in the search crop; None where the cut-out
        cannot be used.

        Args:
            shown: Whether the search region shows the template's object.
        """
        records = self.pack.cutouts
        record = records[int(rng.integers(len(records)))]
        cutout = composite.load_cutout(record)
        if cutout is None:
            return None
        photo = read_image(self.pack.photos[int(rng.integers(len(self.pack.photos)))])
        t, s = self.model.template_size_px, self.model.search_size_px
        zoom = t / s * self.model.search_context / self.model.template_context
        canvas = composite.background(photo, 2 * t, zoom, rng)
        side = t / self.model.template_context
        angle = rng.normal(0, 12)
        x0, y0, x1, y1 = jitter.apply_xyxy(composite.place(canvas, cutout, t, t, side, side, angle))
        drawn = (x0, y0, x1 - x0, y1 - y0)
        window = context_window(drawn, self.model.template_context, self.model.isotropic)
        template = crop(canvas, window, t, border_color(canvas))
        search = composite.background(photo, s, 1.0, rng)
        box = self._draw_search(search, record, cutout if shown else None, angle, rng)
        return template, search, box

    def _draw_search(
        self,
        search: Image,
        record: Record,
        cutout: tuple | None,
        angle: float,
        rng: np.random.Generator,
    ) -> tuple:
        size = search.shape[0]
        side = size / self.model.search_context
        for _ in range(int(rng.integers(0, 3)) + (cutout is None)):
            self._draw_cutout(search, record, rng, side, angle)
        near = rng.random() >= self.data.far
        offset = rng.normal(0, 0.3, 2) * side if near else rng.uniform(-0.5, 0.5, 2) * (size - side)
        center = size / 2 + offset
        size, stretch = rng.normal(0, self.data.scale_error), rng.normal(0, self.data.aspect_error)
        w, h = (side * np.exp(size + sign * stretch) for sign in (1, -1))
        if cutout is None:
            return (center[0] - w / 2, center[1] - h / 2, center[0] + w / 2, center[1] + h / 2)
        return composite.place(search, cutout, center[0], center[1], w, h, angle + rng.normal(0, 9))

    def _draw_cutout(
        self, search: Image, beside: Record, rng: np.random.Generator, side: float, angle: float
    ) -> None:
        like = [r for track in self._hard_negatives.of(beside, rng) for r in track if r.mask_path]
        choice = like or self.pack.cutouts
        other = composite.load_cutout(choice[int(rng.integers(len(choice)))])
        if other is not None:
            x, y = rng.uniform(0, search.shape[0], 2)
            w, h = side * np.exp(rng.normal(0, 0.25, 2))
            composite.place(search, other, x, y, w, h, angle + rng.normal(0, 10))
