"""Draws the state of every target into an image: debug image, recordings, operator page, CLI."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.online.response_inset import Inset, draw_insets
from siamla_ros.online.targets import MISSING, TargetOutput
from siamla_ros.supervision.supervisor import State

COLORS_BGR = {
    State.IDLE: (160, 160, 160),
    State.TRACKING: (80, 220, 60),
    State.UNCERTAIN: (40, 200, 255),
    State.LOST: (60, 60, 230),
    State.SEARCHING: (230, 120, 60),
}
PREDICTED_BGR = (200, 200, 200)
BANNER_PX = 26
TRAIL_IMAGES = 60  # two seconds at 30 Hz
BAR_PX, GAP_PX = 4, 3  # height of a confidence bar, and its distance from the box


@dataclass(frozen=True)
class Mark:
    """A box to draw in the color of its state; dashed where it is not confirmed.

    Attributes:
        box_xywh: Half-open, pixels; None draws no box.
        confidence: Length of the bar below the box, [0, 1]; None draws none.
        banner: Words in a red band across the top of the image; empty for none.
        thin: A line of one pixel: a place that a search probes.
    """

    box_xywh: Box | None
    text: str
    color_bgr: tuple[int, int, int]
    dashed: bool = False
    confidence: float | None = None
    banner: str = ''
    thin: bool = False


class Trail(NamedTuple):
    """Centers of boxes on successive images, pixels; None where the target was not confirmed."""

    centers: tuple[tuple[float, float] | None, ...]
    color_bgr: tuple[int, int, int]


def target_marks(
    name: str,
    state: State,
    confirmed: bool,
    confidence: float,
    box_xywh: Box,
    last_xywh: Box | None = None,
    predicted_xywh: Box | None = None,
) -> list[Mark]:
    """The marks of one target: its box, the last confirmed one while it is missing, the prediction.

    Args:
        name: Label or id of the target.
        state: Sets the color; LOST and SEARCHING add a banner.
        confirmed: Solid box if true, dashed otherwise.
        confidence: In [0, 1].
        box_xywh: The tracker's own answer.
        last_xywh: The last confirmed box in pixels of the image, where it is known.
        predicted_xywh: Where the target should be, where there is a prediction.
    """
    color, text = COLORS_BGR[state], f'{name} {confidence:.2f} {state.name}'
    if state in MISSING and not confirmed:
        marks = [Mark(last_xywh, text, color, dashed=True, banner=f'{state.name}: {name}')]
    elif confirmed or state is State.UNCERTAIN:
        marks = [Mark(box_xywh, text, color, not confirmed, confidence)]
    else:
        marks = [] if last_xywh is None else [Mark(last_xywh, text, color, dashed=True)]
    if predicted_xywh is not None:
        marks.append(Mark(predicted_xywh, 'predicted', PREDICTED_BGR, dashed=True))
    return marks


def marks_of(outputs: Sequence[TargetOutput]) -> list[Mark]:
    """The marks of every target on one image, and the places that a search probed."""
    searched = [
        Mark(box, '', COLORS_BGR[State.SEARCHING], thin=True)
        for output in outputs
        for box in output.searched_xywh
    ]
    return searched + [
        mark
        for output in outputs
        for mark in target_marks(
            output.label or output.id,
            output.state,
            output.confirmed,
            output.confidence,
            output.box_xywh,
            output.last_here_xywh,
            output.predicted_xywh,
        )
    ]


def dimmed(marks: Sequence[Mark]) -> list[Mark]:
    """The marks of an image before, for one that was not processed: so that nothing flickers."""
    kept = [mark for mark in marks if not mark.thin]
    colors = [mark.color_bgr for mark in kept]
    return [
        replace(mark, color_bgr=(b // 2, g // 2, r // 2), confidence=None)
        for mark, (b, g, r) in zip(kept, colors)
    ]


def insets_of(outputs: Sequence[TargetOutput]) -> list[Inset]:
    """The response map of every target whose result kept it, in the color of its state."""
    return [
        Inset(output.result.response, COLORS_BGR[output.state])
        for output in outputs
        if output.result is not None and output.result.response is not None
    ]


class Trails:
    """The ways of the targets: centers of their confirmed boxes on the last images."""

    def __init__(self, images: int = TRAIL_IMAGES) -> None:
        self._images = images
        self._image_size = (0, 0)
        self._centers: dict[str, deque[tuple[float, float] | None]] = {}

    def add(self, outputs: Iterable[TargetOutput], image_size: tuple[int, int]) -> list[Trail]:
        """Take an image of that width and height; returns what to draw on it."""
        if image_size != self._image_size:  # its pixels are others than before
            self._image_size, self._centers = image_size, {}
        known = {output.id: output for output in outputs}
        self._centers = {
            name: self._centers.get(name, deque(maxlen=self._images)) for name in known
        }
        for name, output in known.items():
            x, y, w, h = output.box_xywh
            self._centers[name].append((x + w / 2, y + h / 2) if output.confirmed else None)
        return [
            Trail(tuple(centers), COLORS_BGR[known[name].state])
            for name, centers in self._centers.items()
        ]


def draw(
    image_bgr: np.ndarray,
    marks: Sequence[Mark],
    caption: str = '',
    max_width: int = 0,
    trails: Sequence[Trail] = (),
    thresholds: Sequence[float] = (),
    insets: Sequence[Inset] = (),
) -> np.ndarray:
    """A copy of the image with the marks.

    Args:
        image_bgr: HxWx3 uint8.
        marks: In pixels of the image.
        caption: Words at the lower left.
        max_width: The copy is reduced to this width if it is wider; 0: never.
        trails: Ways of the targets, below the marks.
        thresholds: Confidences at which a bar has a tick.
        insets: Response maps, in the lower right corner.
    """
    height, width = image_bgr.shape[:2]
    scale = max_width / width if 0 < max_width < width else 1.0
    if scale < 1.0:
        size = (max_width, max(1, round(height * scale)))
        canvas = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    else:
        canvas = image_bgr.copy()
    banner = '   '.join(mark.banner for mark in marks if mark.banner)
    if banner:
        _draw_banner(canvas, banner)
    draw_insets(canvas, insets)
    for trail in trails:
        _draw_trail(canvas, trail, scale)
    for mark in marks:
        if mark.box_xywh is not None:
            _draw_mark(canvas, mark, mark.box_xywh, scale, thresholds)
    if caption:
        _text(canvas, caption, (6, canvas.shape[0] - 8), (255, 255, 255))
    return canvas


def _draw_banner(canvas: np.ndarray, text: str) -> None:
    band = canvas[:BANNER_PX]
    band[:] = (band * 0.35 + np.array(COLORS_BGR[State.LOST]) * 0.65).astype(np.uint8)
    _text(canvas, text, (8, BANNER_PX - 8), (255, 255, 255))


def _draw_trail(canvas: np.ndarray, trail: Trail, scale: float) -> None:
    """Lines between the centers of images in a row; where the target was not confirmed, none."""
    height, width = canvas.shape[:2]
    for before, after in pairwise(trail.centers):
        if before is not None and after is not None:
            ends = [(int(x * scale), int(y * scale)) for x, y in (before, after)]
            if all(0 <= x < width and 0 <= y < height for x, y in ends):
                cv2.line(canvas, ends[0], ends[1], trail.color_bgr, 1, cv2.LINE_AA)


def _draw_bar(
    canvas: np.ndarray,
    mark: Mark,
    left: int,
    right: int,
    bottom: int,
    thresholds: Sequence[float],
) -> None:
    """The confidence as a bar below the box, or at its lower edge where there is no room."""
    height, width = canvas.shape[:2]
    left, right = max(left, 0), min(right, width)
    top = min(bottom + GAP_PX, height - BAR_PX)
    if right - left < 2 or not 0 <= top < height:
        return
    filled = left + round((right - left) * min(max(mark.confidence or 0.0, 0.0), 1.0))
    canvas[top : top + BAR_PX, left:right] = (40, 40, 40)
    canvas[top : top + BAR_PX, left:filled] = mark.color_bgr
    for value in thresholds:
        tick = min(left + round((right - left) * value), right - 1)
        canvas[top : top + BAR_PX, tick] = (255, 255, 255)


def _draw_mark(
    canvas: np.ndarray, mark: Mark, box_xywh: Box, scale: float, thresholds: Sequence[float]
) -> None:
    x, y, w, h = (value * scale for value in box_xywh)
    limit = 4 * max(canvas.shape[:2])  # far outside is as good as anywhere, and fits an int
    left, top, right, bottom = (
        int(min(max(value, -limit), limit)) for value in (x, y, x + w, y + h)
    )
    if mark.dashed:
        for start, end in (
            ((left, top), (right, top)),
            ((right, top), (right, bottom)),
            ((right, bottom), (left, bottom)),
            ((left, bottom), (left, top)),
        ):
            _dashes(canvas, start, end, mark.color_bgr)
    else:
        width = 1 if mark.thin else 2
        cv2.rectangle(canvas, (left, top), (right, bottom), mark.color_bgr, width, cv2.LINE_AA)
    if mark.confidence is not None:
        _draw_bar(canvas, mark, left, right, bottom, thresholds)
    b, g, r = mark.color_bgr
    pale = (
        (b + 255) // 2,
        (g + 255) // 2,
        (r + 255) // 2,
    )  # thin strokes of the plain color are dark
    _text(canvas, mark.text, (left, top - 6 if top > 18 else bottom + 20), pale)


def _dashes(
    canvas: np.ndarray,
    start: tuple[int, int],
    end: tuple[int, int],
    color: tuple[int, int, int],
) -> None:
    first, last = np.array(start, dtype=float), np.array(end, dtype=float)
    length = float(np.hypot(*(last - first)))
    count = min(max(int(length / 12), 1), 200)
    for step in range(count):
        a = first + (last - first) * step / count
        b = first + (last - first) * (step + 0.6) / count
        cv2.line(canvas, tuple(a.astype(int)), tuple(b.astype(int)), color, 2, cv2.LINE_AA)


def _text(
    canvas: np.ndarray, text: str, where: tuple[int, int], color: tuple[int, int, int]
) -> None:
    """Draw a text whose baseline begins at `where`, moved so that all of it is in the image."""
    (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    height, width = canvas.shape[:2]
    x = max(min(where[0], width - text_width - 2), 2)
    y = max(min(where[1], height - below), text_height + 2)
    # a thicker black text below would do, but from OpenCV 5 on a thicker text is also a wider one
    around = [((0, 0, 0), dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    for ink, dx, dy in (*around, (color, 0, 0)):
        place = (x + dx, y + dy)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
