"""Ground-truth files: boxes, polygons, flags, masks. Every error names the file and the line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.sequence import DatasetError


def read_boxes(path: Path) -> np.ndarray:
    """Rows x,y,w,h, separated by commas, tabs or blanks, as N x 4 float64."""
    return np.array(_rows(path, _as_box), np.float64)


def read_regions(path: Path) -> np.ndarray:
    """VOT rows: x,y,w,h or the corners x1,y1,x2,y2,... of a polygon, as their hulls, N x 4."""
    return np.array(_rows(path, _as_hull), np.float64)


def read_flags(path: Path) -> np.ndarray:
    """0/1 flags, one a line or all in one line, as N bool."""

    def flags(fields: list[str]) -> list[bool]:
        for field in fields:
            if field not in ('0', '1'):
                raise ValueError(f'expected 0 or 1, got {field!r}')
        return [field == '1' for field in fields]

    return np.array([flag for row in _rows(path, flags) for flag in row], bool)


def read_mask_boxes(path: Path) -> dict[int, tuple[float, float, float, float]]:
    """The bounding box x,y,w,h of every color of a mask image but black; the key is the color."""
    mask = cv2.imread(str(path), cv2.IMREAD_COLOR)
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
    return [_number(field) for field in fields]


def _as_hull(fields: list[str]) -> list[float]:
    if fields[0].startswith('m'):
        raise ValueError('a mask region; only boxes and polygons are read')
    if len(fields) == 4:
        return _as_box(fields)
    if len(fields) < 6 or len(fields) % 2:
        raise ValueError(f'expected 4 numbers or the corners of a polygon, got {len(fields)}')
    corners = np.array([_number(field) for field in fields]).reshape(-1, 2)
    low, high = corners.min(0), corners.max(0)
    return [*low, *(high - low)]


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        raise ValueError(f'not a number: {field!r}') from None


def _rows(path: Path, convert: Callable[[list[str]], list]) -> list:
    try:
        text = path.read_text(encoding='utf-8')
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
