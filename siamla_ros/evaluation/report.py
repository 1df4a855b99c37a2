"""Tables of an evaluation: markdown for people, JSON for programs, got-10k result files."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import cv2
import numpy as np

from siamla_ros.evaluation.metrics import mean_scores
from siamla_ros.evaluation.runner import Run

SCORE_COLUMNS = {
    'success_auc': 'success AUC',
    'precision_20px': 'precision@20',
    'normalized_precision': 'norm. precision',
    'ao': 'AO',
    'sr_050': 'SR0.5',
    'sr_075': 'SR0.75',
}
PACKAGES = ('numpy', 'onnxruntime', 'torch', 'siamla-ros')


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]], digits: int = 3) -> str:
    """A table whose columns line up as plain text, too; '-' for NaN and None."""
    cells = [list(header)] + [[format_cell(value, digits) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ['| ' + ' | '.join(c.ljust(w) for c, w in zip(row, widths)) + ' |' for row in cells]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(lines)


def format_cell(value: Any, digits: int = 3) -> str:
    """One value of a table."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return '-'
    if isinstance(value, float):
        return 'never' if math.isinf(value) else f'{value:.{digits}f}'
    return str(value)


def summary_table(runs: dict[str, list[Run]]) -> str:
    """One row a tracker: means over the sequences, best AUC first, and the indicative speed."""
    rows = []
    for name, tracker_runs in runs.items():
        mean = mean_scores(run.scores for run in tracker_runs)
        speed = median_ms(tracker_runs)
        values = [getattr(mean, key) for key in SCORE_COLUMNS]
        rows.append([name, *values, f'{speed:.1f}', f'{1e3 / speed:.0f}'])
    rows.sort(key=lambda row: -row[1])
    return markdown_table(['tracker', *SCORE_COLUMNS.values(), 'ms/frame', 'fps'], rows)


def sequence_table(runs: dict[str, list[Run]], score: str = 'success_auc') -> str:
    """One row a sequence, one column a tracker."""
    names = list(runs)
    rows = []
    for parts in zip(*runs.values()):
        rows.append([parts[0].sequence, *(getattr(run.scores, score) for run in parts)])
    means = [getattr(mean_scores(run.scores for run in runs[name]), score) for name in names]
    return markdown_table(['sequence', *names], [*rows, ['mean', *means]])


def median_ms(runs: list[Run]) -> float:
    """Median time of an update over all frames, milliseconds."""
    return float(np.median(np.concatenate([run.seconds[1:] for run in runs])) * 1e3)


def run_as_dict(run: Run) -> dict[str, Any]:
    """Figures of one sequence, for JSON."""
    return {'sequence': run.sequence, **run.scores.as_dict(), 'median_ms': run.median_ms}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that have a part in the figures."""
    found = {'python': platform.python_version(), 'opencv': cv2.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = 'not installed'
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Sorted, indented, NaN and infinity as null and 'never', so that any JSON reader takes it."""
    path.write_text(json.dumps(_clean(content), indent=1, sort_keys=True) + '\n', encoding='utf-8')


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_clean(item) for item in value]
    if isinstance(value, np.generic):
        return _clean(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else 'never'
    return value


def write_got10k(folder: Path, runs: list[Run]) -> None:
    """<folder>/<tracker>/<sequence>/<sequence>_001.txt boxes, _time.txt seconds, one row a frame.

    The layout of the got-10k toolkit; _confidence.txt is added where the tracker has one.
    """
    for run in runs:
        stem = _stem(folder, run)
        stem.parent.mkdir(parents=True, exist_ok=True)
        _write_boxes(Path(f'{stem}_001.txt'), run)
        np.savetxt(f'{stem}_time.txt', run.seconds, fmt='%.8f')
        if np.isfinite(run.confidence).all():
            np.savetxt(f'{stem}_confidence.txt', run.confidence, fmt='%.6f')


def write_submissions(folder: Path, runs: list[Run]) -> None:
    """What evaluation servers take, for one tracker.

    <folder>/got10k/<tracker>.zip: as `write_got10k`, without the confidence.
    <folder>/trackingnet/<tracker>.zip: <sequence>.txt of boxes, one row a frame; the toolkits of
    OTB, LaSOT and TNL2K read the files in it, too.
    """
    tracker = runs[0].tracker
    nested, flat = folder / 'got10k', folder / 'trackingnet'
    flat.mkdir(parents=True, exist_ok=True)
    with ZipFile(nested / f'{tracker}.zip', 'w', ZIP_DEFLATED) as archive:
        for run in runs:  # and not of an evaluation before, whose files lie beside
            stem = _stem(nested, run)
            for path in (Path(f'{stem}_001.txt'), Path(f'{stem}_time.txt')):
                archive.write(path, path.relative_to(nested / tracker))
    with ZipFile(flat / f'{tracker}.zip', 'w', ZIP_DEFLATED) as archive:
        for run in runs:
            stem = _stem(nested, run)
            archive.write(f'{stem}_001.txt', f'{stem.name}.txt')


def _stem(folder: Path, run: Run) -> Path:
    return folder / run.tracker / run.sequence / run.sequence.replace('/', '_')


def _write_boxes(path: Path, run: Run) -> None:
    """x,y,w,h, with the first pixel counted as the benchmark does; zeros where there is no box."""
    rows = run.boxes_xywh + (run.origin_px, run.origin_px, 0.0, 0.0)
    rows = np.where(np.isfinite(rows).all(1, keepdims=True), rows, 0.0)
    np.savetxt(path, rows, fmt='%.3f', delimiter=',')


def write_records(path: Path, runs: list[Run]) -> None:
    """Confidence and truth, one row a frame, as calibration reads it.

    Frames that are neither known to show the target nor known not to are left out.
    """
    lines = ['sequence,frame,confidence,present,iou']
    for run in runs:
        known = run.judged | run.absent
        for frame in np.flatnonzero(known & ~np.isnan(run.confidence)):
            present = int(not run.absent[frame])
            overlap = f'{run.iou[frame]:.4f}' if present else ''
            lines.append(f'{run.sequence},{frame},{run.confidence[frame]:.6f},{present},{overlap}')
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
