"""Depth images as arrays in m: 16UC1 and mono16 hold mm, 32FC1 holds m (REP 118)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KINDS = {'16UC1': ('u2', 0.001), 'mono16': ('u2', 0.001), '32FC1': ('f4', 1.0)}


class DepthImageError(ValueError):
    """A depth image that cannot be used; the message names the field and the limit."""


def depth_array(
    data: bytes | memoryview | NDArray[np.uint8],
    width: int,
    height: int,
    encoding: str,
    step: int,
    is_bigendian: bool,
) -> NDArray[np.float32]:
    """The depth in m, height x width; a hole is 0, NaN or infinite.

    Args:
        data: the bytes of sensor_msgs/Image.
        width: in px.
        height: in px.
        encoding: 16UC1, mono16 or 32FC1.
        step: bytes of a row with its padding.
        is_bigendian: byte order of the values.

    Raises:
        DepthImageError: naming field, value and limit.
    """
    if encoding not in KINDS:
        raise DepthImageError(
            f'depth image encoding is {encoding!r}, must be one of {", ".join(KINDS)}'
        )
    code, scale = KINDS[encoding]
    kind = np.dtype(('>' if is_bigendian else '<') + code)
    if width < 1 or height < 1:
        raise DepthImageError(f'depth image is {width} x {height} px, must be at least 1 x 1')
    if step < width * kind.itemsize:
        raise DepthImageError(
            f'depth image step is {step}, must be at least {width * kind.itemsize}'
        )
    flat = np.frombuffer(data, dtype=np.uint8)
    if flat.size < step * height:
        raise DepthImageError(f'depth image has {flat.size} bytes, must have {step * height}')
    rows = flat[: step * height].reshape(height, step)[:, : width * kind.itemsize]
    values = np.ascontiguousarray(rows).view(kind).reshape(height, width)
    return values.astype(np.float32) * np.float32(scale)
