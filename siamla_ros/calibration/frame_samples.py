"""What the tracker answers on each frame of annotated sequences, with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.followers import FRAME_S
from siamla_ros.evaluation.metrics import overlap
from siamla_ros.evaluation.scenarios import SCENARIOS, Episode
from siamla_ros.evaluation.splice import Scene, donor_of
from siamla_ros.identity.appearance_model import AppearanceModel
from siamla_ros.supervision.evidence import LEAST_FOLLOWED
from siamla_ros.supervision.supervisor import SupervisorConfig
from siamla_ros.tracker.results import TrackResult
from siamla_ros.tracker.tracker import Tracker

RIGHT_IOU, WRONG_IOU = 0.5, 0.1
EPISODES = ('leave_same', 'leave_elsewhere', 'occlusion_15', 'cut', 'crossing')
EVIDENCE = (  # that the states have of a frame
    'confidence',
    'second_peak',
    'similarity',
    'color',
    'distractor_level',
    'filter_response',
)
COLUMNS = (*EVIDENCE, 'bystander_level')


@dataclass(frozen=True)
class FrameSamples:
    """N frames of one target, the first excluded.

    Attributes:
        name: Of the sequence.
        values: (N, 7) calibrated confidence, second peak, similarity, color, resemblance to what
            has looked like the target, response of its filter, how surely the box shows what stood
            beside it; NaN where unknown.
        iou: (N,) overlap with the true box; NaN where there is none.
        absent: (N,) whether the target is known to be not visible.
        gone: First frame of a long absence that was made on purpose; None without one.
    """

    name: str
    values: NDArray[np.float64]
    iou: NDArray[np.float64]
    absent: NDArray[np.bool_]
    gone: int | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the box is on the target."""
        return np.nan_to_num(self.iou) > RIGHT_IOU

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(N,) whether it is certainly not."""
        return self.absent | (self.iou < WRONG_IOU)


def record(tracker: Tracker, sequence: Sequence) -> FrameSamples:
    """Follow one target as the node does, but never declare it lost: a box of next to no
    confidence is not followed, and appearance is learned from good frames.
    """
    appearance, limits = AppearanceModel(tracker), SupervisorConfig()
    values = np.full((len(sequence), len(COLUMNS)), np.nan)
    boxes = np.full((len(sequence), 4), np.nan)
    for index, image in enumerate(sequence.frames()):
        if index == 0:
            state = tracker.init(image, sequence.init_box_xywh)
            known = appearance.begin(image, state)
            continue
        result = tracker.update(image, [state])[0]
        sample = appearance.sample(known, image, state, result, uncertain=True)
        if sample is not None:
            seen = sample.similarity, sample.color
            values[index, 2:4] = [np.nan if v is None else v for v in seen]
            known = appearance.remember(known, sample, _good(result, limits))
        values[index, [0, 1]] = result.confidence, result.second_peak
        values[index, 4:6] = result.distractor_level, result.filter_response
        values[index, 6] = result.bystander_level
        boxes[index] = result.box_xywh
        rejected = result.confidence < LEAST_FOLLOWED
        state = state.rejecting(result.state, FRAME_S) if rejected else result.state
    truth = sequence.boxes_xywh
    iou = np.where(np.isfinite(truth[:, 0]), overlap(boxes, truth), np.nan)
    return FrameSamples(sequence.name, values[1:], iou[1:], sequence.absent[1:])


def _good(result: TrackResult, limits: SupervisorConfig) -> bool:
    distractor = result.second_peak >= limits.distractor_ratio * result.confidence
    return result.confidence >= limits.high_threshold and not distractor


def record_episodes(
    tracker: Tracker, scenes: Iterable[Scene], donors: list[Scene], seed: int
) -> Iterator[FrameSamples]:
    """Episodes in which the target vanishes, is hidden, or is crossed by a distractor."""
    for scene in scenes:
        donor = donor_of(scene, donors, seed)
        for name in EPISODES:
            episode = SCENARIOS[name](scene, donor, seed)
            if episode is not None:
                yield replace(record(tracker, episode.sequence), gone=_gone(episode))


def _gone(episode: Episode) -> int | None:
    """In samples, which begin with the second frame."""
    long_away = episode.back - episode.gone >= 30
    return episode.gone - 1 if long_away and episode.gone > 0 else None
