"""Episodes on which thresholds are chosen: never those that results are reported on.

* synthetic: held-out cut-outs of the training pack move over photographs, others of their kind
  beside them (`training.sequences`), and are covered, removed or cut away for a while.
* clips: unlabeled videos, on which the tracker's own confident track is the truth
  (data/validation_clips.csv says where it is right). They are edited as in the benchmark of the
  lost target; in `lured` somebody else walks about while the target is away, and stays.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import edits, scenarios, splice
from siamla_ros.evaluation.scenarios import AWAY, BEFORE, Episode
from siamla_ros.evaluation.splice import FrameList, Scene
from siamla_ros.model.checkpoint import WeightsError
from siamla_ros.tracker.tracker import Tracker, load_tracker

WIDTH_PX = 480
LEAST_CONFIDENCE = 0.5  # below it the tracker's own track is no truth
SCENARIOS = ('leave_elsewhere', 'leave_scaled', 'occlusion_15', 'cut')
SYNTHETIC_FRAMES = 115
LURE_STEP_PX = 0.5  # a frame at 30 Hz
LURE_HUE = 18  # OpenCV hue steps, on top of those of a likeness
TABLE = Path(__file__).resolve().parents[1] / 'data' / 'validation_clips.csv'


@dataclass(frozen=True)
class Material:
    """Where validation episodes come from.

    :param data: training pack, of which held-out objects are used; None: no synthetic episodes
    :param clips: folder of unlabeled clips; None: none of them
    :param table: CSV of the targets in the clips
    :param synthetic: number of synthetic episodes
    :param every: take every n-th episode only
    """

    data: Path | None
    clips: Path | None
    table: Path = TABLE
    synthetic: int = 24
    every: int = 1
    seed: int = 5


def validation_episodes(
    material: Material, tracker: Tracker, names: tuple[str, ...] = SCENARIOS, step: int = 1
) -> Iterator[Episode]:
    """The synthetic ones, then those of the clips, as far as there is material for them.

    step: as a camera shows them that takes every so many-th frame only. Episodes of clips have
    as many frames as ever, of which the target is away for as many; synthetic ones have fewer.

    Raises ValueError for a clip that cannot be read.
    """
    parts: list[Iterable[Episode]] = []
    if material.data:
        made = synthetic_episodes(material.data, material.synthetic, material.seed)
        parts.append(_slowed(episode, step) for episode in made)
    if material.clips:
        whole = clip_scenes(material.clips, material.table, tracker)
        scenes = [Scene(s.name, s.images[::step], s.boxes_xywh[::step]) for s in whole]
        parts.append(clip_episodes(scenes, material.seed, names, step))
    return itertools.islice(itertools.chain(*parts), 0, None, material.every)


def add_arguments(parser: argparse.ArgumentParser, seed: int) -> None:
    """Declare what :class:`Material` holds, and with which network its episodes are played."""
    parser.add_argument('--data', type=Path, help='training pack, for synthetic episodes')
    parser.add_argument('--clips', type=Path, help='folder of unlabeled clips')
    parser.add_argument('--table', type=Path, default=TABLE, help='CSV of their targets')
    parser.add_argument('--synthetic', type=int, default=24, help='synthetic episodes')
    parser.add_argument('--every', type=int, default=1, help='take every n-th episode only')
    parser.add_argument('--seed', type=int, default=seed)
    parser.add_argument('--model', default='default', help='name or checkpoint')
    parser.add_argument('--threads', type=int, default=2, help='of the network')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')


def material_of(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Material:
    """The material that a command line names; ends the program when it names none."""
    if not (args.data or args.clips):
        parser.error('neither --data nor --clips is given, at least one is needed')
    return Material(*(getattr(args, item.name) for item in fields(Material)))


def tracker_of(args: argparse.Namespace) -> Tracker:
    """The tracker that a command line names, on the CPU.

    Raises ValueError for weights that cannot be read.
    """
    try:
        return load_tracker(args.model, 'cpu', threads=args.threads)
    except WeightsError as error:
        raise ValueError(f'--model: {error}') from error


def clip_scenes(clips: Path, table: Path, tracker: Tracker) -> list[Scene]:
    """The scenes of the table, as far as the tracker follows them confidently.

    Raises ValueError for a clip that cannot be read.
    """
    with open(table, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith('#')))
    scenes = []
    for number, row in enumerate(rows):
        images = _frames(clips / f'{row["clip"]}.mp4', int(row['frames']))
        box = tuple(float(row[name]) for name in 'xywh')
        state = tracker.init(images[0], box)
        boxes = [box]
        for image in images[1:]:
            result = tracker.update(image, [state])[0]
            if result.confidence < LEAST_CONFIDENCE:
                break
            state = result.state
            boxes.append(result.box_xywh)
        name = f'{number:02d}_{row["clip"]}'
        scenes.append(Scene(name, images[: len(boxes)], np.array(boxes)))
    return scenes


def _frames(path: Path, count: int) -> list[np.ndarray]:
    video, images = cv2.VideoCapture(str(path)), []
    while len(images) < count:
        good, image = video.read()
        if not good:
            break
        scale = WIDTH_PX / image.shape[1]
        images.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    if not images:
        raise ValueError(f'{path}: no frame can be read')
    return images


def clip_episodes(
    scenes: list[Scene], seed: int, names: tuple[str, ...] = SCENARIOS, step: int = 1
) -> Iterator[Episode]:
    """Each scene in every one of these scenarios that it has room for, and lured.

    step: of how many frames of the clip the scenes have one.
    """
    for number, scene in enumerate(scenes):
        donor = splice.donor_of(scene, scenes, seed)
        yield from scenarios.episodes(scene, donor, seed, names)
        yield lured(scene, donor, alike=number % 2 == 0, step=step)


def lured(scene: Scene, donor: Scene, alike: bool, step: int = 1) -> Episode:
    """Painted out, then back on its own track; from then on somebody else walks at the far side:
    a mirrored and tinted copy if `alike`, the donor's target otherwise.
    """
    look = _lure(scene if alike else donor, alike)
    total = BEFORE + AWAY + scenarios.AFTER
    images, boxes, rivals = [], [], []
    for time in range(total):
        image, box = scene.frame(time)
        rival = _beyond(scene, box, look, step * (time - BEFORE))
        if BEFORE <= time < BEFORE + AWAY:
            image = edits.paint_out(image, box)
        images.append(edits.paste(image, look, rival) if time >= BEFORE else image)
        boxes.append(box)
        rivals.append(rival if time >= BEFORE else [np.nan] * 4)
    absent = (np.arange(total) >= BEFORE) & (np.arange(total) < BEFORE + AWAY)
    sequence = Sequence(f'{scene.name}/lured', FrameList(images), np.array(boxes), absent)
    return Episode('lured', sequence, BEFORE, BEFORE + AWAY, np.array(rivals, np.float64))


def _lure(scene: Scene, alike: bool) -> np.ndarray:
    image, box = scene.frame(0)
    if not alike:
        left, top, right, bottom = edits.grown_rect(box, 0.0, image.shape)
        return image[top:bottom, left:right]
    hsv = cv2.cvtColor(edits.likeness(image, box), cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + LURE_HUE) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _beyond(scene: Scene, box_xywh: np.ndarray, look: np.ndarray, steps: int) -> np.ndarray:
    """A place at the other side of the image for something of the target's size, `steps` steps
    on its way.
    """
    width, height = scene.size_wh
    side = float(np.sqrt(box_xywh[2] * box_xywh[3]))
    aspect = float(np.sqrt(look.shape[1] / look.shape[0]))
    w, h = side * aspect, side / aspect
    middle = box_xywh[:2] + box_xywh[2:] / 2
    start = 0.12 * width if middle[0] > width / 2 else 0.88 * width
    x = np.clip(start - w / 2 + LURE_STEP_PX * steps, 0, max(width - w, 0))
    return np.array([x, np.clip(middle[1] - h / 2, 0, max(height - h, 0)), w, h])


def _slowed(episode: Episode, step: int) -> Episode:
    whole = episode.sequence
    images = list(itertools.islice(whole.frames(), 0, None, step))
    sequence = Sequence(
        whole.name, FrameList(images), whole.boxes_xywh[::step], whole.absent[::step]
    )
    gone, back = (-(-time // step) for time in (episode.gone, episode.back))
    return Episode(episode.scenario, sequence, gone, back, episode.distractor_xywh[::step])


def synthetic_episodes(data: Path, count: int, seed: int) -> Iterator[Episode]:
    """`count` videos of held-out objects, each of which is gone for a while."""
    from siamla_ros.datasets.training_pack import load_pack
    from siamla_ros.training.sequences import scenes

    pack = load_pack(data, 'val', {})
    for name, frames in scenes(pack, count + (count + 2) // 3, seed, SYNTHETIC_FRAMES):
        if name.startswith('none'):
            continue
        shown = list(frames)
        absent = np.array([not frame.present for frame in shown])
        boxes = np.array([frame.box_xywh for frame in shown], float)
        images = FrameList([frame.image for frame in shown])
        gone = int(absent.argmax())
        back = gone + int(absent.sum())
        nobody = np.full((len(shown), 4), np.nan)
        sequence = Sequence(f'synthetic/{name}', images, boxes, absent)
        yield Episode('synthetic', sequence, gone, back, nobody)
