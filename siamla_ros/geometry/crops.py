"""Context crops: which part of the image the network sees, and how its pixels and the image's
relate.

All coordinates are continuous: pixel `i` covers `[i, i+1)`. A crop of side `S` maps the
image interval
`[left, left + width)` linearly on `[0, S)`; the center of the window is the center of the
crop, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry import boxes

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Window:
    """A rectangle of the image, in pixels, that becomes a square crop."""

    cx: float
    cy: float
    width: float
    height: float

    def scale(self, size_px: int) -> tuple[float, float]:
        """Crop pixels in an image pixel, along x and along y, for a crop of side `size_px`."""
        return size_px / self.width, size_px / self.height

    def reduced(self, factor: int) -> Window:
        """The same part of the image after each block of `factor` x `factor` pixels became one."""
        return Window(*(value / factor for value in (self.cx, self.cy, self.width, self.height)))


def check_image(image_bgr: Any) -> None:
    """Raise ValueError unless it is an (H, W, 3) uint8 array with at least one pixel."""
    shape, dtype = getattr(image_bgr, 'shape', None), getattr(image_bgr, 'dtype', None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or dtype != np.uint8:
        raise ValueError(
            f'image: expected an (H, W, 3) uint8 BGR array, got shape {shape}, dtype {dtype}'
        )
    if shape[0] < 1 or shape[1] < 1:
        raise ValueError(f'image: shape {shape} holds no pixel')


def context_window(box_xywh: Sequence[float], context: float, isotropic: float = 0.0) -> Window:
    """The window round a box whose sides are `context` times those of the box.

    Args:
        isotropic: 0 keeps the aspect of the box (the crop squeezes it into a square), 1 makes the
            window square with the area of the former, between is the geometric mix.
    """
    cx, cy = boxes.center(box_xywh)
    w, h = box_xywh[2], box_xywh[3]
    mean = (w * h) ** 0.5
    side_w = w ** (1.0 - isotropic) * mean**isotropic
    side_h = h ** (1.0 - isotropic) * mean**isotropic
    return Window(cx, cy, context * side_w, context * side_h)


def crop(
    image_bgr: ImageArray,
    window: Window,
    size_px: int,
    border_bgr: Sequence[float],
    out: ImageArray | None = None,
) -> ImageArray:
    """Resample a window of an HxWx3 image to (size_px, size_px, 3), bilinear, `border_bgr`
    beyond the image.

    A window larger than twice the crop is first shrunk by area averaging, so that detail does not
    alias.

    Args:
        out: Where the crop is to be written, contiguous; a new array otherwise.
    """
    sx, sy = window.scale(size_px)
    shrink_x = min(max(int(1.0 / sx), 1), image_bgr.shape[1])
    shrink_y = min(max(int(1.0 / sy), 1), image_bgr.shape[0])
    offset_x = offset_y = 0.0
    if shrink_x > 1 or shrink_y > 1:
        image_bgr, offset_x, offset_y = _shrink(image_bgr, window, shrink_x, shrink_y)
        if image_bgr.size == 0:  # the window sees nothing of the image
            out = np.empty((size_px, size_px, 3), np.uint8) if out is None else out
            out[:] = np.rint(border_bgr)
            return out
    left = (window.cx - window.width / 2.0 - offset_x) / shrink_x
    top = (window.cy - window.height / 2.0 - offset_y) / shrink_y
    step_x, step_y = 1.0 / (sx * shrink_x), 1.0 / (sy * shrink_y)
    return resample(image_bgr, (left, top), (step_x, step_y), size_px, border_bgr, out)


def crops(
    image_bgr: ImageArray,
    windows: Sequence[Window],
    size_px: int,
    borders_bgr: Sequence[Sequence[float]],
) -> ImageArray:
    """Crops (B, size_px, size_px, 3) of several windows, each with the color of its border."""
    found = np.empty((len(windows), size_px, size_px, 3), np.uint8)
    for window, border, out in zip(windows, borders_bgr, found, strict=True):
        crop(image_bgr, window, size_px, border, out)
    return found


def resample(
    image_bgr: ImageArray,
    corner: tuple[float, float],
    step: tuple[float, float],
    size_px: int,
    border_bgr: Sequence[float],
    out: ImageArray | None = None,
) -> ImageArray:
    """Plain bilinear sampling to (size_px, size_px, 3), `border_bgr` beyond the image.

    Args:
        corner: Left and top of the window, in image pixels.
        step: Image pixels in a crop pixel, along x and along y.
        out: See `crop`.
    """
    (left, top), (step_x, step_y) = corner, step
    # Pixel centers: destination (j + 1/2) maps to source (i + 1/2).
    inverse = np.array(
        [[step_x, 0.0, left + 0.5 * step_x - 0.5], [0.0, step_y, top + 0.5 * step_y - 0.5]]
    )
    warped = cv2.warpAffine(
        image_bgr,
        inverse,
        (size_px, size_px),
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(float(v) for v in border_bgr),
    )
    return np.asarray(warped, np.uint8)


def _shrink(
    image: ImageArray, window: Window, shrink_x: int, shrink_y: int
) -> tuple[ImageArray, float, float]:
    """The part of the image under the window, averaged over shrink_x x shrink_y blocks, and its
    offset.
    """
    height, width = image.shape[:2]
    left, right = block_span(window.cx, window.width, width, shrink_x)
    top, bottom = block_span(window.cy, window.height, height, shrink_y)
    part = image[top:bottom, left:right]
    if part.size == 0:
        return part, 0.0, 0.0
    return _block_means(part, shrink_x, shrink_y), float(left), float(top)


def _block_means(part: ImageArray, shrink_x: int, shrink_y: int) -> ImageArray:
    """Means over blocks, rounded to the nearest even gray level where two are as near."""
    if shrink_x > 1:
        size = part.shape[1] // shrink_x, part.shape[0] // shrink_y
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    # OpenCV adds up such blocks a value at a time; whole rows are added several times as fast.
    total = part[::shrink_y].astype(np.uint16)
    for row in range(1, shrink_y):
        cv2.add(total, part[row::shrink_y], dst=total, dtype=cv2.CV_16U)
    return np.asarray(cv2.convertScaleAbs(total, alpha=1.0 / shrink_y), np.uint8)


def block_span(center: float, extent: float, limit: int, shrink: int) -> tuple[int, int]:
    """First and last pixel, half-open, of whole blocks of `shrink` pixels that a window reads along
    one axis; `limit` is the image's extent.
    """
    low = min(max(int(np.floor(center - extent / 2.0)) - shrink, 0), limit)
    high = min(max(int(np.ceil(center + extent / 2.0)) + shrink, 0), limit)
    return low, low + (high - low) // shrink * shrink


def border_color(image_bgr: ImageArray, reduction: int = 1) -> tuple[float, float, float]:
    """Mean color of an image from one pixel in 64: what fills crops beyond the border.

    Args:
        image_bgr: The image.
        reduction: 1, 2, 4 or 8: blocks of so many pixels on a side are one pixel of it.
    """
    step = 8 // reduction
    blue, green, red, _ = cv2.mean(np.ascontiguousarray(image_bgr[::step, ::step]))
    return float(blue), float(green), float(red)
