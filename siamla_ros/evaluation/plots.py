"""Plots of an evaluation as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from siamla_ros.evaluation.confidence import CORRECT_IOU, pooled, reliability
from siamla_ros.evaluation.metrics import (
    NORMALISED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    SUCCESS_THRESHOLDS,
    curves,
)
from siamla_ros.evaluation.runner import Run
from siamla_ros.evaluation.stability import Row

SIZE_INCHES = (6.0, 4.5)


def _new(size: tuple[float, float] = SIZE_INCHES):
    # The object interface: no global figure list, no display needed.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout='constrained')
    return figure, figure.add_subplot()


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={'Software': None})


def curve_plots(folder: Path, runs: dict[str, list[Run]]) -> list[Path]:
    """success.png, precision.png, normalized_precision.png: means over the sequences."""
    kinds = {
        'success': ('success', SUCCESS_THRESHOLDS, 'overlap threshold'),
        'precision': ('precision', PRECISION_THRESHOLDS, 'center error threshold [px]'),
        'normalized_precision': ('normalized', NORMALISED_THRESHOLDS, 'normalized center error'),
    }
    paths = []
    for name, (field, thresholds, label) in kinds.items():
        figure, axes = _new()
        for tracker, tracker_runs in runs.items():
            each = [getattr(curves(run.boxes_xywh, run.truth_xywh), field) for run in tracker_runs]
            mean = np.mean(each, axis=0)
            figure_of_merit = mean[20] if field == 'precision' else mean.mean()
            axes.plot(thresholds, mean, label=f'{tracker} [{figure_of_merit:.3f}]')
        axes.set(xlabel=label, ylabel='share of frames', ylim=(0, 1), title=name.replace('_', ' '))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        paths.append(folder / f'{name}.png')
        _save(figure, paths[-1])
    return paths


def timeline_plot(path: Path, run: Run) -> None:
    """Confidence and IoU of one run over its frames; absent frames are shaded."""
    figure, axes = _new((9.0, 3.0))
    frames = np.arange(len(run.iou))
    overlap = np.where(np.isnan(run.truth_xywh).any(1), np.nan, run.iou)
    axes.plot(frames, overlap, color='tab:gray', label='IoU')
    axes.plot(frames, run.confidence, color='tab:blue', label='confidence')
    axes.fill_between(frames, 0, 1, where=run.absent, color='tab:red', alpha=0.15, label='absent')
    axes.set(xlabel='frame', ylim=(0, 1.02), title=f'{run.tracker}: {run.sequence}')
    axes.legend(fontsize=8, loc='lower left')
    _save(figure, path)


def reliability_plot(path: Path, runs: dict[str, list[Run]]) -> None:
    """How often the box is right (IoU > 0.5) at each confidence, for trackers that have one."""
    figure, axes = _new((5.0, 5.0))
    axes.plot([0, 1], [0, 1], color='black', linewidth=0.8, linestyle='--')
    for tracker, tracker_runs in runs.items():
        confidence, overlap = pooled(tracker_runs)
        if len(confidence):
            bins = reliability(confidence, overlap > CORRECT_IOU)
            label = f'{tracker} [ECE {bins.ece:.3f}]'
            axes.plot(bins.confidence, bins.accuracy, marker='o', label=label)
    axes.set(
        xlabel='confidence', ylabel=f'share with IoU > {CORRECT_IOU}', xlim=(0, 1), ylim=(0, 1)
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path)


def stability_plot(path: Path, rows: list[Row]) -> None:
    """What each variant adds to the AUC, with its 95 % interval, a color a group."""
    figure, axes = _new((7.0, 1.2 + 0.2 * len(rows)))
    places = np.arange(len(rows))
    change = np.array([row.auc - row.before for row in rows])
    ends = np.array([[row.low, row.high] for row in rows])
    for color, group in enumerate(dict.fromkeys(row.group for row in rows)):
        own = np.array([row.group == group for row in rows])
        bars = np.maximum((ends[own] - change[own, None]).T * [[-1], [1]], 0)
        axes.errorbar(
            change[own], places[own], xerr=bars, fmt='o', color=f'C{color}', capsize=2, label=group
        )
    axes.axvline(0, color='black', linewidth=0.8)
    axes.set_yticks(places, [row.name for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel='AUC minus that from the exact first box, 95 % over targets')
    axes.grid(alpha=0.3, axis='x')
    axes.legend(fontsize=8)
    _save(figure, path)


def plot_all(folder: Path, runs: dict[str, list[Run]]) -> None:
    """Every plot of a one-pass evaluation."""
    curve_plots(folder, runs)
    reliability_plot(folder / 'reliability.png', runs)
    for tracker_runs in runs.values():
        for run in tracker_runs:
            if np.isfinite(run.confidence[1:]).any():
                name = run.sequence.replace('/', '_')
                timeline_plot(folder / 'confidence' / run.tracker / f'{name}.png', run)
