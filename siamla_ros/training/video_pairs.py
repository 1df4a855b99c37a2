"""Pairs from annotated video: real gaps between frames, real distractors and real backgrounds.

The search window of a pair lies where a tracker would search:

* round the target's box some frames before
* between the target and a neighbor
* anywhere that keeps the target in view
* where the tracker with the initial weights did search (`siamla_ros.training.tracked_windows`)
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.scenes import Scene
from siamla_ros.datasets.training_pack import Pack
from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import Window, border_color, context_window, crop
from siamla_ros.model import ModelConfig
from siamla_ros.training.augment import Image, Light, cover, deform, degrade
from siamla_ros.training.box_jitter import BoxJitter
from siamla_ros.training.config import DataConfig
from siamla_ros.training.pairs import Kind, Pair, PairSource, to_crop, to_rgb
from siamla_ros.training.tracked_windows import TrackedWindows
from siamla_ros.training.video_tracks import (
    MIN_SIDE_PX,
    Box,
    Track,
    nearest,
    share_inside,
    tracks_of,
)

IN_VIEW, OUT_OF_VIEW = 0.3, 0.05
"""Share of the box inside the window from which a target is there, and below which it is not."""
RECENT_FRAMES = 4


class VideoPairs(PairSource):
    """Draws a share of the pairs from scenes of video, the rest from a pack.

    Args:
        pack: Objects in pictures; also the source of patches that hide a target.
        model: Crop sizes and contexts.
        data: What pairs are drawn; ``data.video`` is the share of this class.
        seed: Of all draws.
        scenes: Annotated video.
        windows: Where a tracker searched, by name of scene and of target.
        similar: As for :class:`PairSource`.
    """

    def __init__(
        self,
        pack: Pack,
        model: ModelConfig,
        data: DataConfig,
        seed: int,
        scenes: list[Scene],
        windows: dict[tuple[str, str], TrackedWindows] | None = None,
        similar: list[list[int]] | None = None,
    ) -> None:
        super().__init__(pack, model, data, seed, similar)
        self.tracks = [t for scene in scenes for t in tracks_of(scene, windows or {})]
        if not self.tracks:
            raise ValueError(f'video: no target with a side of {MIN_SIDE_PX:g} px in the scenes')
        # Many targets of one scene are not as many scenes.
        weight = np.array([len(t.scene.targets) ** -0.6 for t in self.tracks])
        self._cumulative = np.cumsum(weight / weight.sum())
        self._cumulative[-1] = 1.0

    def fingerprint(self) -> list[str]:
        """What the pairs depend on besides configuration and seed."""
        tracks = [
            repr((t.scene.name, t.target.name, t.target.boxes_xywh.tolist(), t.windows is not None))
            for t in self.tracks
        ]
        return [*super().fingerprint(), *tracks]

    def pair(self, index: int) -> Pair:
        """The pair of this index, always the same for the same seed."""
        rng = np.random.default_rng((self.seed, index, 1))
        if rng.random() >= self.data.video:
            return super().pair(index)
        for _ in range(20):  # a draw fails where the target would be neither in view nor out of it
            pair = self._draw(rng)
            if pair is not None:
                return pair
        return super().pair(index)

    def _draw(self, rng: np.random.Generator) -> Pair | None:
        track = self.tracks[int(np.searchsorted(self._cumulative, rng.random()))]
        kind = self._kind(rng)
        tracked = kind is Kind.POSITIVE and track.windows and rng.random() < self.data.tracked
        jitter = BoxJitter.draw(rng) if rng.random() < 0.6 * self.data.box_jitter else BoxJitter()
        if tracked:
            frame, place = track.windows.draw(rng)
            if rng.random() < 0.5:
                place = self._jitter(place, rng, 0.05, 0.05, 0.03)
        else:
            frame = int(track.usable[rng.integers(len(track.usable))])
            place = self._place(track, frame, kind, jitter, rng)
        if place is None:
            return None
        window = context_window(place, self.model.search_context, self.model.isotropic)
        box = track.box(frame)
        kind = _kind_in_view(kind, box, window)
        if kind is None:
            return None
        template = self._template(track, frame, jitter, rng)
        return self._finished(template, track.scene.frames()[frame], window, box, kind, jitter, rng)

    def _kind(self, rng: np.random.Generator) -> Kind:
        draw = rng.random()
        if draw < self.data.erased:
            return Kind.ERASED
        return Kind.OTHER if draw < self.data.erased + self.data.elsewhere else Kind.POSITIVE

    def _template(
        self, track: Track, frame: int, jitter: BoxJitter, rng: np.random.Generator
    ) -> Image:
        """The template crop, from a frame at a log-uniform gap; for some the box is drawn
        carelessly, and the search box is not: the tracker then has to find the object's own sides.
        """
        span = max(int(track.usable[-1] - track.usable[0]), 2)
        gap = int(np.exp(rng.uniform(0, np.log(span)))) * (1 if rng.random() < 0.35 else -1)
        first = int(track.usable[np.abs(track.usable - (frame + gap)).argmin()])
        image = np.asarray(track.scene.frames()[first])
        drawn = jitter.apply_xywh(track.box(first))
        careless = rng.random() < self.data.careless
        errors = (0.05, 0.07, 0.05) if careless else (0.01, 0.015, 0.01)
        drawn = self._jitter(drawn, rng, *errors)
        window = context_window(drawn, self.model.template_context, self.model.isotropic)
        return crop(image, window, self.model.template_size_px, border_color(image))

    def _place(
        self, track: Track, frame: int, kind: Kind, jitter: BoxJitter, rng: np.random.Generator
    ) -> Box | None:
        """Where the target is assumed to be: a box whose window is searched."""
        box = track.box(frame)
        assert box is not None
        if kind is Kind.OTHER:
            return self._elsewhere(track, frame, box, rng)
        drawn, draw = jitter.apply_xywh(box), rng.random()
        if draw < 0.5:
            past = track.usable[(track.usable < frame) & (track.usable >= frame - RECENT_FRAMES)]
            if len(past):
                drawn = jitter.apply_xywh(track.box(int(past[rng.integers(len(past))])))
            return self._jitter(drawn, rng, 0.08, 0.12, 0.08)
        if draw < 0.65:
            toward = nearest(track, frame, box)
            if toward is not None:
                here, there = np.array(boxes.center(box)), np.array(boxes.center(toward))
                cx, cy = here + (there - here) * rng.uniform(0.2, 0.8)
                between = boxes.from_center(cx, cy, drawn[2], drawn[3])
                return self._jitter(between, rng, 0.05, 0.12, 0.08)
        return self._reference(drawn, rng)

    def _elsewhere(
        self, track: Track, frame: int, box: Box, rng: np.random.Generator
    ) -> Box | None:
        """A place in the same frame from which the target is out of view: at another target, or on
        the background.
        """
        height, width = track.scene.frames().shape[1:3]
        scale = np.exp(rng.normal(0, 0.3))
        present = [o[frame] for o in track.others if np.isfinite(o[frame, 0])]
        for _ in range(12):
            if present and rng.random() < 0.7:
                other = tuple(present[int(rng.integers(len(present)))])
                place = self._jitter(other, rng, 0.2, 0.15, 0.1)
            else:
                angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(2.4, 5.0)
                cx, cy = boxes.center(box)
                cx, cy = (
                    cx + np.cos(angle) * distance * box[2],
                    cy + np.sin(angle) * distance * box[3],
                )
                place = boxes.from_center(cx, cy, box[2] * scale, box[3] * scale)
            cx, cy = boxes.center(place)
            window = context_window(place, self.model.search_context, self.model.isotropic)
            if 0 < cx < width and 0 < cy < height and share_inside(box, window) < OUT_OF_VIEW:
                return place
        return None

    def _finished(
        self,
        template: Image,
        frame: NDArray[np.uint8],
        window: Window,
        box_xywh: Box | None,
        kind: Kind,
        jitter: BoxJitter,
        rng: np.random.Generator,
    ) -> Pair:
        """Crop the search region, hide what is to be hidden, and change light and sharpness."""
        size, light = self.model.search_size_px, Light.draw(rng, 1.0, 0.15)
        image = np.asarray(frame)
        search = self._filled_crop(image, window, size, border_color(image), rng)
        box = (np.nan,) * 4 if kind is Kind.OTHER else to_crop(box_xywh, window, size)
        if kind is not Kind.OTHER and rng.random() < 0.7 * self.data.deform:
            search, box = deform(search, box, rng)
        if kind is Kind.ERASED:
            cover(search, box, self._photo_crop(rng), rng)
        elif kind is Kind.POSITIVE:
            self._disturb(search, box, rng)
            box = jitter.apply_xyxy(box)
        template, search = light.apply(template), light.varied(rng).apply(search)
        if rng.random() < self.data.tiny:
            template, search = self._from_few_pixels(template, search, rng)
        template = degrade(template, rng, 0.3 * self.data.degrade)
        search = degrade(search, rng, self.data.degrade)
        if rng.random() < self.data.inverted:
            template, search = 255 - template, 255 - search
        if rng.random() < 0.5:
            template, search = template[:, ::-1], search[:, ::-1]
            box = (size - box[2], box[1], size - box[0], box[3])
        target = np.array(box if kind is Kind.POSITIVE else [np.nan] * 4, np.float32)
        return Pair(to_rgb(template), to_rgb(search), target, kind)

    def _from_few_pixels(
        self, template: Image, search: Image, rng: np.random.Generator
    ) -> tuple[Image, Image]:
        """Both crops as if the target had had a side of some 8 to 18 px in the picture."""
        search_side = self.model.search_size_px / self.model.search_context
        template_side = self.model.template_size_px / self.model.template_context
        factor = rng.uniform(0.15, 0.35)
        return (
            _coarse(template, factor * search_side / template_side),
            _coarse(search, factor),
        )


def _kind_in_view(kind: Kind, box_xywh: Box | None, window: Window) -> Kind | None:
    """What a window that was meant to show the target does show; None: too little to decide."""
    if box_xywh is None:
        return Kind.OTHER
    if kind is not Kind.POSITIVE:
        return kind
    share = share_inside(box_xywh, window)
    if share < OUT_OF_VIEW:
        return Kind.OTHER
    cx, cy = boxes.center(box_xywh)
    centered = (
        abs(cx - window.cx) < 0.49 * window.width and abs(cy - window.cy) < 0.49 * window.height
    )
    return kind if centered and share >= IN_VIEW else None


def _coarse(image: Image, factor: float) -> Image:
    """An image shrunk to ``factor`` of its side and enlarged again."""
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
