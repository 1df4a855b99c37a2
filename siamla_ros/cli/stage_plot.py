"""Where the time of an image goes, as one picture: the stages of `siamla bench --ros`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

SIZE_INCHES = (9.0, 4.5)
QUANTILES = (0.05, 0.5, 0.95)


def check_plot(path: Path) -> None:
    """Before a run, not after it.

    Raises:
        ValueError: The suffix is not .png.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if path.suffix != '.png':
        raise ValueError(f'--plot {path}: the suffix must be .png')
    import matplotlib.figure  # noqa: F401


def draw(stages_ms: Mapping[str, Sequence[float]], path: Path) -> None:
    """A bar of the median of each stage, first stage at the top, with a line from 5 to 95 %.

    Args:
        stages_ms: Name -> milliseconds of each image; stages without any are left out.
        path: Written as PNG, with its folder.
    """
    from matplotlib.figure import Figure

    known = {name: values for name, values in stages_ms.items() if len(values)}
    low, middle, high = np.array([np.quantile(v, QUANTILES) for v in known.values()]).T
    figure = Figure(SIZE_INCHES, layout='constrained')
    axes = figure.subplots()
    spread = np.abs(np.stack([middle - low, high - middle]))
    axes.barh(list(known), middle, xerr=spread, color='#4c78a8', ecolor='#555555', capsize=2)
    axes.invert_yaxis()
    axes.set_xlabel('ms, median and 5 to 95 %')
    axes.grid(axis='x', alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
