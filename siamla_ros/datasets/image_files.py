"""Folders of image files: which files count, in which order, and how one is read."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.archives import ArchivePath
from siamla_ros.geometry.pixels import stretch_16_bit

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts names by their numbers: frame2 before frame10; the one rule for frames in a folder."""
    parts = re.findall(r'\d+|\D+', path.name)
    return [(0, int(p), '') if p.isdigit() else (1, 0, p.lower()) for p in parts], path.name


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order; hidden files (`.DS_Store`, `._1.png`) are skipped.

    Raises:
        ValueError: There is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder of images')
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith('.')
    ]
    return sorted(found, key=natural_key)


def imread(path: Path | ArchivePath, flags: int) -> np.ndarray | None:
    """OpenCV's reader, of files in archives, too; None where it cannot read the image."""
    if not isinstance(path, ArchivePath):
        return cv2.imread(str(path), flags)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    return cv2.imdecode(data, flags) if data.size else None


def read_image(path: Path) -> np.ndarray:
    """An image as HxWx3 uint8 BGR; 16-bit ones are stretched, see `stretch_16_bit`.

    Raises:
        ValueError: OpenCV cannot read the file.
    """
    try:
        image = imread(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if image is not None and image.dtype not in (np.uint8, np.uint16):
            image = imread(path, cv2.IMREAD_COLOR)  # floats: OpenCV's own rule
    except (cv2.error, OSError) as error:  # more pixels than it allows, or a damaged archive
        raise ValueError(f'{path} is not a readable image: {error}') from error
    if image is not None and image.dtype == np.uint16:
        return stretch_16_bit(np.asarray(image, np.uint16))
    if image is None:
        raise ValueError(f'{path} is not a readable image')
    return np.asarray(image, np.uint8)
