"""One-pass evaluation: run a tracker once over each sequence and keep all its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.cells import Cells, alignment
from siamla_ros.evaluation.metrics import Scores, judged_frames, overlap, sequence_scores
from siamla_ros.evaluation.peers.base import EvalTracker


@dataclass(frozen=True)
class Run:
    """Outputs of one tracker on a sequence: N rows, the first for the given box and `init`."""

    tracker: str
    sequence: str
    boxes_xywh: np.ndarray  # N x 4
    confidence: np.ndarray  # N, NaN where the tracker has none
    seconds: np.ndarray  # N
    truth_xywh: np.ndarray  # N x 4, NaN where absent
    absent: np.ndarray  # N bool
    extra: dict[str, np.ndarray]  # further values a frame, NaN where not given
    origin_px: float = 0.0  # of the benchmark, see Sequence

    @property
    def scores(self) -> Scores:
        """The figures of this sequence."""
        return sequence_scores(self.boxes_xywh, self.truth_xywh)

    @property
    def iou(self) -> np.ndarray:
        """N overlaps with the truth; 0 where there is none."""
        return overlap(self.boxes_xywh, self.truth_xywh)

    @property
    def judged(self) -> np.ndarray:
        """N bool: frames that count."""
        return judged_frames(self.truth_xywh)

    @property
    def median_ms(self) -> float:
        """Median time of an update, milliseconds."""
        return float(np.median(self.seconds[1:]) * 1e3)


def run_sequence(
    tracker: EvalTracker,
    sequence: Sequence,
    on_frame: Callable[[], None] = lambda: None,
    look_at_cells: bool = False,
) -> Run:
    """Initialize on the first box, update on every other frame; only these calls are timed.

    look_at_cells: also judge the alignment of scores and boxes, where the tracker shows its cells.
    """
    boxes = np.full((len(sequence), 4), np.nan)
    confidence = np.full(len(sequence), np.nan)
    seconds = np.full(len(sequence), np.nan)
    extra: dict[str, np.ndarray] = {}
    cells = getattr(tracker, 'last_cells', None) if look_at_cells else None
    for index, image in enumerate(sequence.frames()):
        start = time.perf_counter()
        if index == 0:
            tracker.init(image, sequence.init_box_xywh)
            seconds[0] = time.perf_counter() - start
            boxes[0], confidence[0] = sequence.init_box_xywh, 1.0
        else:
            estimate = tracker.update(image)
            seconds[index] = time.perf_counter() - start
            boxes[index], confidence[index] = estimate.box_xywh, estimate.confidence
            values = {**estimate.extra, **_aligned(cells, sequence.boxes_xywh[index])}
            for key, value in values.items():
                extra.setdefault(key, np.full(len(sequence), np.nan))[index] = value
        on_frame()
    return Run(
        tracker.name,
        sequence.name,
        boxes,
        confidence,
        seconds,
        sequence.boxes_xywh,
        sequence.absent,
        extra,
        sequence.origin_px,
    )


def _aligned(cells: Callable[[], Cells | None] | None, truth_xywh: np.ndarray) -> dict[str, float]:
    found = cells() if cells is not None and np.isfinite(truth_xywh).all() else None
    return {} if found is None else alignment(found, truth_xywh)
