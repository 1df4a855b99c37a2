"""Image data to BGR: every encoding a camera is likely to send, without copies where the memory
already fits.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

# channels, bytes a sample, OpenCV conversion to BGR (None: only drop the last channel or nothing)
_LAYOUT: dict[str, tuple[int, int, int | None]] = {
    'bgr8': (3, 1, None),
    '8UC3': (3, 1, None),
    'rgb8': (3, 1, cv2.COLOR_RGB2BGR),
    'bgra8': (4, 1, cv2.COLOR_BGRA2BGR),
    '8UC4': (4, 1, cv2.COLOR_BGRA2BGR),
    'rgba8': (4, 1, cv2.COLOR_RGBA2BGR),
    'mono8': (1, 1, cv2.COLOR_GRAY2BGR),
    '8UC1': (1, 1, cv2.COLOR_GRAY2BGR),
    'mono16': (1, 2, cv2.COLOR_GRAY2BGR),
    '16UC1': (1, 2, cv2.COLOR_GRAY2BGR),
    'bgr16': (3, 2, None),
    'rgb16': (3, 2, cv2.COLOR_RGB2BGR),
    'yuv422': (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    'uyvy': (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    'yuyv': (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    # OpenCV names a Bayer pattern by its second row and column, ROS by its first
    'bayer_rggb8': (1, 1, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': (1, 1, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': (1, 1, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': (1, 1, cv2.COLOR_BayerGB2BGR),
    'bayer_rggb16': (1, 2, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr16': (1, 2, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg16': (1, 2, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg16': (1, 2, cv2.COLOR_BayerGB2BGR),
}
ENCODINGS = tuple(_LAYOUT)
_PAIRED = (cv2.COLOR_YUV2BGR_UYVY, cv2.COLOR_YUV2BGR_YUY2)  # two pixels share their color
MAX_SIDE_PX = 32768


class ImageError(ValueError):
    """An image that cannot be used; the message names the field, its value and the limit."""


def to_bgr(
    data: Bytes, *, width: int, height: int, encoding: str, step: int, is_bigendian: bool = False
) -> Bytes:
    """The image as HxWx3 uint8 BGR: a read-only view of `data` for bgr8, padded rows or not, else a
    new array.

    16-bit images are scaled by 255 / 65535, as cv_bridge does.

    :param data: one-dimensional, at least step * height bytes
    :param step: bytes from one row to the next, padding included
    :raises ImageError: unknown encoding, zero or impossible size, too little data
    """
    check_layout(data, width, height, encoding, step)
    channels, depth, conversion = _LAYOUT[encoding]
    rows = data[: step * height].reshape(height, step)[:, : width * channels * depth]
    if depth == 2:
        image = _sixteen(rows, width, channels, is_bigendian)
    else:
        image = rows.reshape(height, width, channels) if channels > 1 else rows
    if conversion is not None:
        image = cv2.cvtColor(np.ascontiguousarray(image), conversion)
    if depth == 2:
        image = cv2.convertScaleAbs(image, alpha=255.0 / 65535.0)
    return image


def _sixteen(rows: Bytes, width: int, channels: int, is_bigendian: bool) -> NDArray[np.uint16]:
    """Rows of bytes as native 16-bit samples."""
    samples = np.ascontiguousarray(rows).view('>u2' if is_bigendian else '<u2')
    shape = (rows.shape[0], width, channels) if channels > 1 else (rows.shape[0], width)
    return samples.astype(np.uint16, copy=False).reshape(shape)


def check_layout(data: Bytes, width: int, height: int, encoding: str, step: int) -> None:
    """Whether size, step and amount of data fit together; cheap.

    :raises ImageError: naming the field, its value and the limit
    """
    if encoding not in _LAYOUT:
        raise ImageError(f'image.encoding is {encoding!r}, must be one of {", ".join(ENCODINGS)}')
    channels, depth, conversion = _LAYOUT[encoding]
    row_bytes = width * channels * depth
    for name, value in (('width', width), ('height', height)):
        if not 0 < value <= MAX_SIDE_PX:
            raise ImageError(f'image.{name} is {value}, must lie in [1, {MAX_SIDE_PX}]')
    if step < row_bytes:
        raise ImageError(f'image.step is {step}, must be at least {row_bytes} for {width} pixels')
    if data.size < step * height:
        raise ImageError(
            f'image.data has {data.size} bytes, must have at least {step * height} '
            f'(step {step} x height {height}): truncated'
        )
    if conversion in _PAIRED and width % 2:
        raise ImageError(f'image.width is {width}, must be even for {encoding}')


def decode_compressed(data: Bytes) -> Bytes:
    """A JPEG or PNG as HxWx3 uint8 BGR.

    :raises ImageError: empty or not an image that OpenCV can decode
    """
    if data.size == 0:
        raise ImageError('compressed image.data is empty, must hold a JPEG or PNG')
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f'compressed image.data cannot be decoded: {error}') from error
    if image is None:
        raise ImageError(
            f'compressed image.data ({data.size} bytes) is not a JPEG or PNG, or it is damaged'
        )
    return image
