"""VOT's supervised experiment: the tracker is started again five frames after each failure.

Accuracy, robustness and expected average overlap (EAO) as the short-term challenges of 2015 to
2019 define them (Kristan et al., "The Visual Object Tracking VOT2015 challenge results"), on axis-
aligned boxes. On the same images vot-toolkit 0.7.3 had the same accuracy and failures in all digits
and the same EAO to 3e-9, which it adds up in 32 bits (docs/research/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.report import markdown_table
from siamla_ros.geometry.boxes import Box

SKIPPED_FRAMES = 5  # from a failure to the next start
BURN_IN = 10  # frames from a start on that do not count for the accuracy
EAO_RANGE = (100, 356)  # lengths that count for the EAO of VOT2018
TRACKED, STARTED, FAILED, IDLE = range(4)


@dataclass(frozen=True)
class SupervisedRun:
    """One tracker on one sequence.

    Attributes:
        sequence: Its name.
        overlap: (N,) overlap of each frame, 0 where there is no box of the tracker.
        code: (N,) int8, TRACKED, STARTED, FAILED or IDLE (not run).
    """

    sequence: str
    overlap: NDArray[np.float64]
    code: NDArray[np.int8]

    @property
    def failures(self) -> int:
        """How often the box left the target."""
        return int((self.code == FAILED).sum())

    @property
    def accuracy(self) -> float:
        """Mean overlap, without the frames after a start; 0 where no frame is left."""
        judged = self.code == TRACKED
        for start in np.flatnonzero(self.code == STARTED):
            judged[start : start + BURN_IN] = False
        return float(self.overlap[judged].mean()) if judged.any() else 0.0

    def segments(self) -> list[tuple[NDArray[np.float64], bool]]:
        """Overlaps from each start to its failure (excluded) or the end, and whether it failed."""
        starts, failures = (np.flatnonzero(self.code == code) for code in (STARTED, FAILED))
        ends = [*failures, len(self.code)]
        return [(self.overlap[s:e], e < len(self.code)) for s, e in zip(starts, ends)]


@dataclass(frozen=True)
class SupervisedFigures:
    """Of one tracker over all sequences, each weighted by its length but for the EAO."""

    accuracy: float
    failures: int
    robustness: float  # failures a sequence
    eao: float


def as_sent(box_xywh: Iterable[float]) -> Box:
    """A box as TraX sends it and vot-toolkit keeps it: four decimals, 32 bits."""
    x, y, w, h = (float(np.float32(f'{np.float32(value):.4f}')) for value in box_xywh)
    return x, y, w, h


def raster_overlap(
    box_xywh: Iterable[float], truth_xywh: Iterable[float], size_wh: tuple[int, int]
) -> float:
    """IoU of two boxes in whole pixels within the image, as vot-toolkit rasterizes them.

    Where both boxes together are a line of pixels, or the part of them in the image is, the toolkit
    answers 1 or 0 whatever they are.
    """
    first, second = (np.round(np.float32(as_sent(box))) for box in (box_xywh, truth_xywh))
    low = np.minimum(first[:2], second[:2])
    high = np.maximum(first[:2] + first[2:], second[:2] + second[2:]) - 1  # the last pixels
    if (low >= high).any():
        return 1.0
    if (np.maximum(low, 0) >= np.minimum(high, np.subtract(size_wh, 1))).any():
        return 0.0
    low = np.maximum([first[:2], second[:2]], 0)
    high = np.minimum([first[:2] + first[2:], second[:2] + second[2:]], size_wh)
    sides = np.maximum(high - low, 0)
    shared = np.prod(np.maximum(high.min(0) - low.max(0), 0))
    union = np.prod(sides, 1).sum() - shared
    return float(shared / union) if union > 0 else 0.0


def run_supervised(tracker: EvalTracker, sequence: Sequence) -> SupervisedRun:
    """Run a tracker that is started again each time it has lost the target.

    It starts on the first frame with a true box, and again on the first such frame from five
    frames after a failure on; frames without a true box cannot be failures.
    """
    overlap = np.zeros(len(sequence))
    code = np.full(len(sequence), IDLE, np.int8)
    running, resume = False, 0
    for number, (image, truth) in enumerate(zip(sequence.frames(), sequence.boxes_xywh)):
        known = bool(np.isfinite(truth).all())
        if not running:
            if known and number >= resume:
                tracker.init(image, as_sent(sequence.init_box_xywh if number == 0 else truth))
                running, code[number] = True, STARTED
            continue
        box = tracker.update(image).box_xywh
        if not known:
            continue
        overlap[number] = raster_overlap(box, truth, (image.shape[1], image.shape[0]))
        running = overlap[number] > 0
        code[number] = TRACKED if running else FAILED
        resume = number + SKIPPED_FRAMES
    return SupervisedRun(sequence.name, overlap, code)


def eao_curve(runs: Iterable[SupervisedRun]) -> NDArray[np.float64]:
    """Expected average overlap by length in frames, from every start of all runs.

    A segment that failed counts with overlap 0 after its end, one that did not ends there.
    """
    segments = [segment for run in runs for segment in run.segments()]
    longest = max(len(overlap) for overlap, _ in segments)
    padded = np.zeros((len(segments), longest))
    counts = np.ones((len(segments), longest))
    for row, (overlap, failed) in enumerate(segments):
        padded[row, : len(overlap)] = overlap
        if not failed:
            counts[row, len(overlap) :] = 0.0
    padded[:, 0] = 0.0  # of the start: given, not found
    means = np.cumsum(padded, 1) / np.maximum(np.arange(longest), 1)
    return (means * counts).sum(0) / np.maximum(counts.sum(0), 1e-12)


def supervised_figures(
    runs: list[SupervisedRun], eao_range: tuple[int, int] = EAO_RANGE
) -> SupervisedFigures:
    """The figures of one tracker.

    Args:
        runs: One for each sequence.
        eao_range: Shortest and longest length of the EAO; NaN where all runs are shorter.
    """
    lengths = np.array([len(run.code) for run in runs], np.float64)
    curve = eao_curve(runs)[eao_range[0] : eao_range[1] + 1]
    return SupervisedFigures(
        accuracy=float(np.average([run.accuracy for run in runs], weights=lengths)),
        failures=sum(run.failures for run in runs),
        robustness=float(np.average([run.failures for run in runs], weights=lengths)),
        eao=float(curve.mean()) if len(curve) else float('nan'),
    )


def supervised_table(
    figures: dict[str, SupervisedFigures], eao_range: tuple[int, int] = EAO_RANGE
) -> str:
    """One row a tracker; a line below where runs are too short for an EAO."""
    header = ['tracker', 'EAO', 'accuracy', 'failures a sequence', 'failures']
    rows = [[name, f.eao, f.accuracy, f.robustness, f.failures] for name, f in figures.items()]
    table = markdown_table(header, rows)
    if any(np.isnan(one.eao) for one in figures.values()):
        table += f'\n\nno EAO: no sequence has more than {eao_range[0]} frames (--eao-range)'
    return table
