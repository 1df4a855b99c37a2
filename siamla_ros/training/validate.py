"""Validation on the held-out objects of the training pack: one tracking step at a time, through
the product's tracker.

For every frame of a held-out track the template is the track's first frame, and the search window
lies round the true box moved, scaled and stretched at random (seeded). The same windows with the
target erased show whether the confidence falls. Never on an evaluation sequence: this is what
parameters are tuned and checkpoints selected by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import Record, load_pack, read_image
from siamla_ros.datasets.training_tracks import FrameTrack, validation_part
from siamla_ros.evaluation.cells import spearman
from siamla_ros.evaluation.confidence import auroc
from siamla_ros.geometry import boxes
from siamla_ros.tracker.tracker import Tracker
from siamla_ros.training.augment import Image, cover
from siamla_ros.training.unreadable import leave_out

MIN_TRACK = 9
MOST_TRACKS, TRACK_FRAMES = 50, 20  # of benchmarks: enough for a log line, not for a table
SHIFT, SCALE, ASPECT = 0.30, 0.15, 0.08


@dataclass(frozen=True)
class Report:
    """Scores of one validation; arrays hold one entry a probe."""

    iou: NDArray[np.float64]
    confidence: NDArray[np.float64]
    confidence_erased: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Success AUC over 21 thresholds."""
        return float(np.mean([(self.iou > t).mean() for t in np.linspace(0, 1, 21)]))

    @property
    def spearman(self) -> float:
        """Rank correlation of confidence and IoU over the probes with the target present."""
        return spearman(self.confidence, self.iou)

    @property
    def auroc(self) -> float:
        """Confidence of hits (IoU > 0.5) against confidence with the target erased."""
        return auroc(self.confidence[self.iou > 0.5], self.confidence_erased)

    def summary(self) -> dict[str, float]:
        """The figures, rounded for a log."""
        return {
            'auc': round(self.auc, 4),
            'sr50': round(float((self.iou > 0.5).mean()), 4),
            'sr75': round(float((self.iou > 0.75).mean()), 4),
            'spearman': round(self.spearman, 4),
            'auroc_erased': round(self.auroc, 4),
            'median_confidence': round(float(np.median(self.confidence)), 3),
            'median_confidence_erased': round(float(np.median(self.confidence_erased)), 3),
        }


def validation_tracks(
    folder: Path | None, others: Sequence[FrameTrack] = ()
) -> list[Sequence[Record]]:
    """Held-out objects that were seen in many frames of real video.

    Args:
        folder: Of a training pack; None for none.
        others: Tracks of benchmarks, of which some are held out.
    """
    own = load_pack(folder, 'val', {}).tracks if folder else []
    kept: list[Sequence[Record]] = [t for t in own if len(t) >= MIN_TRACK]
    return [*kept, *validation_part(others, MOST_TRACKS, TRACK_FRAMES)]


def validate(
    tracker: Tracker, tracks: Sequence[Sequence[Record]], probes: int = 3, seed: int = 0
) -> Report:
    """Probe every frame of every track ``probes`` times, and as often with the target erased; those
    that cannot be read are left out by name.
    """
    ious: list[float] = []
    present: list[float] = []
    erased: list[float] = []
    for number, track in enumerate(tracks):
        try:
            first = read_image(track[0].path)
        except OSError as error:
            leave_out(error)
            continue
        state = tracker.init(first, track[0].box_xywh)
        for scene in scenes_of(track, probes, (seed, number)):
            truth = scene.record.box_xywh
            results = tracker.probe(scene.image, state, scene.places)
            ious += [float(boxes.iou(r.box_xywh, truth)) for r in results]
            present += [r.confidence for r in results]
            erased += [r.confidence for r in tracker.probe(scene.erased, state, scene.places)]
    return Report(np.array(ious), np.array(present), np.array(erased))


class Scene(NamedTuple):
    """A frame of a track, the same frame with the target erased, and xywh boxes to search from."""

    record: Record
    image: Image
    erased: Image
    places: list[tuple[float, float, float, float]]


def scenes_of(track: list[Record], probes: int, seed: tuple[int, int]) -> Iterator[Scene]:
    """Every frame of a track but the first, with ``probes`` places each."""
    rng = np.random.default_rng(seed)
    for record in track[1:]:
        try:
            image = read_image(record.path)
        except OSError as error:
            leave_out(error)
            continue
        places = [moved(record.box_xywh, rng) for _ in range(probes)]
        erased = image.copy()
        _erase(erased, record, rng)
        yield Scene(record, image, erased, places)


def moved(box_xywh: tuple, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Where a target is assumed to be whose box is this one: moved, scaled and stretched."""
    cx, cy = boxes.center(box_xywh)
    size, stretch = np.exp(rng.normal(0, SCALE)), np.exp(rng.normal(0, ASPECT))
    w, h = box_xywh[2] * size * stretch, box_xywh[3] * size / stretch
    return boxes.from_center(cx + rng.normal(0, SHIFT) * w, cy + rng.normal(0, SHIFT) * h, w, h)


def _erase(image: NDArray[np.uint8], record: Record, rng: np.random.Generator) -> None:
    x, y, w, h = record.box_xywh
    other = image[::-1, ::-1].copy()
    cover(image, (x, y, x + w, y + h), other, rng)
