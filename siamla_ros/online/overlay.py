"""Draws what the tracker thinks into an image: for the debug image and for recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from siamla_ros.geometry.boxes import Box
from siamla_ros.online.targets import TargetOutput
from siamla_ros.supervision.supervisor import State

COLORS_BGR = {
    State.IDLE: (160, 160, 160),
    State.TRACKING: (80, 220, 60),
    State.UNCERTAIN: (40, 200, 255),
    State.LOST: (60, 60, 230),
    State.SEARCHING: (230, 120, 60),
}
PREDICTED_BGR = (200, 200, 200)


@dataclass(frozen=True)
class Mark:
    """A box to draw; dashed: nobody believes it."""

    box_xywh: Box
    text: str
    color_bgr: tuple[int, int, int]
    dashed: bool = False


def marks_of(outputs: Sequence[TargetOutput]) -> list[Mark]:
    """Solid boxes for believed answers, dashed ones for the others, gray ones for predictions."""
    marks = []
    for output in outputs:
        color = COLORS_BGR[output.state]
        text = f'{output.label or output.id} {output.confidence:.2f} {output.state.name}'
        if output.believed or output.state is State.UNCERTAIN:
            marks.append(Mark(output.box_xywh, text, color, dashed=not output.believed))
        else:
            marks.append(Mark(output.trusted_xywh, text, color, dashed=True))
        if output.predicted_xywh is not None:
            marks.append(Mark(output.predicted_xywh, 'predicted', PREDICTED_BGR, dashed=True))
    return marks


def draw(
    image_bgr: np.ndarray, marks: Sequence[Mark], caption: str = '', max_width: int = 0
) -> np.ndarray:
    """A copy of the image with the marks, reduced to `max_width` pixels if it is wider (0:
    never).
    """
    height, width = image_bgr.shape[:2]
    scale = max_width / width if 0 < max_width < width else 1.0
    if scale < 1.0:
        size = (max_width, max(1, round(height * scale)))
        canvas = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    else:
        canvas = image_bgr.copy()
    for mark in marks:
        _draw_mark(canvas, mark, scale)
    if caption:
        _text(canvas, caption, (6, canvas.shape[0] - 8), (255, 255, 255))
    return canvas


def _draw_mark(canvas: np.ndarray, mark: Mark, scale: float) -> None:
    x, y, w, h = (value * scale for value in mark.box_xywh)
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
        cv2.rectangle(canvas, (left, top), (right, bottom), mark.color_bgr, 2, cv2.LINE_AA)
    where = (max(left, 2), top - 6 if top > 18 else min(bottom + 16, canvas.shape[0] - 4))
    _text(canvas, mark.text, where, mark.color_bgr)


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
    # a thicker black text below would do, but from OpenCV 5 on a thicker text is also a wider one
    around = [((0, 0, 0), dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    for ink, dx, dy in (*around, (color, 0, 0)):
        place = (where[0] + dx, where[1] + dy)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
