"""Films in which a target leaves and comes back elsewhere, and where it truly is. Free of ROS."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

Box = tuple[float, float, float, float]

# The woman in red in vtest.avi: boxes by hand, linear in between, by number of the frame.
RED_KEYS: dict[int, Box] = {
    428: (709, 272, 30, 107),
    432: (675, 266, 32, 104),
    436: (647, 260, 31, 104),
    440: (623, 255, 28, 100),
    448: (578, 244, 31, 100),
    456: (536, 232, 31, 95),
    464: (494, 221, 31, 92),
    472: (450, 212, 27, 88),
    640: (169, 162, 27, 68),
    651: (230, 156, 25, 67),
    662: (275, 153, 32, 71),
    673: (347, 151, 25, 65),
    684: (405, 146, 25, 64),
    695: (455, 138, 22, 67),
    706: (499, 132, 22, 66),
    717: (545, 127, 24, 61),
    728: (586, 120, 24, 62),
    739: (623, 116, 18, 59),
    750: (663, 115, 25, 60),
    761: (687, 122, 22, 64),
    772: (682, 129, 25, 66),
    783: (660, 137, 27, 69),
    794: (656, 145, 22, 72),
}
# What is shown of vtest.avi, in this order; the target is missing from the piece in the middle,
# and four or five other people are in every piece. Not range(100, 175) in the middle: a man in red
# and blue stands where she was, is confirmed for 75 images and may then be taken for her.
PIECES = (range(380, 472), range(0, 75), range(640, 795))
INIT_FRAME = 430


@dataclass(frozen=True)
class Film:
    """Images HxWx3 uint8 BGR, and the target's box in each: None where it is not in the picture.

    Attributes:
        init_index: Image on which the target is named.
        left_index, back_index: First image without it after that, first image with it again.
    """

    images: list[np.ndarray]
    truth_xywh: list[Box | None]
    init_index: int
    label: str

    @property
    def left_index(self) -> int:
        return next(
            i for i in range(self.init_index, len(self.images)) if self.truth_xywh[i] is None
        )

    @property
    def back_index(self) -> int:
        return next(
            i for i in range(self.left_index, len(self.images)) if self.truth_xywh[i] is not None
        )


def spliced(path: Path) -> Film:
    """The woman in red in vtest.avi walks off; a cut to a time before she came; a cut to when she
    comes back, smaller and elsewhere.

    Raises:
        ValueError: Not that video.
    """
    last = max(piece.stop for piece in PIECES)
    frames = _read(path, last)
    if len(frames) < last or frames[0].shape != (576, 768, 3):
        raise ValueError(
            f'{path} is not vtest.avi: {len(frames)} frames, must have {last} of 768x576'
        )
    order = [number for piece in PIECES for number in piece]
    return Film(
        [frames[number] for number in order],
        [between(RED_KEYS, n) for n in order],
        order.index(INIT_FRAME),
        'person',
    )


def generated(side: int = 24, images: tuple[int, int, int] = (30, 45, 90)) -> Film:
    """A red square on gray noise: it moves, is gone, and comes back in another corner. Blue squares
    of the same size stand about all the time.
    """
    shown, gone, back = images
    truth = [(40.0 + 2 * i, 100.0, side, side) for i in range(shown)] + [None] * gone
    truth += [(270.0 - 2 * i, 150.0, side, side) for i in range(back)]
    noise = np.random.default_rng(3).integers(80, 120, (240, 320, 1), dtype=np.uint8)
    pictures = []
    for box in truth:
        image = noise.repeat(3, axis=2)
        for x, y, w, h in decoys(side):
            image[int(y) : int(y + h), int(x) : int(x + w)] = (200, 60, 20)
        if box is not None:
            x, y, w, h = (int(value) for value in box)
            image[y : y + h, x : x + w] = (20, 30, 230)
        pictures.append(image)
    return Film(pictures, truth, 5, 'square')


def decoys(side: int = 24) -> list[Box]:
    """The blue squares of `generated`: the first one stands where the red one leaves."""
    return [(110.0, 60.0, side, side), (20.0, 200.0, side, side), (280.0, 20.0, side, side)]


def between(keys: dict[int, Box], number: int) -> Box | None:
    """The box in a frame, on a line between the keys before and after it; None outside of them and
    where keys are more than 20 frames apart.
    """
    for before, after in pairwise(sorted(keys)):
        if before <= number <= after and after - before <= 20:
            share = (number - before) / (after - before)
            return tuple(
                float((1 - share) * a + share * b) for a, b in zip(keys[before], keys[after])
            )
    return None


def overlap(a: Iterable[float], b: Iterable[float]) -> float:
    """Intersection over union of two boxes x, y, w, h."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a, b
    w = min(ax + aw, bx + bw) - max(ax, bx)
    h = min(ay + ah, by + bh) - max(ay, by)
    shared = max(w, 0.0) * max(h, 0.0)
    return shared / (aw * ah + bw * bh - shared)


def _read(path: Path, limit: int) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while len(frames) < limit:
        there, image = capture.read()
        if not there:
            break
        frames.append(image)
    capture.release()
    return frames
