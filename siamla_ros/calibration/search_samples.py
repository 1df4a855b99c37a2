"""Samples of searches that accept nothing: each place with the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.calibration.frame_samples import EPISODES, EVIDENCE
from siamla_ros.datasets.sequence import Sequence as TargetSequence
from siamla_ros.evaluation.metrics import overlap
from siamla_ros.evaluation.scenarios import SCENARIOS
from siamla_ros.evaluation.splice import Scene, donor_of
from siamla_ros.geometry.boxes import Box
from siamla_ros.identity.appearance_model import AppearanceModel
from siamla_ros.identity.state import Appearance, IdentityConfig, IdentityState
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.session import TrackingSession
from siamla_ros.tracker.results import TargetState, TrackResult
from siamla_ros.tracker.tracker import Tracker

RIGHT_IOU, WRONG_IOU = 0.5, 0.3
KEPT = 0.2, 0.5  # probabilities reported to the search: no place is dropped, none accepted
FRAME_S = 1.0 / 30.0


class SearchSample(NamedTuple):
    """One place on one image: the columns of `FrameSamples.values` (NaN: unknown)."""

    frame: int
    values: tuple[float, ...]
    box_xywh: Box


@dataclass(frozen=True)
class SearchSamples:
    """N samples of one search.

    Attributes:
        name: Of the sequence.
        frame: (N,) number of the image; samples of one image are different places of it.
        values: (N, 6) as in :class:`SearchSample`.
        right: (N,) whether the place is the target's.
        wrong: (N,) whether it is certainly not.
    """

    name: str
    frame: NDArray[np.int64]
    values: NDArray[np.float64]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


class SampleRecorder(AppearanceModel):
    """Records what a search asks of the appearance model; no search accepts or drops a box."""

    samples: list[SearchSample]
    frame = 0

    def measure(
        self, known: IdentityState, image_bgr: np.ndarray, state: TargetState, result: TrackResult
    ) -> Appearance | None:
        """Like the base class; recorded."""
        seen = super().measure(known, image_bgr, state, result)
        if seen is not None:
            similarity, color = (math.nan if v is None else float(v) for v in seen[:2])
            values = (
                result.confidence,
                result.second_peak,
                similarity,
                color,
                seen.distractor_level,
                result.filter_response,
            )
            self.samples.append(SearchSample(self.frame, values, tuple(result.box_xywh)))
        return seen

    def probabilities(self, *args: Any, **options: Any) -> list[float]:
        """Like the base class, within the limits that keep the search going."""
        found = super().probabilities(*args, **options)
        return [min(max(value, KEPT[0]), KEPT[1]) for value in found]


def record_search(tracker: Tracker, sequence: TargetSequence) -> SearchSamples:
    """Follow one target as the node does until it is lost, and search it to the end."""
    session = TrackingSession(tracker, build({**defaults(), 'redetection.mode': 'local'}))
    engine = session.engine
    recorder = SampleRecorder(tracker, IdentityConfig(min_return_color=0.0))
    recorder.samples = []
    engine.searcher.appearance = recorder
    engine.searcher.pursuer.longest_s = 0.0  # the search alone is recorded
    for index, image in enumerate(sequence.frames()):
        recorder.frame = index
        if index == 0:
            session.start('target', sequence.init_box_xywh, image, 0.0)
        else:
            session.step(image, index * FRAME_S)
    if session.last_error:
        raise RuntimeError(f'{sequence.name}: {session.last_error}')
    return _labeled(sequence, recorder.samples)


def record_searches(
    tracker: Tracker, sequences: Iterable[TargetSequence], scenes: Sequence[Scene], seed: int
) -> Iterator[SearchSamples]:
    """Searches on the sequences, then on episodes made of the scenes."""
    for sequence in sequences:
        yield record_search(tracker, sequence)
    for scene in scenes:
        donor = donor_of(scene, list(scenes), seed)
        for name in EPISODES:
            episode = SCENARIOS[name](scene, donor, seed)
            if episode is not None:
                yield record_search(tracker, episode.sequence)


def _labeled(sequence: TargetSequence, samples: Sequence[SearchSample]) -> SearchSamples:
    frame = np.array([sample.frame for sample in samples], np.int64)
    boxes = np.array([sample.box_xywh for sample in samples], np.float64).reshape(-1, 4)
    truth, absent = sequence.boxes_xywh[frame], sequence.absent[frame]
    seen = np.isfinite(truth[:, 0])
    iou = np.where(seen, overlap(boxes, truth), 0.0)
    return SearchSamples(
        sequence.name,
        frame,
        np.array([sample.values for sample in samples], np.float64).reshape(-1, len(EVIDENCE)),
        seen & (iou > RIGHT_IOU),
        absent | (seen & (iou < WRONG_IOU)),
    )
