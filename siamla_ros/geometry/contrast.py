"""Whether a box and its surroundings hold any contrast."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import MAX_COVER, Box, BoxError, cover

MIN_CONTRAST = 3.0
"""Gray levels. Sensor noise in the dark lies below it; the least of 167 real targets, thermal and
tiny ones among them, is 9.3."""
MIN_CORRELATION = 0.25
"""Of neighboring pixels. Noise without any picture lies at 0.00 to 0.21, as JPEG too; the least of
23,700 real boxes is 0.36 (docs/research/reliability.md)."""
_MARGIN = 0.5  # of the box, on each side: a flat target is distinguished by what lies around it
_MIN_MARGIN_PX = 4.0
_MAX_SIDE_PX = 256  # a larger region is sampled


def contrast(image_bgr: NDArray[np.uint8], box_xywh: Box) -> float:
    """Standard deviation of a box with its surroundings: the largest of the three channels.

    Args:
        image_bgr: HxWx3 uint8.
        box_xywh: half-open, pixels; its part outside of the image is left out.

    Returns:
        Gray levels, 0 to 127.5; 0 if nothing of the box lies in the image.
    """
    region = _region(image_bgr, box_xywh)
    step_y, step_x = (math.ceil(side / _MAX_SIDE_PX) or 1 for side in region.shape[:2])
    pixels = region[::step_y, ::step_x].reshape(-1, 3)
    return float(pixels.std(axis=0, dtype=np.float64).max()) if pixels.size else 0.0


def correlation(image_bgr: NDArray[np.uint8], box_xywh: Box) -> float:
    """How much pixels of a box with its surroundings resemble their neighbors.

    Args:
        image_bgr: HxWx3 uint8.
        box_xywh: half-open, pixels; its part outside of the image is left out.

    Returns:
        Autocorrelation at a distance of one pixel, the mean of both directions, at most 1: of the
        channel where it is largest; -1 where no channel varies. Noise from pixel to pixel gives 0.
    """
    region = _region(image_bgr, box_xywh)
    if min(region.shape[:2]) < 2:
        return -1.0
    step_y, step_x = (math.ceil(side / _MAX_SIDE_PX) for side in region.shape[:2])
    # Pairs of neighbors from all over the region, however large it is.
    here = region[:-1:step_y, :-1:step_x].astype(np.float32)
    right, below = region[:-1:step_y, 1::step_x], region[1::step_y, :-1:step_x]
    variance = here.var(axis=(0, 1))
    change = (np.square(here - right) + np.square(here - below)).mean(axis=(0, 1))
    varied = variance > 0.0
    return float((1.0 - change[varied] / (4.0 * variance[varied])).max(initial=-1.0))


def _region(image_bgr: NDArray[np.uint8], box_xywh: Box) -> NDArray[np.uint8]:
    """The part of the image with the box and a margin; empty if nothing of it lies in the image."""
    height, width = image_bgr.shape[:2]
    x, y, w, h = box_xywh
    margin_x, margin_y = max(_MARGIN * w, _MIN_MARGIN_PX), max(_MARGIN * h, _MIN_MARGIN_PX)
    left, right = max(math.floor(x - margin_x), 0), min(math.ceil(x + w + margin_x), width)
    top, bottom = max(math.floor(y - margin_y), 0), min(math.ceil(y + h + margin_y), height)
    if right <= left or bottom <= top:
        return image_bgr[:0, :0]
    return image_bgr[top:bottom, left:right]


def check_contrast(
    image_bgr: NDArray[np.uint8], box_xywh: Box, limit: float = MIN_CONTRAST
) -> None:
    """Refuse a box of one color, of noise, or over the whole image.

    Raises:
        BoxError: reason `featureless`; contrast or correlation below its limit, or too little of
            the image left around the box.
    """
    value, text = contrast(image_bgr, box_xywh), ','.join(f'{number:g}' for number in box_xywh)
    if value < limit:
        raise BoxError(
            'featureless',
            f'init box x,y,w,h = {text}: contrast of the box with its surroundings is {value:.2f} '
            f'gray levels, must be >= {limit:g}: there is nothing to track',
        )
    value = correlation(image_bgr, box_xywh)
    if value < MIN_CORRELATION:
        raise BoxError(
            'featureless',
            f'init box x,y,w,h = {text}: correlation of neighboring pixels is {value:.2f}, must be '
            f'>= {MIN_CORRELATION:g}: this is noise, there is nothing to track',
        )
    value = cover(box_xywh, (image_bgr.shape[1], image_bgr.shape[0]))
    if value >= MAX_COVER:
        raise BoxError(
            'featureless',
            f'init box x,y,w,h = {text}: it covers {100 * value:.0f} % of the image, must be below '
            f'{100 * MAX_COVER:g} %: there is nothing around it to tell it apart from',
        )
