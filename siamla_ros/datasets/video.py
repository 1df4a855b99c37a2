"""Frames from a video file, a folder of images, a camera or a stream."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from siamla_ros.datasets.image_files import IMAGE_SUFFIXES, image_files, read_image

FALLBACK_RATE_HZ = 30.0
READ_ATTEMPTS = 50  # reads in a row that may fail in the middle of a file
CAMERA = re.compile(r'\d+|/dev/video\d+')
URL = re.compile(r'[a-z][a-z0-9+.-]*://', re.IGNORECASE)
PIPELINE = ' ! '

logger = logging.getLogger(__name__)


class SourceError(ValueError):
    """A camera or stream that stopped delivering frames."""


class SourceFrame(NamedTuple):
    """A frame: its number in the source from 0, its time in seconds, and HxWx3 uint8 BGR."""

    number: int
    stamp_s: float
    image: np.ndarray


class FrameSource(AbstractContextManager):
    """Iterates over the frames of a source, HxWx3 uint8 BGR, from its beginning to its end.

    Damaged frames in the middle of a file, and files of a folder that are no images, are skipped,
    counted in `missing` and reported as a warning; the frames after them keep their numbers. A
    camera or a live stream has no end: when it stops, that is a `SourceError`.

    Args:
        source: Path of a video file; path of a folder of images (read in natural order, 2 before
            10); number of a camera or /dev/videoN; URL (rtsp://, http://, ...); or a GStreamer
            pipeline that ends in appsink.

    Raises:
        ValueError: There is nothing of the kind, or it cannot be read.
    """

    def __init__(self, source: str | Path) -> None:
        self.source = str(source)
        self.is_camera = CAMERA.fullmatch(self.source) is not None
        self.missing = 0
        self._paths: list[Path] = []
        self._capture: cv2.VideoCapture | None = None
        if not self.source:
            raise ValueError('source is empty, must be a file, a folder, a camera or a URL')
        if not self.is_camera and Path(self.source).is_dir():
            self._paths = image_files(Path(self.source))
            if not self._paths:
                raise ValueError(f'{self.source} holds no image ({", ".join(IMAGE_SUFFIXES)})')
        else:
            self._capture = self._open()

    def _open(self) -> cv2.VideoCapture:
        if self.is_camera:
            capture = cv2.VideoCapture(int(re.sub(r'\D', '', self.source)))
        elif PIPELINE in self.source:
            capture = cv2.VideoCapture(self.source, cv2.CAP_GSTREAMER)
        elif URL.match(self.source) or Path(self.source).is_file():
            capture = cv2.VideoCapture(self.source)
        else:
            raise ValueError(f'{self.source} is no file, no folder, no camera and no URL')
        if not capture.isOpened():
            capture.release()
            kind = 'camera' if self.is_camera else 'file' if not self._is_remote else 'stream'
            raise ValueError(f'{kind} {self.source} cannot be opened as a video')
        return capture

    @property
    def _is_remote(self) -> bool:
        return PIPELINE in self.source or URL.match(self.source) is not None

    @property
    def rate_hz(self) -> float:
        """The source's own frame rate; 30 where it states none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS) if self._capture is not None else 0.0
        return rate if 0.0 < rate < 1000.0 else FALLBACK_RATE_HZ

    @property
    def count(self) -> int:
        """Frames that the source states to have; 0 where it does not know: cameras, streams."""
        if self._capture is None:
            return len(self._paths)
        if self.is_camera:
            return 0
        return max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)

    @property
    def is_live(self) -> bool:
        """Whether it has no end: a camera, or a live stream."""
        return self._capture is not None and self.count == 0

    def __iter__(self) -> Iterator[np.ndarray]:
        return (frame.image for frame in self.frames())

    def frames(self) -> Iterator[SourceFrame]:
        """Frames with their numbers and times; a file starts at its beginning each time.

        Raises:
            SourceError: A camera or live stream stopped.
            ValueError: No image of a folder can be read.
        """
        self.missing = 0
        if self._capture is None:
            yield from self._folder_frames()
        elif self.is_live:
            yield from self._live_frames(self._capture)
        else:
            yield from self._file_frames(self._capture)

    def _folder_frames(self) -> Iterator[SourceFrame]:
        for number, path in enumerate(self._paths):
            try:
                image = read_image(path)
            except ValueError as error:
                self.missing += 1
                if self.missing == len(self._paths):
                    raise ValueError(
                        f'none of {self.missing} images can be read: {error}'
                    ) from error
                logger.warning('skipped: %s', error)
                continue
            yield SourceFrame(number, number / FALLBACK_RATE_HZ, image)
        if self.missing:
            logger.warning(
                '%s: %d of %d images cannot be read and were skipped',
                self.source,
                self.missing,
                len(self._paths),
            )

    def _live_frames(self, capture: cv2.VideoCapture) -> Iterator[SourceFrame]:
        began_s, number = time.monotonic(), 0
        while True:
            there, image = capture.read()
            if not there:
                raise SourceError(f'{self.source} stopped after {number} frames: unplugged?')
            yield SourceFrame(number, time.monotonic() - began_s, image)
            number += 1

    def _file_frames(self, capture: cv2.VideoCapture) -> Iterator[SourceFrame]:
        capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        clock, count = _FrameClock(self.rate_hz), self.count
        failures = 0
        while True:
            there, image = capture.read()
            if not there:
                failures += 1
                if failures == READ_ATTEMPTS or clock.number + 1 >= count:
                    break
                continue
            failures = 0
            self.missing += clock.advance(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
            yield SourceFrame(clock.number, clock.stamp_s, image)
        cut = count - clock.number - 1
        # Some containers state a length that is estimated: a frame or two less is no damage.
        self.missing += cut if cut > max(2, count // 100) else 0
        if self.missing:
            logger.warning(
                '%s: %d of %d frames are damaged and were skipped', self.source, self.missing, count
            )

    def close(self) -> None:
        """Gives the file or the camera back; the source cannot be read any more."""
        if self._capture is not None:
            self._capture.release()

    def __exit__(self, *_: object) -> None:
        self.close()


class _FrameClock:
    """Numbers of decoded frames, by their times as long as these lie on the file's frame rate.

    A decoder drops damaged frames without a word; only the times show it. In a file of variable
    frame rate the times say nothing about missing frames, and frames are counted.
    """

    def __init__(self, rate_hz: float) -> None:
        self.number, self.stamp_s = -1, 0.0
        self._rate_hz, self._first_s, self._regular = rate_hz, 0.0, True

    def advance(self, stamp_s: float) -> int:
        """Take the time of the next decoded frame; returns how many are missing before it."""
        if self.number < 0:
            self._first_s = stamp_s
        slot = (stamp_s - self._first_s) * self._rate_hz
        expected = self.number + 1
        self._regular &= abs(slot - round(slot)) < 0.1 and round(slot) >= expected
        missing = round(slot) - expected if self._regular else 0
        self.number = expected + missing
        # Some files have no times: then the frame rate gives them.
        self.stamp_s = stamp_s if stamp_s > self.stamp_s else self.number / self._rate_hz
        return missing
