"""Scenes of several annotated targets, all followed in one session: how often two share an object.

    python tools/several_targets.py FOLDER ...   # each with a video and a targets.csv

Each target starts where it is well visible first. Counted are confirmed boxes, those of them right
(IoU >= 0.5) and wrong (< 0.1) by the target's own box or on a target without one, and pairs of
confirmed boxes at IoU >= 0.5 whose targets stand apart (< 0.3): two ids on one object.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from siamla_ros.datasets.formats import find_video
from siamla_ros.datasets.scenes import WELL_VISIBLE, SceneTarget, read_targets
from siamla_ros.datasets.video import FrameSource
from siamla_ros.evaluation.followers import FRAME_S, settings_for
from siamla_ros.evaluation.metrics import overlap
from siamla_ros.geometry.boxes import as_box
from siamla_ros.online.init_requests import InitError
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.targets import TargetOutput
from siamla_ros.tracker.results import TrackerLike

COLUMNS = ('visible', 'confirmed', 'right', 'wrong', 'absent', 'on one object')


def count(tracker: TrackerLike, folder: Path) -> Counter[str]:
    """Figures of one scene by `COLUMNS`, summed over targets and images."""
    video = find_video(folder)
    assert video is not None, f'{folder}: no video file'
    with FrameSource(video) as source:
        images = list(source)
    targets = {item.name: item for item in read_targets(folder / 'targets.csv', len(images))}
    settings = settings_for('local')
    settings = replace(settings, node=replace(settings.node, max_targets=max(len(targets), 1)))
    session, found = TrackingSession(tracker, settings), Counter[str]()
    waiting = dict(targets)
    for number, image in enumerate(images):
        outputs = session.step(image, number * FRAME_S)
        found += _counted(outputs, targets, number)
        for name, target in list(waiting.items()):
            box = as_box(target.boxes_xywh[number])
            if np.isfinite(box).all() and target.visibility[number] >= WELL_VISIBLE:
                del waiting[name]
                try:
                    session.start(name, box, image, number * FRAME_S)
                except InitError as error:
                    print(f'{folder.name}, {name}: {error}', file=sys.stderr)
    return found


def _counted(
    outputs: list[TargetOutput], targets: dict[str, SceneTarget], number: int
) -> Counter[str]:
    found = Counter[str]()
    for output in outputs:
        target = targets[output.id]
        truth = target.boxes_xywh[number]
        here = bool(np.isfinite(truth).all())
        iou = _overlap(output.box_xywh, truth)
        found['visible'] += here and target.visibility[number] >= WELL_VISIBLE
        found['confirmed'] += output.confirmed
        found['right'] += output.confirmed and iou >= 0.5
        found['wrong'] += output.confirmed and here and iou < 0.1
        found['absent'] += output.confirmed and not here
    for one, other in combinations([output for output in outputs if output.confirmed], 2):
        truths = [targets[output.id].boxes_xywh[number] for output in (one, other)]
        apart = _overlap(*truths) < 0.3
        found['on one object'] += apart and _overlap(one.box_xywh, other.box_xywh) >= 0.5
    return found


def _overlap(first_xywh: object, second_xywh: object) -> float:
    """Of two boxes; 0 where one is missing."""
    return float(overlap(np.array([first_xywh]), np.array([second_xywh]))[0])


def main(arguments: list[str] | None = None) -> int:
    """Print a line a scene; 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('scenes', type=Path, nargs='+', metavar='FOLDER')
    args = parser.parse_args(arguments)
    import cv2

    from siamla_ros import load_tracker

    cv2.setNumThreads(1)
    tracker = load_tracker(device='cpu', runtime='float', threads=1)
    total = Counter[str]()
    for folder in args.scenes:
        found = count(tracker, folder)
        total += found
        print(f'{folder.name}: ' + ', '.join(f'{name} {found[name]}' for name in COLUMNS))
    print('all: ' + ', '.join(f'{name} {total[name]}' for name in COLUMNS))
    return 0


if __name__ == '__main__':
    sys.exit(main())
