"""Episodes for the lost target: it goes and comes back, or a distractor crosses it. Deterministic.

Each begins with BEFORE frames of the scene. Then, by scenario:

* leave_same, leave_elsewhere, leave_scaled: painted out for 45 frames, then back where its own
  track has led, or with the whole view shifted as far as it goes (columns and rows wrap round, so
  nothing shows twice), or enlarged by 1.6 about the target (reduced where it would not fit).
* occlusion_5, occlusion_15, occlusion_60: covered by a patch of another scene for so many frames.
* cut: 45 frames of another video, then the scene goes on.
* crossing: a distractor (a mirrored, tinted copy of the target) passes over the target; the target
  is never absent, but frames on which half of it or more is hidden are not counted.

AFTER frames follow the return. Time runs on while the target is away; a short scene is played forth
and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import edits
from siamla_ros.evaluation.splice import FrameList, Scene, texture_patch

BEFORE, AWAY, AFTER = 40, 45, 60
CROSSING = 45  # frames that the distractor takes over CROSSING_SIDES box widths
CROSSING_SIDES = 2.5
LEAST_SHIFT = 1.5  # sides of the box; a shift below that is not elsewhere
ZOOM = 1.6
LARGEST_ZOOMED = 0.8  # of the image side

View = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Episode:
    """A sequence and what happens in it.

    Attributes:
        scenario: Its kind.
        sequence: Images and true boxes.
        gone: First frame without the target.
        back: First frame with it again.
        distractor_xywh: N x 4, where the distractor is; NaN without one.
    """

    scenario: str
    sequence: Sequence
    gone: int
    back: int
    distractor_xywh: np.ndarray


def _episode(
    scenario: str,
    scene: Scene,
    away: int,
    hidden: Callable[[int], np.ndarray],
    view: View = lambda image, box: (image, box),
) -> Episode:
    """BEFORE frames, `away` frames made by `hidden`, AFTER frames seen through `view`."""
    images, boxes = [], []
    back, total = BEFORE + away, BEFORE + away + AFTER
    for time in range(total):
        image, box = scene.frame(time)
        if BEFORE <= time < back:
            image = hidden(time)
        elif time >= back:
            image, box = view(image, box)
        images.append(image)
        boxes.append(box)
    times = np.arange(total)
    absent = (times >= BEFORE) & (times < back)
    sequence = Sequence(f'{scene.name}/{scenario}', FrameList(images), np.array(boxes), absent)
    return Episode(scenario, sequence, BEFORE, back, np.full((total, 4), np.nan))


def leave_same(scene: Scene, donor: Scene, seed: int) -> Episode:
    """Painted out, then back on its own track."""
    return _episode('leave_same', scene, AWAY, lambda t: edits.paint_out(*scene.frame(t)))


def leave_elsewhere(scene: Scene, donor: Scene, seed: int) -> Episode | None:
    """Painted out, then back with the view shifted; None where there is no room to shift."""
    boxes = np.array([scene.frame(BEFORE + AWAY + t)[1] for t in range(AFTER)])
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    room = np.array(scene.size_wh) - high
    choices = [(dx, dy) for dx in (-low[0], room[0]) for dy in (-low[1], room[1])]
    shift = np.trunc(max(choices, key=lambda move: np.hypot(*move))).astype(int)
    if np.hypot(*(shift / boxes[0, 2:])) < LEAST_SHIFT:
        return None

    def view(image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rolled = np.roll(image, (shift[1], shift[0]), axis=(0, 1))
        return rolled, np.concatenate([box[:2] + shift, box[2:]])

    def hidden(time: int) -> np.ndarray:
        return edits.paint_out(*scene.frame(time))

    return _episode('leave_elsewhere', scene, AWAY, hidden, view)


def leave_scaled(scene: Scene, donor: Scene, seed: int) -> Episode:
    """Painted out, then back larger (or smaller) with its whole surroundings."""
    boxes = np.array([scene.frame(BEFORE + AWAY + t)[1] for t in range(AFTER)])
    largest = (boxes[:, 2:] / scene.size_wh).max()
    zoom = ZOOM if largest * ZOOM < LARGEST_ZOOMED else 1 / ZOOM

    def view(image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        center = box[:2] + box[2:] / 2
        half = box[2:] * zoom / 2
        place = np.clip(center, half, np.maximum(scene.size_wh - half, half))
        # Continuous coordinates: pixel i has its center at i + 1/2.
        offset = place - zoom * center + (zoom - 1) / 2
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        border = cv2.BORDER_REPLICATE
        seen = cv2.warpAffine(
            image, matrix, scene.size_wh, flags=cv2.INTER_LINEAR, borderMode=border
        )
        return seen, np.concatenate([place - half, box[2:] * zoom])

    def hidden(time: int) -> np.ndarray:
        return edits.paint_out(*scene.frame(time))

    return _episode('leave_scaled', scene, AWAY, hidden, view)


def occlusion(frames: int) -> Callable[[Scene, Scene, int], Episode]:
    """Covered by a patch of another scene for so many frames."""

    def make(scene: Scene, donor: Scene, seed: int) -> Episode:
        patch = texture_patch(donor, seed)
        name = f'occlusion_{frames}'
        return _episode(name, scene, frames, lambda t: edits.cover(*scene.frame(t), patch))

    return make


def cut(scene: Scene, donor: Scene, seed: int) -> Episode:
    """Another video, then the scene again."""

    def other(time: int) -> np.ndarray:
        return edits.fit(donor.frame(time - BEFORE)[0], scene.size_wh)

    return _episode('cut', scene, AWAY, other)


def crossing(scene: Scene, donor: Scene, seed: int) -> Episode:
    """A distractor passes over the target and out of its neighborhood; nothing is absent."""
    total = BEFORE + CROSSING + AFTER
    copy = edits.mirrored_copy(*scene.frame(0))
    images, boxes, distractors = [], [], []
    for time in range(total):
        image, box = scene.frame(time)
        step = (time - BEFORE) / CROSSING
        distractor = np.concatenate(
            [box[:2] + (CROSSING_SIDES * (1 - 2 * step) * box[2], 0), box[2:]]
        )
        images.append(image if step < 0 else edits.paste(image, copy, distractor))
        boxes.append(box if step < 0 or abs(1 - 2 * step) * CROSSING_SIDES >= 0.5 else [np.nan] * 4)
        distractors.append([np.nan] * 4 if step < 0 else distractor)
    sequence = Sequence(f'{scene.name}/crossing', FrameList(images), np.array(boxes))
    return Episode('crossing', sequence, total, total, np.array(distractors, np.float64))


SCENARIOS: dict[str, Callable[[Scene, Scene, int], Episode | None]] = {
    'leave_same': leave_same,
    'leave_elsewhere': leave_elsewhere,
    'leave_scaled': leave_scaled,
    'occlusion_5': occlusion(5),
    'occlusion_15': occlusion(15),
    'occlusion_60': occlusion(60),
    'cut': cut,
    'crossing': crossing,
}


def episodes(
    scene: Scene, donor: Scene, seed: int, names: tuple[str, ...] = tuple(SCENARIOS)
) -> Iterator[Episode]:
    """The episodes that this scene has room for."""
    for name in names:
        episode = SCENARIOS[name](scene, donor, seed)
        if episode is not None:
            yield episode
