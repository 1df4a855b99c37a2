"""Synthetic pairs: masked objects cut out of their picture and pasted on photographs, so that they
really move.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import Record
from siamla_ros.training.augment import Image, paste

MAX_CUTOUT_PX = 256


@functools.lru_cache(maxsize=512)
def load_cutout(record: Record) -> tuple[Image, NDArray[np.float32]] | None:
    """Pixels and opacity of a masked object, cut to its mask and at most 256 px; None when the
    mask is empty.
    """
    image = cv2.imread(str(record.path), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(record.mask_path), cv2.IMREAD_GRAYSCALE)
    if image is None or mask is None:
        raise OSError(f'{record.path}: image or mask cannot be read')
    mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) < 8 or len(columns) < 8:
        return None
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image, alpha = image[part], mask[part].astype(np.float32)
    factor = min(1.0, MAX_CUTOUT_PX / max(alpha.shape))
    if factor < 1.0:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, image.shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image), cv2.blur(alpha, (3, 3))


def place(
    canvas: Image,
    cutout: tuple[Image, NDArray[np.float32]],
    cx: float,
    cy: float,
    width: float,
    height: float,
    angle_deg: float,
) -> tuple[float, float, float, float]:
    """Draw a cut-out on ``canvas`` in place, scaled to width x height and turned; returns its
    tight xyxy box.

    The box may leave the canvas; it is the box of the opaque part (opacity over 1/2) as drawn.
    """
    image, alpha = cutout
    turn = np.deg2rad(angle_deg)
    extent_w = int(np.ceil(width * abs(np.cos(turn)) + height * abs(np.sin(turn)))) + 4
    extent_h = int(np.ceil(width * abs(np.sin(turn)) + height * abs(np.cos(turn)))) + 4
    scale_x, scale_y = width / image.shape[1], height / image.shape[0]
    if min(scale_x, scale_y) < 0.5:  # shrink by area first: bilinear alone would alias
        size = (max(int(width * 1.3), 4), max(int(height * 1.3), 4))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        scale_x, scale_y = width / size[0], height / size[1]
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = rotate @ np.diag([scale_x, scale_y])
    left, top = int(np.floor(cx - extent_w / 2)), int(np.floor(cy - extent_h / 2))
    middle = np.array([image.shape[1], image.shape[0]]) / 2
    offset = np.array([cx - left, cy - top]) - linear @ middle
    matrix = np.column_stack([linear, offset + linear @ [0.5, 0.5] - 0.5])
    drawn = cv2.warpAffine(
        image, matrix, (extent_w, extent_h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    opacity = cv2.warpAffine(alpha, matrix, (extent_w, extent_h), flags=cv2.INTER_LINEAR)
    paste(canvas, drawn, opacity, left, top)
    rows, columns = np.flatnonzero((opacity > 0.5).any(1)), np.flatnonzero((opacity > 0.5).any(0))
    if len(rows) == 0 or len(columns) == 0:
        return cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
    return (
        left + float(columns[0]),
        top + float(rows[0]),
        left + columns[-1] + 1.0,
        top + rows[-1] + 1.0,
    )


def background(photo: Image, size_px: int, zoom: float, rng: np.random.Generator) -> Image:
    """A random square window of a photograph, ``size_px / zoom`` of its pixels on a side,
    resampled to size_px.
    """
    side = int(min(max(size_px / zoom, 32), *photo.shape[:2]))
    x = int(rng.integers(0, photo.shape[1] - side + 1))
    y = int(rng.integers(0, photo.shape[0] - side + 1))
    return cv2.resize(
        photo[y : y + side, x : x + side], (size_px, size_px), interpolation=cv2.INTER_LINEAR
    )
