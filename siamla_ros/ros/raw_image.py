"""Reads a serialized sensor_msgs/Image without turning its pixels into Python objects.

Making a message object of 1920x1080 costs 11 ms, more than the network. CDR puts a fixed header
before the pixels; it is parsed
by hand here and the pixels stay where they are, as a view of the received bytes.
"""

from __future__ import annotations

import struct
import time

import numpy as np

from siamla_ros.online.frame import Frame

_CDR_BIG, _CDR_LITTLE = 0, 1  # plain CDR; parameter lists and XCDR2 have other numbers
_ORIGIN = 4  # alignment counts from behind the encapsulation header


class LayoutError(ValueError):
    """The bytes are not laid out as expected; the caller should deserialize them the normal way."""


class _Reader:
    """Aligned reads of CDR primitives."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _ORIGIN or data[0] != 0 or data[1] not in (_CDR_BIG, _CDR_LITTLE):
            raise LayoutError(f'encapsulation is {bytes(data[:4]).hex()}, must be plain CDR')
        self._data, self._at = data, _ORIGIN
        self._order = '<' if data[1] == _CDR_LITTLE else '>'

    def _take(self, code: str, size: int) -> int:
        self._at += (_ORIGIN - self._at) % size
        try:
            value = struct.unpack_from(self._order + code, self._data, self._at)[0]
        except struct.error as error:
            raise LayoutError(
                f'message ends at byte {len(self._data)} within its header'
            ) from error
        self._at += size
        return value

    def uint8(self) -> int:
        return self._take('B', 1)

    def int32(self) -> int:
        return self._take('i', 4)

    def uint32(self) -> int:
        return self._take('I', 4)

    def string(self) -> str:
        raw = self.payload(self.uint32())
        try:
            return raw.rstrip(b'\0').decode('utf-8')
        except UnicodeDecodeError as error:
            raise LayoutError(f'a string in the header is not UTF-8: {error}') from error

    def payload(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise LayoutError(f'message has {len(self._data)} bytes, must have {end}')
        value = bytes(self._data[self._at : end])
        self._at = end
        return value

    def view(self, size: int) -> np.ndarray:
        if self._at + size > len(self._data):
            raise LayoutError(f'message has {len(self._data)} bytes, must have {self._at + size}')
        return np.frombuffer(self._data, dtype=np.uint8, count=size, offset=self._at)


def parse_image(data: bytes, seq: int = 0) -> Frame:
    """A frame whose pixels are a view of `data`.

    Args:
        data: A serialized sensor_msgs/Image, encapsulation header included.
        seq: Number to give the frame.

    Raises:
        LayoutError: Not plain CDR, or shorter than its header states.
    """
    reader = _Reader(data)
    sec, nanosec, frame_id = reader.int32(), reader.uint32(), reader.string()
    height, width, encoding = reader.uint32(), reader.uint32(), reader.string()
    is_bigendian, step, size = reader.uint8(), reader.uint32(), reader.uint32()
    return Frame(
        sec=sec,
        nanosec=nanosec,
        frame_id=frame_id,
        width=width,
        height=height,
        encoding=encoding,
        step=step,
        is_bigendian=bool(is_bigendian),
        data=reader.view(size),
        received_s=time.monotonic(),
        seq=seq,
    )
