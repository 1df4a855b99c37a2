"""Template and search pairs: what the network is trained on. Pair ``i`` is a pure function of
(seed, i).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import REDUCTIONS, Pack, Record, read_image, reducible
from siamla_ros.datasets.training_tracks import FrameTrack
from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import Window, border_color, context_window, crop
from siamla_ros.model import ModelConfig
from siamla_ros.training import composite
from siamla_ros.training.augment import Image, Light, cover, deform, degrade, paste, soft_shape
from siamla_ros.training.box_jitter import BoxJitter
from siamla_ros.training.config import DataConfig
from siamla_ros.training.hard_negatives import HardNegatives
from siamla_ros.training.synthetic import SyntheticPairs


class Kind(IntEnum):
    """What the search region shows of the template's object."""

    POSITIVE = 0
    OTHER = 1  # another object
    ERASED = 2  # its own scene, without it


@dataclass(frozen=True)
class Pair:
    """One training sample: RGB crops (3, S, S) uint8 and the target's xyxy box in search pixels
    (NaN if absent).
    """

    template: NDArray[np.uint8]
    search: NDArray[np.uint8]
    box_xyxy: NDArray[np.float32]
    kind: Kind


def to_crop(
    box_xywh: tuple[float, ...], window: Window, size_px: int
) -> tuple[float, float, float, float]:
    """An xywh box of the image as xyxy in the pixels of a crop of ``window``."""
    sx, sy = window.scale(size_px)
    left, top = window.cx - window.width / 2, window.cy - window.height / 2
    x, y, w, h = box_xywh
    return (x - left) * sx, (y - top) * sy, (x + w - left) * sx, (y + h - top) * sy


class PairSource:
    """Draws pairs from a pack.

    Args:
        pack: Objects in pictures.
        model: Crop sizes and contexts, so that training sees what tracking sees.
        data: What pairs are drawn.
        seed: Of all draws.
        similar: For every track of the pack those that resemble it; needed where
            ``data.similar`` is above 0.
        reduce: Whether JPEG files are decoded at the size that their crops need.
    """

    def __init__(
        self,
        pack: Pack,
        model: ModelConfig,
        data: DataConfig,
        seed: int,
        similar: list[list[int]] | None = None,
        reduce: bool = True,
    ) -> None:
        self.pack, self.model, self.data, self.seed = pack, model, data, seed
        self._reduce = reduce
        self._hard_negatives = HardNegatives(pack, similar, data.similar)
        self._synthetic = SyntheticPairs(pack, model, data, self._hard_negatives)

    def fingerprint(self) -> list[str]:
        """What the pairs depend on besides configuration and seed."""
        return [
            text
            for track in self.pack.tracks
            for text in (
                [track.fingerprint()]
                if isinstance(track, FrameTrack)
                else [repr((r.path.name, r.box_xywh)) for r in track]
            )
        ]

    def pair(self, index: int) -> Pair:
        """The pair of this index, always the same for the same seed."""
        rng = np.random.default_rng((self.seed, index))
        light = Light.draw(rng)
        draw = rng.random()
        kind = (
            Kind.OTHER
            if draw < self.data.other
            else Kind.ERASED
            if draw < self.data.other + self.data.erased
            else Kind.POSITIVE
        )
        jitter = BoxJitter.draw(rng) if rng.random() < self.data.box_jitter else BoxJitter()
        drawn = None
        if self.pack.cutouts and self.pack.photos and rng.random() < self.data.synthetic:
            drawn = self._synthetic.draw(rng, kind is not Kind.OTHER, jitter)
        template, search, box = drawn or self._natural(rng, kind, jitter)
        if rng.random() < self.data.deform:
            search, box = deform(search, box, rng)
        if kind is Kind.ERASED:
            cover(search, box, self._photo_crop(rng), rng)
        elif kind is Kind.POSITIVE:
            self._disturb(search, box, rng)
        box = jitter.apply_xyxy(box)
        template = degrade(light.apply(template), rng, 0.3 * self.data.degrade)
        search = degrade(light.varied(rng).apply(search), rng, self.data.degrade)
        if rng.random() < 0.5:
            template, search = template[:, ::-1], search[:, ::-1]
            box = (search.shape[1] - box[2], box[1], search.shape[1] - box[0], box[3])
        target = np.array(box if kind is Kind.POSITIVE else [np.nan] * 4, np.float32)
        return Pair(to_rgb(template), to_rgb(search), target, kind)

    def _natural(
        self, rng: np.random.Generator, kind: Kind, jitter: BoxJitter
    ) -> tuple[Image, Image, tuple]:
        """Both crops from the pack's pictures: two frames of a track, or one picture twice.

        Returns:
            Template, search, and the object's own box (xyxy) in the search crop.
        """
        track = self.pack.choose(rng)
        first = track[int(rng.integers(len(track)))]
        second = (
            self._another(first, rng)
            if kind is Kind.OTHER
            else track[within_gap(track, first.frame, self.data.max_gap, rng)]
        )
        model = self.model
        drawn = self._jitter(jitter.apply_xywh(first.box_xywh), rng, 0.01, 0.015, 0.01)
        near = context_window(drawn, model.template_context, model.isotropic)
        last = self._reference(jitter.apply_xywh(second.box_xywh), rng)
        wide = context_window(last, model.search_context, model.isotropic)
        sizes = model.template_size_px, model.search_size_px
        factors = [
            self._reduction(*one) for one in zip((first.path, second.path), (near, wide), sizes)
        ]
        if second is first:  # one picture for both
            factors = [min(factors)] * 2
        image = read_image(first.path, factors[0])
        border = border_color(image, factors[0])
        template = crop(image, near.reduced(factors[0]), sizes[0], border)
        if second is not first:
            image = read_image(second.path, factors[1])
            border = border_color(image, factors[1])
        search = self._filled_crop(image, wide.reduced(factors[1]), sizes[1], border, rng)
        return template, search, to_crop(second.box_xywh, wide, sizes[1])

    def _reduction(self, path: Path, window: Window, size_px: int) -> int:
        """By how much a picture may be reduced as it is decoded, so that its crop is not enlarged
        from what is left.
        """
        if not self._reduce or not reducible(path):
            return 1
        spare = 1 / max(window.scale(size_px))
        return max(factor for factor in REDUCTIONS if factor <= max(spare, 1))

    def _filled_crop(
        self,
        image: Image,
        window: Window,
        size: int,
        border: tuple[float, float, float],
        rng: np.random.Generator,
    ) -> Image:
        """The search crop; beyond the picture its mean color, or for some a photograph, so that a
        border is no cue.
        """
        search = crop(image, window, size, border)
        if self.pack.photos and rng.random() < self.data.border_photo:
            inside = np.full(image.shape, 255, np.uint8)
            alpha = crop(inside, window, size, (0.0, 0.0, 0.0))[..., 0].astype(np.float32) / 255
            filled = self._photo_crop(rng)[:size, :size].copy()
            paste(filled, search, alpha, 0, 0)
            return filled
        return search

    def _another(self, first: Record, rng: np.random.Generator) -> Record:
        """An object of another picture: one that resembles this one, or any; half of those of the
        same data set.
        """
        like = self._hard_negatives.of(first, rng)
        if like:
            track = like[int(rng.integers(len(like)))]
            return track[int(rng.integers(len(track)))]
        want_same = rng.random() < 0.5
        candidate = first
        for _ in range(40):
            track = self.pack.choose(rng)
            candidate = track[int(rng.integers(len(track)))]
            if (
                candidate.source != first.source
                and candidate.track != first.track
                and (not want_same or candidate.dataset == first.dataset)
            ):
                return candidate
        return candidate

    def _reference(self, box_xywh: tuple, rng: np.random.Generator) -> tuple:
        """Where the target is assumed to have been: near, or for some anywhere that keeps its
        center visible.
        """
        scale, aspect = self.data.scale_error, self.data.aspect_error
        if rng.random() < self.data.far:
            reach = max(self.model.search_context / 2 - 0.5, 0.3)
            box = self._jitter(box_xywh, rng, 0.0, scale, aspect)
            dx, dy = rng.uniform(-reach, reach, 2)
            return (box[0] + dx * box[2], box[1] + dy * box[3], box[2], box[3])
        return self._jitter(box_xywh, rng, 0.30, scale, aspect)

    @staticmethod
    def _jitter(
        box_xywh: tuple, rng: np.random.Generator, shift: float, scale: float, aspect: float
    ) -> tuple:
        """A box moved by ``shift`` of its sides, scaled and stretched by log-normal factors."""
        cx, cy = boxes.center(box_xywh)
        size, stretch = np.exp(rng.normal(0, scale)), np.exp(rng.normal(0, aspect))
        w, h = box_xywh[2] * size * stretch, box_xywh[3] * size / stretch
        return boxes.from_center(cx + rng.normal(0, shift) * w, cy + rng.normal(0, shift) * h, w, h)

    def _photo_crop(self, rng: np.random.Generator) -> Image:
        """A background; of the pack's own pictures where it has no photographs."""
        if self.pack.photos:
            photo = read_image(self.pack.photos[int(rng.integers(len(self.pack.photos)))])
        else:
            photo = read_image(self.pack.choose(rng)[0].path)
        size = max(self.model.search_size_px, self.model.template_size_px)
        return composite.background(photo, size, float(rng.uniform(0.5, 1.2)), rng)

    def _disturb(self, search: Image, box: tuple, rng: np.random.Generator) -> None:
        """Partial occlusion of the target, and erasing marks elsewhere, so that a mark is no sign
        of absence.
        """
        w, h = box[2] - box[0], box[3] - box[1]
        if rng.random() < self.data.occlude:
            part = rng.uniform(0.2, 0.5)
            along_x = rng.random() < 0.5
            size = (w * part, h * 1.1) if along_x else (w * 1.1, h * part)
            low = rng.random() < 0.5
            left = box[0] - 0.05 * w if (low or not along_x) else box[2] + 0.05 * w - size[0]
            top = box[1] - 0.05 * h if (low or along_x) else box[3] + 0.05 * h - size[1]
            self._patch(search, left, top, size, rng)
        if rng.random() < self.data.distractor:
            size = (w * rng.uniform(0.6, 1.6), h * rng.uniform(0.6, 1.6))
            left, top = rng.uniform(0, search.shape[1] - 8), rng.uniform(0, search.shape[0] - 8)
            apart = (
                left + size[0] < box[0] or left > box[2] or top + size[1] < box[1] or top > box[3]
            )
            if apart:
                self._patch(search, left, top, size, rng)

    def _patch(
        self,
        search: Image,
        left: float,
        top: float,
        size: tuple[float, float],
        rng: np.random.Generator,
    ) -> None:
        w, h = (int(np.clip(v, 4, search.shape[0])) for v in size)
        source = search.copy() if rng.random() < 0.5 else self._photo_crop(rng)
        px, py = (
            int(rng.integers(0, source.shape[1] - w + 1)),
            int(rng.integers(0, source.shape[0] - h + 1)),
        )
        paste(search, source[py : py + h, px : px + w], soft_shape(w, h, rng), int(left), int(top))


def within_gap(track: Sequence[Record], frame: int, max_gap: int, rng: np.random.Generator) -> int:
    """Index of a record of a track that is at most `max_gap` frames away, 0 for any."""
    if max_gap <= 0:
        return int(rng.integers(len(track)))
    numbers = track.frames if isinstance(track, FrameTrack) else np.array([r.frame for r in track])
    first, stop = np.searchsorted(numbers, (frame - max_gap, frame + max_gap + 1))
    return int(rng.integers(first, stop))


def to_rgb(image_bgr: Image) -> NDArray[np.uint8]:
    """A BGR crop (S, S, 3) as the network takes it: RGB (3, S, S)."""
    return np.ascontiguousarray(image_bgr[..., ::-1].transpose(2, 0, 1))
