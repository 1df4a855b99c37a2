"""Frames into an .mp4 file: H.264 with the times of the frames where PyAV is installed.

The wheels of OpenCV cannot write H.264 (it is not free of patents), and what they write instead,
MPEG-4 Part 2, is played by VLC and mpv, but by no browser.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from siamla_ros import install_hint
from siamla_ros.datasets.video import FALLBACK_RATE_HZ

CODECS = ('auto', 'h264', 'mpeg4')
SLOWEST_HZ, FASTEST_HZ = 0.001, 1e6  # of a video: others have no form in the file
LONGEST_PAUSE_S = 3600.0  # between two frames: more of it is a clock that was set
TICKS_HZ = 90_000  # time base: exact for the usual frame rates
KEY_FRAME_EVERY = 60
# CRF 20: no difference to be seen; no B-frames: times of decoding are those of showing.
X264_OPTIONS = {'crf': '20', 'preset': 'veryfast', 'bf': '0'}
# Written piece by piece, each complete in itself and handed to the system at once: what a process
# that is killed has written can be played, but for the last two seconds.
FRAGMENTED = {
    'movflags': '+frag_keyframe+empty_moov+default_base_moof',
    'frag_duration': '1000000',
    'flush_packets': '1',
}


class Encoder(Protocol):
    """Appends images of one size to a file."""

    words: str

    def write(self, image_bgr: np.ndarray, stamp_s: float) -> None:
        """Append an image, shown from that time on; times rise."""

    def close(self) -> None:
        """Complete the file."""


class FrameSink(AbstractContextManager):
    """Writes frames into an .mp4 file whose size is that of the first frame.

    Args:
        path: The file, complete after `close` or the end of a `with` block. Without that, H.264
            lacks the last two seconds, and mpeg4 cannot be played.
        rate_hz: Frames a second at which frames without a time are shown.
        codec: h264 needs PyAV; mpeg4 is what OpenCV writes, at `rate_hz` throughout; auto: h264
            where there is PyAV, else mpeg4.

    Raises:
        ValueError: The codec is none of these, or cannot be had here; the rate is none of a video.
    """

    def __init__(
        self, path: str | Path, rate_hz: float = FALLBACK_RATE_HZ, codec: str = 'auto'
    ) -> None:
        if codec not in CODECS:
            raise ValueError(f'codec is {codec!r}, must be one of {", ".join(CODECS)}')
        if codec == 'h264' and not has_h264():
            raise ValueError(f'codec is h264, which needs PyAV: {install_hint("video")}')
        if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
            raise ValueError(f'rate is {rate_hz!r}, must lie in [{SLOWEST_HZ:g}, {FASTEST_HZ:g}]')
        self.path = Path(path)
        self.count = 0
        self._rate_hz, self._codec = rate_hz, codec
        self._encoder: Encoder | None = None
        self._size = (0, 0)
        self._first_s, self._last_s = 0.0, -1.0

    def write(self, image_bgr: np.ndarray, stamp_s: float | None = None) -> None:
        """Appends an image.

        Args:
            image_bgr: HxWx3 uint8; one of another size than the first is scaled.
            stamp_s: Time of the image in seconds, any origin; None, or a time that is not later
                than the last one, or by more than `LONGEST_PAUSE_S`: 1 / rate_hz after the image
                before.

        Raises:
            ValueError: The file cannot be written.
        """
        if self._encoder is None:
            self._size = (image_bgr.shape[1], image_bgr.shape[0])
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._encoder = self._open()
        if (image_bgr.shape[1], image_bgr.shape[0]) != self._size:
            image_bgr = cv2.resize(image_bgr, self._size)
        try:
            self._encoder.write(image_bgr, self._time(stamp_s))
        except OSError as error:
            raise ValueError(f'{self.path} cannot be written: {error}') from error
        self.count += 1

    def _time(self, stamp_s: float | None) -> float:
        """Time in the file, whose first frame is at 0."""
        if self.count == 0:
            self._first_s, self._last_s = stamp_s or 0.0, 0.0
            return 0.0
        told_s = self._last_s if stamp_s is None else stamp_s - self._first_s
        step_s = told_s - self._last_s
        if not 1.0 / TICKS_HZ <= step_s <= LONGEST_PAUSE_S:  # none, or the source began again
            told_s = self._last_s + 1.0 / self._rate_hz
            self._first_s = (stamp_s or 0.0) - told_s
        self._last_s = told_s
        return told_s

    def _open(self) -> Encoder:
        if self._codec == 'mpeg4' or not has_h264():
            return _OpenCvEncoder(self.path, self._rate_hz, self._size)
        return _H264Encoder(self.path, self._rate_hz, self._size)

    def describe(self) -> str:
        """What was written, in words: file, frames, codec, and what that means for playing it."""
        words = self._encoder.words if self._encoder is not None else 'nothing'
        return f'{self.path}: {self.count} frames, {words}'

    def close(self) -> None:
        """Completes the file; `describe` still answers.

        Raises:
            ValueError: The file cannot be completed: no space is left, for instance.
        """
        if self._encoder is not None:
            try:
                self._encoder.close()
            except OSError as error:
                raise ValueError(f'{self.path} cannot be completed: {error}') from error

    def __exit__(self, *_: object) -> None:
        self.close()


def has_h264() -> bool:
    """Whether PyAV is installed and can write H.264."""
    try:
        import av
    except ImportError:
        return False
    return 'libx264' in av.codecs_available


class _OpenCvEncoder:
    """MPEG-4 Part 2 at a constant rate."""

    def __init__(self, path: Path, rate_hz: float, size: tuple[int, int]) -> None:
        self.words = (
            f'MPEG-4 Part 2 at {rate_hz:g} Hz, which browsers do not play; '
            f'for H.264: {install_hint("video")}'
        )
        code = cv2.VideoWriter_fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(path), code, rate_hz, size)
        if not self._writer.isOpened():
            raise ValueError(f'{path} cannot be written as an .mp4 video')

    def write(self, image_bgr: np.ndarray, stamp_s: float) -> None:
        self._writer.write(image_bgr)

    def close(self) -> None:
        self._writer.release()


class _H264Encoder:
    """H.264 in 4:2:0, the form that every browser plays; in the end the index stands first."""

    words = 'H.264'

    def __init__(self, path: Path, rate_hz: float, size: tuple[int, int]) -> None:
        import av

        self._path = path
        self._pad = size[0] % 2, size[1] % 2  # 4:2:0 has even sides
        try:
            self._file = av.open(str(path), 'w', format='mp4', options=FRAGMENTED)
            self._stream: Any = self._file.add_stream(
                'libx264', rate=Fraction(rate_hz).limit_denominator(1001), options=X264_OPTIONS
            )
            self._stream.width, self._stream.height = size[0] + self._pad[0], size[1] + self._pad[1]
            self._stream.pix_fmt = 'yuv420p'
            self._stream.codec_context.time_base = Fraction(1, TICKS_HZ)
            self._stream.codec_context.gop_size = KEY_FRAME_EVERY
            self._file.start_encoding()  # opens the file: not only at the first packet
        except (OSError, ValueError) as error:
            raise ValueError(f'{path} cannot be written as an .mp4 video: {error}') from error
        self._frame_of = av.VideoFrame.from_ndarray

    def write(self, image_bgr: np.ndarray, stamp_s: float) -> None:
        if any(self._pad):
            right, below = self._pad
            image_bgr = cv2.copyMakeBorder(image_bgr, 0, below, 0, right, cv2.BORDER_REPLICATE)
        frame = self._frame_of(np.ascontiguousarray(image_bgr), format='bgr24')
        frame.pts, frame.time_base = round(stamp_s * TICKS_HZ), Fraction(1, TICKS_HZ)
        self._mux(frame)

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._file.mux(packet)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            for packet in self._stream.encode(None):
                file.mux(packet)
        finally:
            file.close()
        _put_index_first(self._path)


def _put_index_first(path: Path) -> None:
    """Copies the images of a fragmented file into an ordinary one, in which players can seek."""
    import av

    ordinary = path.with_name(f'{path.stem}.ordinary.mp4')
    try:
        with (
            av.open(str(path)) as old,
            av.open(str(ordinary), 'w', options={'movflags': '+faststart'}) as new,
        ):
            stream = new.add_stream_from_template(old.streams.video[0])
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
        ordinary.replace(path)
    finally:
        ordinary.unlink(missing_ok=True)
