"""Frames from a video file, a folder of images or a camera; frames into a video file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
FALLBACK_RATE_HZ = 30.0


class FrameSource:
    """Iterates over the frames of a source, HxWx3 uint8 BGR, from its beginning to its end.

    :param source: path of a video file, path of a folder of images (read in order of their names),
        or the number of a camera
    :raises ValueError: there is nothing of the kind, or it cannot be read
    """

    def __init__(self, source: str | Path) -> None:
        self.source = str(source)
        self.is_camera = self.source.isdigit()
        self._paths: list[Path] = []
        self._capture: cv2.VideoCapture | None = None
        if Path(self.source).is_dir():
            self._paths = sorted(
                path
                for path in Path(self.source).iterdir()
                if path.suffix.lower() in IMAGE_SUFFIXES
            )
            if not self._paths:
                raise ValueError(f'{self.source} holds no image ({", ".join(IMAGE_SUFFIXES)})')
        elif self.is_camera or Path(self.source).is_file():
            self._capture = cv2.VideoCapture(int(source) if self.is_camera else self.source)
            if not self._capture.isOpened():
                self.close()
                kind = 'camera' if self.is_camera else 'file'
                raise ValueError(f'{kind} {self.source} cannot be opened as a video')
        else:
            raise ValueError(f'{self.source} is no file, no folder and no camera number')

    @property
    def rate_hz(self) -> float:
        """The source's own frame rate; 30 where it states none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS) if self._capture is not None else 0.0
        return rate if 0.0 < rate < 1000.0 else FALLBACK_RATE_HZ

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._capture is None:
            yield from map(_read_image, self._paths)
            return
        if not self.is_camera:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        while True:
            there, image = self._capture.read()
            if not there:
                return
            yield image

    def close(self) -> None:
        """Gives the file or the camera back; the source cannot be read any more."""
        if self._capture is not None:
            self._capture.release()

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read_image(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path} is not a readable image')
    return image


class FrameSink:
    """Writes frames into an .mp4 file whose size is that of the first frame.

    :param path: the file; it is complete only after `close` or the end of a `with` block
    :param rate_hz: frames a second at which the video plays
    """

    def __init__(self, path: str | Path, rate_hz: float = FALLBACK_RATE_HZ) -> None:
        self.path = Path(path)
        self.count = 0
        self._rate_hz = rate_hz
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image_bgr: np.ndarray) -> None:
        """Appends an image, HxWx3 uint8; one of another size is scaled.

        :raises ValueError: the file cannot be written
        """
        if self._writer is None:
            self._open((image_bgr.shape[1], image_bgr.shape[0]))
        if (image_bgr.shape[1], image_bgr.shape[0]) != self._size:
            image_bgr = cv2.resize(image_bgr, self._size)
        self._writer.write(image_bgr)
        self.count += 1

    def _open(self, size: tuple[int, int]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self.path), code, self._rate_hz, size)
        if not writer.isOpened():
            raise ValueError(f'{self.path} cannot be written as an .mp4 video')
        self._writer, self._size = writer, size

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def __enter__(self) -> FrameSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
