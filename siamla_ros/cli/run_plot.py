"""A run as one picture: confidence of each target over time, its states, and where images lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from siamla_ros.online.overlay import COLORS_BGR
from siamla_ros.online.parameters import build, defaults
from siamla_ros.online.targets import TargetOutput
from siamla_ros.supervision.supervisor import State

WIDTH_INCHES, TARGET_INCHES = 10.0, 2.6
GAP_INTERVALS = 2.5  # a pause between images that is longer than so many usual ones is a gap
CONFIRMED_Y = -0.05
SUPERVISOR = build(defaults()).supervisor
THRESHOLDS = (SUPERVISOR.low_threshold, SUPERVISOR.high_threshold)  # of the session's defaults


class Sample(NamedTuple):
    """What is drawn of a target on one image."""

    stamp_s: float
    confidence: float
    state: State
    confirmed: bool


class RunPlot:
    """Collects the outputs of a run and draws them into a PNG file.

    Args:
        path: The file.

    Raises:
        ValueError: Its suffix is not .png.
        ModuleNotFoundError: matplotlib is not installed; before the run, not after it.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != '.png':
            raise ValueError(f'--plot {path}: the suffix must be .png')
        import matplotlib.figure  # noqa: F401

        self.path = path
        self._targets: dict[str, list[Sample]] = {}

    def add(self, stamp_s: float, outputs: Iterable[TargetOutput]) -> None:
        """Take one image of that time."""
        for item in outputs:
            sample = Sample(stamp_s, float(item.confidence), item.state, item.confirmed)
            self._targets.setdefault(item.id, []).append(sample)

    def write(self) -> None:
        """Draw a panel for each target.

        Raises:
            OSError: The file cannot be written.
        """
        from matplotlib.figure import Figure

        count = max(len(self._targets), 1)
        size = (WIDTH_INCHES, 0.5 + TARGET_INCHES * count)
        figure = Figure(figsize=size, layout='constrained')
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, samples) in zip(panels, self._targets.items()):
            self._draw(axes, name, samples)
        panels[-1].set_xlabel('time [s]')
        self.path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.path, dpi=110, metadata={'Software': None})

    def _draw(self, axes: Any, name: str, samples: Sequence[Sample]) -> None:
        for state, start_s, end_s in bands(samples):
            axes.axvspan(start_s, end_s, color=_rgb(state), alpha=0.25, linewidth=0)
        for start_s, end_s in gaps(samples):
            axes.axvspan(start_s, end_s, facecolor='white', edgecolor='gray', hatch='///')
        times = [item.stamp_s for item in samples]
        axes.plot(times, [item.confidence for item in samples], color='black', linewidth=1.0)
        confirmed = [item.stamp_s for item in samples if item.confirmed]
        axes.plot(confirmed, [CONFIRMED_Y] * len(confirmed), '|', color='tab:green', markersize=6)
        for value, words in zip(THRESHOLDS, ('low', 'high')):
            axes.axhline(value, color='gray', linestyle='--', linewidth=0.8)
            axes.annotate(
                f'{words} {value:g}', (1.0, value), xycoords=('axes fraction', 'data'), fontsize=8
            )
        axes.set(ylim=(-0.1, 1.05), ylabel='confidence')
        axes.set_title(name, loc='right', fontsize=10)
        axes.margins(x=0.0)
        handles = _legend(samples)
        axes.legend(
            handles=handles, fontsize=8, loc='lower left', bbox_to_anchor=(0, 1), ncols=len(handles)
        )


def bands(samples: Sequence[Sample]) -> Iterator[tuple[State, float, float]]:
    """State, begin and end of each stretch of images in the same state; it ends with the image that
    enters the next one.
    """
    start = 0
    for index in range(1, len(samples) + 1):
        if index == len(samples) or samples[index].state is not samples[start].state:
            last = min(index, len(samples) - 1)
            yield samples[start].state, samples[start].stamp_s, samples[last].stamp_s
            start = index


def gaps(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Begin and end of the pauses that are much longer than the usual interval between images."""
    pauses = [(before.stamp_s, after.stamp_s) for before, after in pairwise(samples)]
    usual_s = median(end - start for start, end in pauses) if pauses else 0.0
    return [(start, end) for start, end in pauses if end - start > GAP_INTERVALS * usual_s > 0.0]


def _rgb(state: State) -> tuple[float, ...]:
    return tuple(value / 255 for value in reversed(COLORS_BGR[state]))


def _legend(samples: Sequence[Sample]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    seen = {item.state for item in samples}
    marks = [Patch(color=_rgb(state), alpha=0.25, label=state.name) for state in sorted(seen)]
    marks.append(Line2D([], [], color='tab:green', marker='|', linestyle='', label='confirmed'))
    if gaps(samples):
        marks.append(Patch(facecolor='white', edgecolor='gray', hatch='///', label='no images'))
    return marks
