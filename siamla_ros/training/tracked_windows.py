"""Hard examples: where a tracker searches when it follows the training scenes by itself.

A window drawn round the true box never shows what a tracker sees after it has drifted, lost the
target or swollen onto an occluder. So the initial weights follow every target of the training
scenes, and the boxes round which they searched are kept, the frames before and after a failure
more often than others (as in DAgger, Ross et al., AISTATS 2011).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from siamla_ros.datasets.scenes import Scene, SceneTarget
from siamla_ros.geometry import boxes
from siamla_ros.tracker.tracker import Tracker

MIN_SIDE_PX = 6.0
MIN_VISIBILITY = 0.7
MIN_FRAMES = 15
FAILED_IOU, POOR_IOU = 0.3, 0.6
FAILURE_FRAMES = 10
"""Frames after a failure begins that are drawn often: later ones resemble one another."""


@dataclass(frozen=True)
class TrackedWindows:
    """Where a tracker searched for one target.

    Attributes:
        frames: (N,) frame numbers.
        places: (N, 4) boxes x, y, w, h round which the search window lay.
        ious: (N,) IoU of the answer with the true box; NaN where the target is absent.
        cumulative: (N,) cumulative probability of each.
    """

    frames: NDArray[np.int64]
    places: NDArray[np.float64]
    ious: NDArray[np.float64]
    cumulative: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> tuple[int, tuple[float, ...]]:
        """A frame and the box round which to search it."""
        index = int(np.searchsorted(self.cumulative, rng.random()))
        return int(self.frames[index]), tuple(float(v) for v in self.places[index])


def record_windows(
    tracker: Tracker, scenes: list[Scene], path: Path, seed: int = 0
) -> dict[tuple[str, str], TrackedWindows]:
    """Follow every target of the scenes, or read what an earlier call wrote.

    Three runs a target: from its first frame, the same from a careless box, and from its middle.

    Args:
        tracker: The tracker with the initial weights.
        scenes: Annotated video.
        path: ``.npz`` file that keeps the result.
        seed: Of the careless boxes.
    """
    if not path.is_file():
        rows = [
            (f'{scene.name}/{target.name}', frame, *place, iou, run)
            for scene in tqdm(scenes, unit='scene', desc='tracked windows')
            for number, target in enumerate(scene.targets)
            for run, start, box, end in _starts(
                scene, target, np.random.default_rng((seed, number))
            )
            for frame, place, iou in _follow(tracker, scene, target, start, box, end)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        names = np.array([row[0] for row in rows], np.str_)
        np.savez(path, names=names, values=np.array([row[1:] for row in rows], np.float64))
    saved = np.load(path)
    return {
        tuple(name.split('/', 1)): _windows(saved['values'][saved['names'] == name])
        for name in dict.fromkeys(saved['names'].tolist())
    }


def _windows(values: NDArray[np.float64]) -> TrackedWindows:
    frames, places, ious, runs = values[:, 0], values[:, 1:5], values[:, 5], values[:, 6]
    weight = np.concatenate([sampling_weights(ious[runs == r]) for r in dict.fromkeys(runs)])
    cumulative = np.cumsum(weight / weight.sum())
    cumulative[-1] = 1.0
    return TrackedWindows(frames.astype(np.int64), places, ious, cumulative)


def sampling_weights(ious: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each frame of one run is drawn, relative to a frame that went well."""
    weights, failed = np.ones(len(ious)), 0
    for index, iou in enumerate(ious):
        failed = failed + 1 if iou < FAILED_IOU else 0
        if failed:
            weights[index] = 4.0 if failed <= FAILURE_FRAMES else 0.6
        elif iou < POOR_IOU:
            weights[index] = 3.0
    return weights


def _starts(
    scene: Scene, target: SceneTarget, rng: np.random.Generator
) -> Iterator[tuple[int, int, tuple[float, ...], int]]:
    """Number, first frame, first box and end of the runs of one target."""
    boxes_xywh = target.boxes_xywh
    present = np.flatnonzero(np.isfinite(boxes_xywh[:, 0]))
    side = np.nan_to_num(boxes_xywh[:, 2:].min(1))
    good = np.flatnonzero((side >= MIN_SIDE_PX) & (target.visibility >= MIN_VISIBILITY))
    if not len(good) or present[-1] - good[0] < MIN_FRAMES:
        return
    first, end = int(good[0]), int(present[-1]) + 1
    box = tuple(float(v) for v in boxes_xywh[first])
    yield 0, first, box, end
    (cx, cy), (w, h) = boxes.center(box), np.array(box[2:]) * np.exp(rng.normal(0, 0.1, 2))
    dx, dy = rng.normal(0, 0.08, 2) * box[2:]
    yield 1, first, boxes.from_center(cx + dx, cy + dy, w, h), end
    later = good[good >= (first + end) // 2]
    if len(later) and end - later[0] > MIN_FRAMES:
        yield 2, int(later[0]), tuple(float(v) for v in boxes_xywh[later[0]]), end


def _follow(
    tracker: Tracker, scene: Scene, target: SceneTarget, start: int, box: tuple, end: int
) -> Iterator[tuple[int, tuple[float, ...], float]]:
    """Frame, box round which was searched, and IoU of the answer (NaN while absent)."""
    frames = scene.frames()
    state = tracker.init(np.asarray(frames[start]), box)
    for frame in range(start + 1, end):
        place = state.box_xywh
        result = tracker.update(np.asarray(frames[frame]), [state])[0]
        state, truth = result.state, target.boxes_xywh[frame]
        iou = float(boxes.iou(result.box_xywh, truth)) if np.isfinite(truth[0]) else np.nan
        yield frame, place, iou
