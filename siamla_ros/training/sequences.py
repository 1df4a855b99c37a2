"""Synthetic validation videos: held-out cut-outs move over a photograph, and for a while they are
gone.

Made for what single pairs cannot show: thresholds of the supervisor, calibration of the confidence
while the target is absent, and inference parameters that act over time. Deterministic: scene ``i``
is a function of (seed, i).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import Pack, Record, read_image
from siamla_ros.training import composite
from siamla_ros.training.augment import Image, Light, cover, degrade

ABSENCES = ('none', 'covered', 'removed', 'cut')
SIZE = (480, 360)


@dataclass(frozen=True)
class Frame:
    """One frame: BGR image, the target's xywh box (where it is or would be), and whether it can be
    seen.
    """

    image: Image
    box_xywh: tuple[float, float, float, float]
    present: bool


@dataclass
class _Mover:
    """A cut-out with smooth random motion, size, aspect and attitude."""

    cutout: tuple[Image, NDArray[np.float32]]
    path: NDArray[np.float64]  # (N, 5): center x, y, width, height, angle in degrees


def scenes(
    pack: Pack, count: int, seed: int, frames: int = 90
) -> Iterator[tuple[str, Iterator[Frame]]]:
    """``count`` named videos of ``frames`` frames, cycling through the ways of being absent."""
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        absence = ABSENCES[index % len(ABSENCES)]
        yield f'{absence}_{index:03d}', _scene(pack, rng, absence, frames)


def _scene(pack: Pack, rng: np.random.Generator, absence: str, count: int) -> Iterator[Frame]:
    target = pack.cutouts[int(rng.integers(len(pack.cutouts)))]
    movers = [_mover(target, rng, count)]
    alike = [r for r in pack.cutouts if r.dataset == target.dataset and r.track != target.track]
    for _ in range(int(rng.integers(0, 3))):
        movers.append(_mover(alike[int(rng.integers(len(alike)))], rng, count))
    stage, other = _stage(pack, rng), _stage(pack, rng)
    pan = _smooth(rng, count, 2, 40.0)
    start = int(rng.integers(count // 3, count // 2))
    gone = (
        range(start, start + int(rng.integers(10, count // 3))) if absence != 'none' else range(0)
    )
    light, patch = Light.draw(rng, 0.6), rng.integers(0, 2**31)
    for t in range(count):
        scenery = other if absence == 'cut' and t in gone else stage
        image = _view(scenery, pan[t])
        yield _draw(
            image,
            movers,
            t,
            absence if t in gone else 'none',
            scenery is other,
            light,
            int(patch),
            rng,
        )


def _draw(
    image: Image,
    movers: list[_Mover],
    t: int,
    absence: str,
    is_cut: bool,
    light: Light,
    patch: int,
    rng: np.random.Generator,
) -> Frame:
    for mover in movers[1:]:
        if not is_cut:
            composite.place(image, mover.cutout, *mover.path[t])
    canvas = image if absence in ('none', 'covered') else image.copy()
    x0, y0, x1, y1 = composite.place(canvas, movers[0].cutout, *movers[0].path[t])
    if absence == 'covered':  # the same generator every frame: the occluder does not flicker
        cover(image, (x0, y0, x1, y1), image[::-1, ::-1].copy(), np.random.default_rng(patch))
    image = degrade(light.apply(image), rng, 0.15)
    return Frame(image, (x0, y0, x1 - x0, y1 - y0), absence == 'none')


def _mover(record: Record, rng: np.random.Generator, count: int) -> _Mover:
    cutout = composite.load_cutout(record)
    if cutout is None:
        raise ValueError(f'{record.mask_path}: the mask is empty')
    h, w = cutout[1].shape
    scale = rng.uniform(30, 110) / (h * w) ** 0.5
    center = rng.uniform((0.2 * SIZE[0], 0.2 * SIZE[1]), (0.8 * SIZE[0], 0.8 * SIZE[1]))
    places = np.clip(center + _smooth(rng, count, 2, 110.0), (30, 30), (SIZE[0] - 30, SIZE[1] - 30))
    sizes = np.exp(_smooth(rng, count, 1, 0.25) + _smooth(rng, count, 2, 0.06)) * (
        w * scale,
        h * scale,
    )
    return _Mover(cutout, np.concatenate([places, sizes, _smooth(rng, count, 1, 12.0)], 1))


def _smooth(
    rng: np.random.Generator, count: int, dimensions: int, spread: float
) -> NDArray[np.float64]:
    """(count, dimensions) smooth curves that start at 0 and wander about ``spread`` far."""
    knots = rng.normal(0, spread, (max(count // 18, 4), dimensions))
    knots[0] = 0
    curve = cv2.resize(knots, (dimensions, count), interpolation=cv2.INTER_CUBIC).reshape(
        count, dimensions
    )
    return curve - curve[0]


def _stage(pack: Pack, rng: np.random.Generator) -> Image:
    photo = read_image(pack.photos[int(rng.integers(len(pack.photos)))])
    factor = 1.35 * max(SIZE[0] / photo.shape[1], SIZE[1] / photo.shape[0])
    return cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)


def _view(stage: Image, pan: NDArray[np.float64]) -> Image:
    x = int(np.clip((stage.shape[1] - SIZE[0]) / 2 + pan[0], 0, stage.shape[1] - SIZE[0]))
    y = int(np.clip((stage.shape[0] - SIZE[1]) / 2 + pan[1], 0, stage.shape[0] - SIZE[1]))
    return stage[y : y + SIZE[1], x : x + SIZE[0]].copy()
