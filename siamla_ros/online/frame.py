"""One received image, as it came: nothing is converted before the pixels are needed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from siamla_ros.online.compressed_images import check_compressed, decode_compressed
from siamla_ros.online.image_formats import (
    MAX_SHOWN,
    Bytes,
    ImageError,
    check_layout,
    to_bgr,
)

COMPRESSED = 'compressed'
MAX_FRAME_ID_LENGTH = 256  # every message about the image repeats it


@dataclass(frozen=True)
class Frame:
    """An image and its header.

    Attributes:
        sec, nanosec, frame_id: The header, verbatim.
        encoding: Of sensor_msgs/Image, or `COMPRESSED`, whose size is known only after decoding.
        data: The bytes; may be a view of the received message.
        received_s: Monotonic clock at arrival.
        seq: Number in order of arrival, counted by the receiver.
    """

    sec: int
    nanosec: int
    frame_id: str
    width: int
    height: int
    encoding: str
    step: int
    is_bigendian: bool
    data: Bytes = field(repr=False, compare=False)
    received_s: float = 0.0
    seq: int = 0

    @classmethod
    def of(cls, message: Any, seq: int = 0) -> Frame:
        """A frame that shares the bytes of an Image or a CompressedImage, of ROS or of a bag."""
        raw = hasattr(message, 'encoding')
        return cls(
            sec=message.header.stamp.sec,
            nanosec=message.header.stamp.nanosec,
            frame_id=message.header.frame_id,
            width=message.width if raw else 0,
            height=message.height if raw else 0,
            encoding=message.encoding if raw else COMPRESSED,
            step=message.step if raw else 0,
            is_bigendian=raw and bool(message.is_bigendian),
            data=np.frombuffer(message.data, dtype=np.uint8),
            received_s=time.monotonic(),
            seq=seq,
        )

    @property
    def stamp_ns(self) -> int:
        """The stamp in nanoseconds."""
        return self.sec * 1_000_000_000 + self.nanosec

    @property
    def stamp_s(self) -> float:
        """The stamp in seconds; good to a microsecond."""
        return self.sec + self.nanosec * 1e-9

    @property
    def nbytes(self) -> int:
        """Memory that the frame holds on to."""
        return int(self.data.nbytes)

    def to_bgr(self) -> Bytes:
        """HxWx3 uint8 BGR.

        Raises:
            ImageError: The image cannot be used.
        """
        if self.encoding == COMPRESSED:
            return decode_compressed(self.data)
        return to_bgr(
            self.data,
            width=self.width,
            height=self.height,
            encoding=self.encoding,
            step=self.step,
            is_bigendian=self.is_bigendian,
        )

    def check(self) -> None:
        """What can be checked without touching the pixels.

        Raises:
            ImageError: The image cannot be used.
        """
        if len(self.frame_id) > MAX_FRAME_ID_LENGTH:
            raise ImageError(
                f'image.header.frame_id has {len(self.frame_id)} characters, must have at most '
                f'{MAX_FRAME_ID_LENGTH}: {self.frame_id[:MAX_SHOWN]!r}...'
            )
        if self.encoding == COMPRESSED:
            check_compressed(self.data)
        else:
            check_layout(self.data, self.width, self.height, self.encoding, self.step)
