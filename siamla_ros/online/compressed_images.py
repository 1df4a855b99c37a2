"""Compressed images: the size is read from the header before anything is decoded, so that a small
message cannot ask for gigabytes.
"""

from __future__ import annotations

import cv2
import numpy as np

from siamla_ros.geometry.pixels import stretch_16_bit
from siamla_ros.online.image_formats import Bytes, ImageError

MAX_PIXELS = 2**25
"""8K (7680x4320) fits; a decoded image takes at most 200 MB (16-bit color)."""
_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8\xff'
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame; the rest are tables
_JPEG_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


def check_compressed(data: Bytes) -> None:
    """Whether a JPEG or PNG has an acceptable size; reads its header only.

    Raises:
        ImageError: empty, of another format, a damaged header, or too many pixels.
    """
    width, height = compressed_size(data)
    if width * height > MAX_PIXELS:
        raise ImageError(
            f'compressed image.data holds {width} x {height} = {width * height} pixels, must hold '
            f'at most {MAX_PIXELS}'
        )
    if not width * height:
        raise ImageError(f'compressed image.data holds {width} x {height} pixels, must hold some')


def compressed_size(data: Bytes) -> tuple[int, int]:
    """Width and height of a JPEG or PNG, from its header.

    Raises:
        ImageError: empty, of another format, or a damaged header.
    """
    if data.size == 0:
        raise ImageError('compressed image.data is empty, must hold a JPEG or PNG')
    start = data[:24].tobytes()
    if start.startswith(_PNG):
        if len(start) < 24 or start[12:16] != b'IHDR':
            raise ImageError('compressed image.data is a PNG without a header: damaged')
        return int.from_bytes(start[16:20], 'big'), int.from_bytes(start[20:24], 'big')
    if start.startswith(_JPEG):
        return _jpeg_size(data)
    raise ImageError(
        f'compressed image.data ({data.size} bytes) begins with {start[:8].hex()}: it is not a '
        'JPEG or PNG'
    )


def _jpeg_size(data: Bytes) -> tuple[int, int]:
    """Width and height from the start-of-frame segment; segments before it are passed over."""
    at = 2
    while at + 9 <= data.size and data[at] == 0xFF:
        marker = int(data[at + 1])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = (_short(data, at + offset) for offset in (5, 7))
            return width, height
        else:
            at += 2 + max(_short(data, at + 2), 2)
    raise ImageError('compressed image.data is a JPEG without a frame header: damaged')


def _short(data: Bytes, at: int) -> int:
    return int(data[at]) << 8 | int(data[at + 1])


def decode_compressed(data: Bytes) -> Bytes:
    """A JPEG or PNG as HxWx3 uint8 BGR; 16-bit gray PNGs are stretched as `to_bgr` does.

    Raises:
        ImageError: what `check_compressed` refuses, or not an image that OpenCV can decode.
    """
    check_compressed(data)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ImageError(f'compressed image.data cannot be decoded: {error}') from error
    if image is None:
        raise ImageError(f'compressed image.data ({data.size} bytes) is a damaged JPEG or PNG')
    if image.dtype == np.uint16:
        return stretch_16_bit(np.asarray(image, np.uint16))
    return np.asarray(image, np.uint8)
