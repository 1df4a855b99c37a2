"""What `siamla track` and `siamla bag` write: rows of a table, an annotated video, a summary."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from siamla_ros.cli.run_plot import THRESHOLDS, RunPlot
from siamla_ros.datasets.video import SourceFrame
from siamla_ros.datasets.video_sink import FrameSink
from siamla_ros.online import overlay
from siamla_ros.online.targets import MISSING, TargetOutput
from siamla_ros.tracker.results import SCORES

FIELDS = ('frame', 'time', 'id', 'state', 'reason', 'confirmed', 'x', 'y', 'w', 'h', *SCORES)
Row = dict[str, Any]


def row_of(number: int, stamp_s: float, output: TargetOutput) -> Row:
    """One target on one frame: the tracker's box whether it is confirmed or not, and its scores."""
    box = dict(zip('xywh', (round(float(value), 3) for value in output.box_xywh)))
    return {
        'frame': number,
        'time': round(stamp_s, 6),
        'id': output.id,
        'state': output.state.name,
        'reason': output.reason.name,
        'confirmed': output.confirmed,
        **box,
        **{name: round(output.score(name), 4) for name in SCORES},
    }


def open_table(path: Path | None, stack: ExitStack) -> Callable[[Row], None]:
    """Writes rows as CSV or JSON lines into a file, or as JSON lines to standard output.

    Raises:
        ValueError: Another suffix than .csv or .jsonl.
    """
    if path is None:
        return lambda row: print(json.dumps(row), flush=True)
    if path.suffix not in ('.csv', '.jsonl'):
        raise ValueError(f'--output {path}: the suffix must be .csv or .jsonl')
    path.parent.mkdir(parents=True, exist_ok=True)
    out = stack.enter_context(path.open('w', newline='', encoding='utf-8'))
    if path.suffix == '.jsonl':
        return lambda row: print(json.dumps(row), file=out)
    table = csv.DictWriter(out, FIELDS)
    table.writeheader()
    return lambda row: table.writerow({**row, 'confirmed': int(row['confirmed'])})


@dataclass(frozen=True)
class Written:
    """What `siamla track` leaves: rows, and a video and a plot where they are requested."""

    table: Callable[[Row], None]
    sink: FrameSink | None = None
    plot: RunPlot | None = None
    trails: overlay.Trails = field(default_factory=overlay.Trails)

    def add(self, frame: SourceFrame, outputs: Sequence[TargetOutput]) -> None:
        """Take one frame."""
        for output in outputs:
            self.table(row_of(frame.number, frame.stamp_s, output))
        if self.sink is not None:
            self.sink.write(self._drawn(frame, outputs), frame.stamp_s)
        if self.plot is not None:
            self.plot.add(frame.stamp_s, outputs)

    def _drawn(self, frame: SourceFrame, outputs: Sequence[TargetOutput]) -> np.ndarray:
        height, width = frame.image.shape[:2]
        return overlay.draw(
            frame.image,
            overlay.marks_of(outputs),
            f'frame {frame.number}',
            trails=self.trails.add(outputs, (width, height)),
            thresholds=THRESHOLDS,
            insets=overlay.insets_of(outputs),
        )

    def close(self) -> list[str]:
        """Complete the files; what was written, in words."""
        if self.sink is not None:
            self.sink.close()
        if self.plot is not None:
            self.plot.write()
        return ([self.sink.describe()] if self.sink else []) + (
            [f'{self.plot.path}: confidence and states over time'] if self.plot else []
        )


@dataclass
class TargetSummary:
    """Frames of one target: seen, confirmed; how often it was declared LOST, and found again."""

    frames: int = 0
    confirmed: int = 0
    lost: int = 0
    found_again: int = 0
    missing: bool = False

    def add(self, output: TargetOutput) -> None:
        """Count one frame."""
        missing = output.state in MISSING
        self.frames += 1
        self.confirmed += output.confirmed
        self.lost += missing and not self.missing
        self.found_again += self.missing and not missing
        self.missing = missing


@dataclass
class Summary:
    """A run: its targets by id, in the order in which they appeared."""

    targets: dict[str, TargetSummary] = field(default_factory=dict)

    def add(self, outputs: Iterable[TargetOutput]) -> None:
        """Count one frame of every target."""
        for output in outputs:
            self.targets.setdefault(output.id, TargetSummary()).add(output)

    def lines(self, frames: int, spent_s: float) -> Sequence[str]:
        """The run in words: frames, speed, and each target on a line."""
        rate = f', {frames / spent_s:.1f} frames/s' if spent_s > 0 else ''
        return [f'{frames} frames{rate}'] + [
            f'{name}: confirmed on {item.confirmed} of {item.frames} frames, lost {item.lost} '
            f'times, found again {item.found_again} times' + (', missing at the end' * item.missing)
            for name, item in self.targets.items()
        ]
