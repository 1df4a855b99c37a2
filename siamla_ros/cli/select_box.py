"""A box to start with, where the command line gives none: drawn by the user on the first frame."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.cli.page_server import box_from_browser
from siamla_ros.geometry.boxes import Box, as_box

FIRST_FRAME = Path('first_frame.png')
TITLE = 'Draw a box round the target, then press Enter (c: cancel)'
GRID_STEPS = (50, 100, 200, 500, 1000)
MAX_LINES = 16


def select_box(image_bgr: np.ndarray) -> Box | None:
    """The box that the user draws in a window, or in a browser where no window can be opened.

    None where no user can draw one (standard error is no terminal), or the user gave it up.
    """
    box, could = box_from_window(image_bgr)
    if box is None and not could and sys.stderr.isatty():
        return box_from_browser(image_bgr)
    return box


def box_from_window(image_bgr: np.ndarray) -> tuple[Box | None, bool]:
    """The box drawn in a window, None if there is none; and whether a window could be opened."""
    if not has_display():
        return None, False
    try:
        box = as_box(cv2.selectROI(TITLE, image_bgr, showCrosshair=False))
        cv2.destroyAllWindows()
    except cv2.error:  # an OpenCV without windows: opencv-python-headless
        return None, False
    return (box if box[2] > 0 and box[3] > 0 else None), True


def has_display() -> bool:
    """Whether a window could be opened."""
    if sys.platform in ('darwin', 'win32'):
        return True
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))


def numbered_frame(image_bgr: np.ndarray) -> np.ndarray:
    """A copy of the image under a grid whose lines carry their pixel coordinates."""
    canvas = image_bgr.copy()
    height, width = canvas.shape[:2]
    step = next((s for s in GRID_STEPS if max(height, width) / s <= MAX_LINES), GRID_STEPS[-1])
    for x in range(step, width, step):
        cv2.line(canvas, (x, 0), (x, height - 1), (255, 255, 0), 1)
        _number(canvas, x, (x + 2, 12))
    for y in range(step, height, step):
        cv2.line(canvas, (0, y), (width - 1, y), (255, 255, 0), 1)
        _number(canvas, y, (2, y - 2))
    return canvas


def _number(canvas: np.ndarray, value: int, where: tuple[int, int]) -> None:
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            canvas, str(value), where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, thickness, cv2.LINE_AA
        )


def explain_without_display(
    image_bgr: np.ndarray, command: str, option: str = '--init ', path: Path = FIRST_FRAME
) -> str:
    """Writes the first frame with coordinates, and returns what to type next.

    Raises:
        ValueError: The file cannot be written.
    """
    if not cv2.imwrite(str(path), numbered_frame(image_bgr)):
        raise ValueError(f'{path} cannot be written')
    height, width = image_bgr.shape[:2]
    return (
        f'No box was given, neither in a window nor in a browser. {path} shows the first frame '
        f'({width} x {height}) with coordinates; read the box off it and type:\n'
        f'  {command} {option}X,Y,W,H'
    )
