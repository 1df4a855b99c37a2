"""Ground-truth files: boxes, polygons, flags, masks. Every error names the file and the line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.image_files import imread
from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.geometry.boxes import FARTHEST_PX


def read_boxes(path: Path) -> np.ndarray:
    """Rows x,y,w,h, separated by commas, tabs or blanks, as N x 4 float64."""
    return np.array(_rows(path, _as_box), np.float64)


def read_regions(path: Path) -> np.ndarray:
    """VOT rows as bounding boxes x,y,w,h, N x 4; NaN where the region is empty.

    A row is x,y,w,h, the corners x1,y1,x2,y2,... of a polygon, or a mask `m<x>,<y>,<w>,<h>,<runs>`
    (run lengths of a w x h image row by row, beginning with background).
    """
    return np.array(_rows(path, _as_region), np.float64)


def read_flags(path: Path) -> np.ndarray:
    """0/1 flags, one a line or all in one line, as N bool."""

    def flags(fields: list[str]) -> list[bool]:
        for field in fields:
            if field not in ('0', '1'):
                raise ValueError(f'expected 0 or 1, got {field!r}')
        return [field == '1' for field in fields]

    return np.array([flag for row in _rows(path, flags) for flag in row], bool)


def read_numbers(path: Path) -> np.ndarray:
    """One number a line or all in one line, as N float64."""
    return np.array([value for row in read_rows(path, 1) for value in row], np.float64)


def read_rows(path: Path, least: int) -> list[list[float]]:
    """Rows of at least `least` numbers each."""

    def numbers(fields: list[str]) -> list[float]:
        if len(fields) < least:
            raise ValueError(f'expected at least {least} numbers, got {len(fields)}')
        return [_number(field) for field in fields]

    return _rows(path, numbers)


def read_mask_boxes(path: Path) -> dict[int, tuple[float, float, float, float]]:
    """The bounding box x,y,w,h of every color of a mask image but black; the key is the color."""
    mask = imread(path, cv2.IMREAD_COLOR)
    if mask is None:
        raise DatasetError(f'{path}: not a mask image that OpenCV can read')
    colors = mask.astype(np.int64) @ np.array([1, 256, 65536])
    boxes = {}
    for color in np.unique(colors):
        if color:
            x, y, w, h = cv2.boundingRect((colors == color).astype(np.uint8))
            boxes[int(color)] = (float(x), float(y), float(w), float(h))
    return boxes


def _as_box(fields: list[str]) -> list[float]:
    if len(fields) != 4:
        raise ValueError(f'expected 4 numbers x,y,w,h, got {len(fields)}')
    return [_pixels(field) for field in fields]


def _as_region(fields: list[str]) -> list[float]:
    if fields[0].startswith('m'):
        return _mask_box([_number(field) for field in (fields[0][1:], *fields[1:]) if field])
    if len(fields) == 4:
        return _as_box(fields)
    if len(fields) == 1:  # a code such as 0 for "no region"
        _number(fields[0])
        return [np.nan] * 4
    if len(fields) < 6 or len(fields) % 2:
        raise ValueError(f'expected 4 numbers or the corners of a polygon, got {len(fields)}')
    corners = np.array([_pixels(field) for field in fields]).reshape(-1, 2)
    low, high = corners.min(0), corners.max(0)
    return [*low, *(high - low)]


def _mask_box(values: list[float]) -> list[float]:
    if len(values) < 4:
        raise ValueError(f'a mask region: expected x,y,w,h and runs, got {len(values)} numbers')
    x, y, w, h = (int(value) for value in values[:4])
    runs = np.array(values[4:], int)
    if (runs < 0).any() or runs.sum() > w * h:
        raise ValueError(f'a mask region: {runs.sum()} pixels in runs for {w} x {h}')
    inside = np.arange(len(runs)) % 2 == 1
    pixels = np.zeros(w * h, np.uint8)
    pixels[: runs.sum()] = np.repeat(inside, runs)
    left, top, width, height = cv2.boundingRect(pixels.reshape(h, w)) if w * h else (0, 0, 0, 0)
    return [x + left, y + top, width, height] if width else [np.nan] * 4


def _pixels(field: str) -> float:
    """A coordinate; NaN and infinity, by which some benchmarks say "absent", are taken."""
    value = _number(field)
    if math.isfinite(value) and abs(value) > FARTHEST_PX:
        raise ValueError(f'{field} px, must lie within +-{FARTHEST_PX:.0f}')
    return value


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        raise ValueError(f'not a number: {field!r}') from None


def _rows(path: Path, convert: Callable[[list[str]], list]) -> list:
    try:
        text = path.read_text(encoding='utf-8-sig')  # some tools begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f'{path}: {error}') from error
    rows = []
    for number, line in enumerate(text.rstrip().splitlines(), 1):
        try:
            fields = line.replace(',', ' ').replace(';', ' ').split()
            if not fields:
                raise ValueError('an empty line')
            rows.append(convert(fields))
        except ValueError as error:
            raise DatasetError(f'{path}:{number}: {error}') from None
    if not rows:
        raise DatasetError(f'{path}: empty')
    return rows
