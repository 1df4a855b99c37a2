"""One annotated sequence: a name, frames that are read lazily, and one ground-truth box a frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from siamla_ros.datasets.image_files import read_image
from siamla_ros.datasets.video import FrameSource


class DatasetError(ValueError):
    """A dataset file is missing or damaged; the message names the file, and the line if any."""


class Frames(Protocol):
    """Anything that can be read from its first frame again and again."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames in order, each H x W x 3 uint8 BGR."""
        ...


@dataclass(frozen=True)
class VideoFrames:
    """The frames of a video file, from number `start` on, at most `count` of them."""

    path: Path
    start: int = 0
    count: int | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        stop = None if self.count is None else self.start + self.count
        try:
            with FrameSource(self.path) as source:
                yield from itertools.islice(source, self.start, stop)
        except ValueError as error:  # it is no video
            raise DatasetError(str(error)) from error


@dataclass(frozen=True)
class ImageFrames:
    """One image file a frame."""

    paths: tuple[Path, ...]

    def __iter__(self) -> Iterator[np.ndarray]:
        for path in self.paths:
            try:
                image = read_image(path)
            except ValueError as error:
                raise DatasetError(str(error)) from error
            yield image


@dataclass(frozen=True)
class Sequence:
    """A target in a sequence.

    Attributes:
        boxes_xywh: N x 4 float64, pixels, half-open, one row a frame; NaN where the target is
            absent or not annotated.
        absent: N bool; true where the target is known not to be visible.
        origin_px: What the benchmark calls its first column and row; result files count from it.
    """

    name: str
    source: Frames
    boxes_xywh: np.ndarray
    absent: np.ndarray = field(default=None)  # type: ignore[assignment]
    origin_px: float = 0.0

    def __post_init__(self) -> None:
        boxes = normalize_boxes(self.boxes_xywh, self.name)
        absent = (
            np.zeros(len(boxes), bool) if self.absent is None else np.asarray(self.absent, bool)
        )
        if absent.shape != (len(boxes),):
            raise DatasetError(f'{self.name}: {len(boxes)} boxes but {absent.size} absence flags')
        boxes[absent] = np.nan
        if np.isnan(boxes[0]).any():
            raise DatasetError(
                f'{self.name}: the first frame has no box, so nothing can be initialized'
            )
        object.__setattr__(self, 'boxes_xywh', boxes)
        object.__setattr__(self, 'absent', absent)

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    @property
    def init_box_xywh(self) -> tuple[float, float, float, float]:
        """The box of the first frame."""
        return tuple(float(v) for v in self.boxes_xywh[0])  # type: ignore[return-value]

    def frames(self) -> Iterator[np.ndarray]:
        """Yield one frame a ground-truth row; DatasetError when there are fewer or more."""
        count = 0
        for image in self.source:
            if count == len(self):
                raise DatasetError(
                    f'{self.name}: more frames than its {len(self)} ground-truth rows'
                )
            count += 1
            yield image
        if count != len(self):
            raise DatasetError(
                f'{self.name}: {len(self)} ground-truth rows but only {count} frames could be read'
            )


@dataclass(frozen=True)
class Entry:
    """A folder or file of a dataset whose targets are not read yet.

    Attributes:
        name: Of the sequence, or what the names of its targets begin with.
        read: Its sequences; DatasetError where a file is missing or damaged.
    """

    name: str
    read: Callable[[], Iterable[Sequence]]


def normalize_boxes(boxes_xywh: np.ndarray, name: str) -> np.ndarray:
    """Copy as N x 4 float64, NaN where not finite or empty; DatasetError on a wrong shape."""
    boxes = np.array(boxes_xywh, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) == 0:
        raise DatasetError(f'{name}: boxes must be N x 4 with N > 0, got shape {boxes.shape}')
    bad = ~np.isfinite(boxes).all(1) | ~(boxes[:, 2:] > 0).all(1)
    boxes[bad] = np.nan
    return boxes
