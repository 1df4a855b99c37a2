"""Sequences in which the target vanishes, made from annotated ones; the same seed gives the same.

Each begins with VISIBLE_FRAMES of the scene and ends with ABSENT_FRAMES without the target:

* cut: the video changes to another scene.
* painted_out: the target is painted over in its own scene, which goes on.
* occluded: a patch of another scene covers the target and moves with it.
* distractor: one (a mirrored, tinted copy of the target) is beside the target all the time,
  the target is painted out at the change. Absent means that the target is gone, though the
  distractor is still there: a tracker that settles on the distractor with confidence is wrong.

A short scene is played forth and back until it is long enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import edits

VISIBLE_FRAMES, ABSENT_FRAMES = 40, 40
LARGEST_SHARE = 0.5  # of the image that a target may fill
SCENE_FRAMES = 120  # of a sequence that are kept in memory


@dataclass(frozen=True)
class FrameList:
    """Frames in memory."""

    images: list[np.ndarray]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.images)


@dataclass(frozen=True)
class Scene:
    """The beginning of an annotated sequence in memory; boxes_xywh: N x 4, one true box a frame."""

    name: str
    images: list[np.ndarray]
    boxes_xywh: np.ndarray

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the frames."""
        return self.images[0].shape[1], self.images[0].shape[0]

    def frame(self, time: int) -> tuple[np.ndarray, np.ndarray]:
        """Image and true box at a time, the scene being played forth and back."""
        turn = max(1, 2 * len(self.images) - 2)
        index = time % turn
        index = min(index, turn - index) if len(self.images) > 1 else 0
        return self.images[index], self.boxes_xywh[index]


def load_scene(sequence: Sequence, limit: int) -> Scene:
    """Up to `limit` frames from the beginning, as far as every one has a true box.

    It also ends where the target fills more than LARGEST_SHARE of the image: nothing of the scene
    would be left to paint it over with. ValueError when that is so from the first frame on.
    """
    images: list[np.ndarray] = []
    for image, box in zip(sequence.source, sequence.boxes_xywh[:limit]):
        if not box[2] * box[3] <= LARGEST_SHARE * image.shape[0] * image.shape[1]:  # or NaN
            break
        images.append(image)
    if not images:
        raise ValueError(f'{sequence.name}: its first box fills more than {LARGEST_SHARE:.0%}')
    return Scene(sequence.name, images, sequence.boxes_xywh[: len(images)])


def same_footage(a: Scene, b: Scene) -> bool:
    """Whether two scenes come from the same video (other targets in it), by their first frame."""
    first, second = a.images[0], b.images[0]
    if first.shape != second.shape:
        return False
    return float(cv2.absdiff(first, second).mean()) < 5.0


def donor_of(scene: Scene, scenes: list[Scene], seed: int) -> Scene:
    """Another scene, chosen by the seed and the scene's name; ValueError when there is none."""
    others = [other for other in scenes if not same_footage(scene, other)]
    if not others:
        raise ValueError(f'{scene.name}: splicing needs a second video among the sequences')
    rng = generator(scene.name, seed)
    return others[int(rng.integers(len(others)))]


def generator(name: str, seed: int) -> np.random.Generator:
    """Random numbers that depend on the seed and on a name, not on the order of work."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def texture_patch(donor: Scene, seed: int) -> np.ndarray:
    """A third of a donor's first frame, somewhere in it, as the texture of an occluder."""
    width, height = donor.size_wh
    rng = generator(donor.name, seed)
    left = int(rng.integers(width - width // 3 + 1))
    top = int(rng.integers(height - height // 3 + 1))
    return donor.images[0][top : top + height // 3, left : left + width // 3]


def beside(scene: Scene, frames: int) -> np.ndarray:
    """Where there is most room for a distractor: its offset from the target in sides of the box."""
    width, height = scene.size_wh
    boxes = np.array([scene.frame(time)[1] for time in range(frames)])
    shares = []
    offsets = np.array([(1.25, 0.0), (-1.25, 0.0), (0.0, 1.25), (0.0, -1.25)])
    for offset in offsets:
        corner = boxes[:, :2] + offset * boxes[:, 2:]
        inside = np.minimum(corner + boxes[:, 2:], (width, height)) - np.maximum(corner, 0.0)
        shares.append((np.clip(inside, 0, None) / boxes[:, 2:]).prod(1).mean())
    return offsets[int(np.argmax(shares))]


def displaced(box_xywh: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The box moved by multiples of its sides."""
    return np.concatenate([box_xywh[:2] + offset * box_xywh[2:], box_xywh[2:]])


def _assemble(
    scene: Scene,
    kind: str,
    visible: Callable[[int], np.ndarray],
    gone: Callable[[int], np.ndarray],
) -> Sequence:
    total = VISIBLE_FRAMES + ABSENT_FRAMES
    images = [visible(t) if t < VISIBLE_FRAMES else gone(t) for t in range(total)]
    boxes = np.array([scene.frame(t)[1] for t in range(total)])
    absent = np.arange(total) >= VISIBLE_FRAMES
    return Sequence(f'{scene.name}/{kind}', FrameList(images), boxes, absent)


def cut(scene: Scene, donor: Scene, seed: int) -> Sequence:
    """The video changes to another scene."""
    return _assemble(
        scene,
        'cut',
        lambda t: scene.frame(t)[0],
        lambda t: edits.fit(donor.frame(t - VISIBLE_FRAMES)[0], scene.size_wh),
    )


def painted_out(scene: Scene, donor: Scene, seed: int) -> Sequence:
    """The target is painted over in its own scene."""
    return _assemble(
        scene,
        'painted_out',
        lambda t: scene.frame(t)[0],
        lambda t: edits.paint_out(*scene.frame(t)),
    )


def occluded(scene: Scene, donor: Scene, seed: int) -> Sequence:
    """A patch of another scene covers the target."""
    patch = texture_patch(donor, seed)
    return _assemble(
        scene,
        'occluded',
        lambda t: scene.frame(t)[0],
        lambda t: edits.cover(*scene.frame(t), patch),
    )


def distractor(scene: Scene, donor: Scene, seed: int) -> Sequence:
    """A distractor stays beside the target's place, the target is painted out."""
    offset = beside(scene, VISIBLE_FRAMES + ABSENT_FRAMES)

    def with_distractor(time: int, gone: bool) -> np.ndarray:
        image, box = scene.frame(time)
        copy = edits.mirrored_copy(image, box)
        return edits.paste(
            edits.paint_out(image, box) if gone else image, copy, displaced(box, offset)
        )

    return _assemble(
        scene, 'distractor', lambda t: with_distractor(t, False), lambda t: with_distractor(t, True)
    )


KINDS: dict[str, Callable[[Scene, Scene, int], Sequence]] = {
    'cut': cut,
    'painted_out': painted_out,
    'occluded': occluded,
    'distractor': distractor,
}
