"""Image data to BGR: every encoding a camera is likely to send, without copies where the memory
already fits.

Where cv_bridge can be imported it converts what has to be converted; the conversion of this module
gives the same pixels and serves where there is none. 16-bit gray images are stretched by
`geometry.pixels.stretch_16_bit`, which cv_bridge does not do.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.pixels import stretch_16_bit

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
    'nv12': (1, 1, cv2.COLOR_YUV2BGR_NV12),
    'nv21': (1, 1, cv2.COLOR_YUV2BGR_NV21),
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
STRETCHED = ('mono16', '16UC1')
_PAIRED = (cv2.COLOR_YUV2BGR_UYVY, cv2.COLOR_YUV2BGR_YUY2)  # two pixels share their color
_QUARTERED = (cv2.COLOR_YUV2BGR_NV12, cv2.COLOR_YUV2BGR_NV21)  # four do; half as many rows follow
MAX_SIDE_PX = 32768
MAX_SHOWN = 64  # characters of a text from outside in a message


class ImageError(ValueError):
    """An image that cannot be used; the message names the field, its value and the limit."""


def to_bgr(
    data: Bytes, *, width: int, height: int, encoding: str, step: int, is_bigendian: bool = False
) -> Bytes:
    """The image as HxWx3 uint8 BGR: a read-only view of `data` for bgr8, padded rows or not, else a
    new array.

    16-bit color images are scaled by 255 / 65535, as cv_bridge does; 16-bit gray images (thermal,
    12 and 14 bits) are stretched to the range that they use, see `stretch_16_bit`.

    Args:
        data: One-dimensional, at least step * height bytes.
        width: Pixels in a row.
        height: Rows of pixels.
        encoding: One of `ENCODINGS`.
        step: Bytes from one row to the next, padding included.
        is_bigendian: Byte order of 16-bit samples.

    Raises:
        ImageError: Unknown encoding, zero or impossible size, too little data.
    """
    check_layout(data, width, height, encoding, step)
    if _LAYOUT[encoding][2] is not None and encoding not in STRETCHED:
        image = _by_cv_bridge(data, width, height, encoding, step, is_bigendian)
        if image is not None:
            return image
    return convert(data, width, height, encoding, step, is_bigendian)


def convert(
    data: Bytes, width: int, height: int, encoding: str, step: int, is_bigendian: bool
) -> Bytes:
    """The conversion of this module, for data that `check_layout` has accepted."""
    channels, depth, conversion = _LAYOUT[encoding]
    stored = _stored_rows(height, conversion)
    rows = data[: step * stored].reshape(stored, step)[:, : width * channels * depth]
    if depth == 2:
        return _convert_sixteen(_sixteen(rows, width, channels, is_bigendian), encoding)
    image = rows.reshape(height, width, channels) if channels > 1 else rows
    if conversion is None:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), conversion), np.uint8)


def _convert_sixteen(image: NDArray[np.uint16], encoding: str) -> Bytes:
    conversion = _LAYOUT[encoding][2]
    if encoding in STRETCHED:
        return np.asarray(cv2.cvtColor(stretch_16_bit(image), cv2.COLOR_GRAY2BGR), np.uint8)
    wide = image if conversion is None else cv2.cvtColor(image, conversion)
    return np.asarray(cv2.convertScaleAbs(wide, alpha=255.0 / 65535.0), np.uint8)


def _sixteen(rows: Bytes, width: int, channels: int, is_bigendian: bool) -> NDArray[np.uint16]:
    """Rows of bytes as native 16-bit samples."""
    samples = np.ascontiguousarray(rows).view('>u2' if is_bigendian else '<u2')
    shape = (rows.shape[0], width, channels) if channels > 1 else (rows.shape[0], width)
    return samples.astype(np.uint16, copy=False).reshape(shape)


@functools.cache
def bridge() -> Any:
    """A `cv_bridge.CvBridge`, or None where cv_bridge is missing or does not fit this NumPy."""
    try:
        from cv_bridge import CvBridge
    except (ImportError, AttributeError, SystemError, ValueError):
        return None
    return CvBridge()


def _by_cv_bridge(
    data: Bytes, width: int, height: int, encoding: str, step: int, is_bigendian: bool
) -> Bytes | None:
    """The image as cv_bridge converts it; None where it cannot."""
    found = bridge()
    if found is None:
        return None
    message = SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        step=step,
        is_bigendian=int(is_bigendian),
        data=data[: step * height],
    )
    try:
        image = found.imgmsg_to_cv2(message, 'bgr8')
    except (RuntimeError, ValueError, TypeError, KeyError, cv2.error):  # CvBridgeError: TypeError
        return None
    fits = image.shape == (height, width, 3) and image.dtype == np.uint8
    return image if fits else None


def _stored_rows(height: int, conversion: int | None) -> int:
    """Rows of bytes that an image of `height` rows of pixels takes."""
    return height + height // 2 if conversion in _QUARTERED else height


def check_layout(data: Bytes, width: int, height: int, encoding: str, step: int) -> None:
    """Whether size, step and amount of data fit together; cheap.

    Raises:
        ImageError: Naming the field, its value and the limit.
    """
    if encoding not in _LAYOUT:
        raise ImageError(
            f'image.encoding is {encoding[:MAX_SHOWN]!r}, must be one of {", ".join(ENCODINGS)}'
        )
    channels, depth, conversion = _LAYOUT[encoding]
    row_bytes = width * channels * depth
    for name, value in (('width', width), ('height', height)):
        if not 0 < value <= MAX_SIDE_PX:
            raise ImageError(f'image.{name} is {value}, must lie in [1, {MAX_SIDE_PX}]')
    if step < row_bytes:
        raise ImageError(f'image.step is {step}, must be at least {row_bytes} for {width} pixels')
    stored = _stored_rows(height, conversion)
    if data.size < step * stored:
        raise ImageError(
            f'image.data has {data.size} bytes, must have at least {step * stored} '
            f'(step {step} x {stored} rows): truncated'
        )
    for name, value in (('width', width), ('height', height)):
        paired = (*_PAIRED, *_QUARTERED) if name == 'width' else _QUARTERED
        if conversion in paired and value % 2:
            raise ImageError(f'image.{name} is {value}, must be even for {encoding}')
