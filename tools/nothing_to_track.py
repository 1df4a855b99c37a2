"""What is confirmed where there is nothing to track, and whether real boxes are refused with it.

    tools/with_env python tools/nothing_to_track.py
    tools/with_env python tools/nothing_to_track.py --boxes ../shared/video --crops ../shared/train
    tools/with_env python tools/nothing_to_track.py --continuity ../shared/video --every 4

The first prints a table: kinds of images made anew for each frame, and boxes. The second counts
annotated boxes that the check of an init box refuses. The third counts those that seem to show
something else on each image, of every fourth image as if the camera were as slow.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from siamla_ros import load_tracker
from siamla_ros.datasets.video import FrameSource
from siamla_ros.geometry.boxes import BoxError
from siamla_ros.geometry.contrast import check_contrast
from siamla_ros.online.continuity import Continuity
from siamla_ros.online.init_requests import InitError
from siamla_ros.online.session import TrackingSession
from siamla_ros.supervision.evidence import MIN_CONTINUITY

WIDTH, HEIGHT, FRAMES, RATE_HZ = 320, 240, 60, 30.0
BOXES = {
    'whole image': (0, 0, WIDTH, HEIGHT),
    '280x200': (20, 20, 280, 200),
    '160x120': (80, 60, 160, 120),
    '60x60': (130, 90, 60, 60),
    '24x24': (150, 100, 24, 24),
    '160x120 in a corner': (2, 2, 160, 120),
}
Random = np.random.Generator


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.broadcast_to(values, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)


def _blurred(rng: Random, sigma: float, channels: int = 3) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH, channels)), (0, 0), sigma)
    noise = noise.reshape(HEIGHT, WIDTH, channels)
    return _bytes(120 + 40 * noise / noise.std())


def _blocks(rng: Random) -> np.ndarray:
    small = rng.integers(0, 256, (15, 20, 3), dtype=np.uint8)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


KINDS: dict[str, Callable[[Random], np.ndarray]] = {
    'black': lambda rng: _bytes(np.zeros(1)),
    'black, sensor noise': lambda rng: _bytes(rng.normal(4, 2, (HEIGHT, WIDTH, 1))),
    'dark, strong noise': lambda rng: _bytes(rng.normal(20, 8, (HEIGHT, WIDTH, 1))),
    'gray noise': lambda rng: _bytes(rng.normal(120, 30, (HEIGHT, WIDTH, 1))),
    'color noise': lambda rng: _bytes(rng.normal(120, 30, (HEIGHT, WIDTH, 3))),
    'white noise': lambda rng: rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
    'noise, blurred by 8 px': lambda rng: _blurred(rng, 8.0),
    'noise, blurred by 25 px': lambda rng: _blurred(rng, 25.0),
    'gray noise, blurred by 25 px': lambda rng: _blurred(rng, 25.0, 1),
    'blocks of 16 px': _blocks,
}


def tables() -> None:
    """Prints of how many frames a target was confirmed, or that the box was refused."""
    tracker = load_tracker(device='cpu')
    print(f'| new image each frame | {" | ".join(BOXES)} |')
    print('|---' * (len(BOXES) + 1) + '|')
    for name, make in KINDS.items():
        cells = [_confirmed(tracker, make, box) for box in BOXES.values()]
        print(f'| {name} | {" | ".join(cells)} |', flush=True)


def _confirmed(tracker: object, make: Callable[[Random], np.ndarray], box: tuple) -> str:
    rng, session = np.random.default_rng(0), TrackingSession(tracker)
    try:
        session.start('nothing', box, make(rng), 0.0)
    except InitError:
        return 'refused'
    outputs = [session.step(make(rng), number / RATE_HZ)[0] for number in range(1, FRAMES + 1)]
    return f'{sum(output.confirmed for output in outputs)} of {FRAMES}'


def annotated(folder: Path, every: int = 1) -> Iterator[tuple[np.ndarray, tuple, str, int]]:
    """Images, boxes, names of targets and numbers of images of annotated scenes; boxes that are
    absent are left out.
    """
    for scene in sorted(path.parent for path in folder.glob('*/video.mp4')):
        boxes: dict[int, list] = {}
        if (scene / 'targets.csv').exists():
            for row in csv.DictReader((scene / 'targets.csv').open()):
                target = f'{scene.name}/{row["target_id"]}', [float(row[k]) for k in 'xywh']
                boxes.setdefault(int(row['frame']), []).append(target)
        else:
            lines = (scene / 'groundtruth_rect.txt').read_text().replace('\t', ',').splitlines()
            for number, line in enumerate(line for line in lines if line.strip()):
                boxes[number] = [(scene.name, [float(value) for value in line.split(',')])]
        for frame in FrameSource(scene / 'video.mp4').frames():
            for name, box in boxes.get(frame.number, []) if frame.number % every == 0 else []:
                if np.isfinite(box).all() and min(box[2:]) > 0:
                    yield frame.image, tuple(box), name, frame.number


def discontinued(folder: Path, every: int) -> None:
    """Prints of how many boxes the content seems to be new in each image."""
    targets: dict[str, Continuity] = {}
    below: Counter[str] = Counter()
    number = judged = 0
    for image, box, name, index in annotated(folder, every):
        value = targets.setdefault(name, Continuity()).see(image, box, index / RATE_HZ)
        number, judged = number + 1, judged + (value is not None)
        below[name] += value is not None and value < MIN_CONTINUITY
    print(f'{number} boxes, {judged} judged, {sum(below.values())} of them bad: {dict(+below)}')


def crops(folder: Path) -> Iterator[tuple[np.ndarray, tuple, str, int]]:
    """Context crops with one box each."""
    for row in csv.DictReader((folder / 'index.csv').open()):
        image = cv2.imread(str(folder / row['file']))
        if image is not None:
            yield image, tuple(float(row[key]) for key in 'xywh'), row['file'], 0


def count(items: Iterator[tuple[np.ndarray, tuple, str, int]], whole: bool) -> None:
    """Prints how many boxes are refused, and where; `whole`: the images are no crops."""
    refused: Counter[str] = Counter()
    number = 0
    for image, box, name, _ in items:
        number += 1
        try:
            check_contrast(image, box)
        except BoxError as error:
            if whole or 'covers' not in str(error):
                refused[name] += 1
    print(f'{number} boxes, refused: {sum(refused.values())} {dict(refused) or ""}')


def main() -> int:
    """Prints what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--boxes', type=Path, help='folder of annotated scenes')
    parser.add_argument('--crops', type=Path, help='folder of training crops with index.csv')
    parser.add_argument('--continuity', type=Path, help='folder of annotated scenes')
    parser.add_argument('--every', type=int, default=1, help='image of --continuity')
    args = parser.parse_args()
    if args.boxes:
        count(annotated(args.boxes), whole=True)
    if args.crops:
        count(crops(args.crops), whole=False)
    if args.continuity:
        discontinued(args.continuity, args.every)
    if not (args.boxes or args.crops or args.continuity):
        tables()
    return 0


if __name__ == '__main__':
    sys.exit(main())
