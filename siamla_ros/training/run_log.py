"""The figures of a run: a line of JSON and of CSV for each report, and TensorBoard if requested.

What is not defined (no pair of a kind was drawn) is null in JSON, which has no NaN.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class RunLog:
    """``log.jsonl``, ``train.csv`` and ``validation.csv`` in the folder of a run, and
    ``tensorboard/`` beside them.

    Args:
        folder: Of the run.
        tensorboard: Also write event files.

    Raises:
        ModuleNotFoundError: TensorBoard is requested and not installed; before the run, not in it.
    """

    def __init__(self, folder: Path, tensorboard: bool = False) -> None:
        self._folder, self._board, self._writer_type = folder, None, None
        if tensorboard:
            import tensorboard as _  # noqa: F401 - torch's own error names no module
            from torch.utils.tensorboard import SummaryWriter

            self._writer_type = SummaryWriter

    def begin(self, step: int) -> None:
        """Take back what a run that was killed wrote after ``step``, its checkpoint."""
        _keep(self._folder / 'log.jsonl', lambda line: json.loads(line)['step'] <= step, 0)
        for group in ('train', 'validation'):
            path = self._folder / f'{group}.csv'
            _keep(path, lambda line: int(line.partition(',')[0]) <= step, 1)

    def write(self, step: int, values: Mapping[str, Any], group: str) -> None:
        """Figures after ``step`` steps; ``group`` names the CSV file, and stands before their names
        in TensorBoard.
        """
        row = {'step': step, **values}
        with (self._folder / 'log.jsonl').open('a', encoding='utf-8') as log:
            log.write(json.dumps({name: _finite(value) for name, value in row.items()}) + '\n')
        with (self._folder / f'{group}.csv').open('a', encoding='utf-8', newline='') as table:
            writer = csv.writer(table, lineterminator='\n')
            if table.tell() == 0:
                writer.writerow(row)
            writer.writerow(row.values())
        if self._writer_type is None:
            return
        if self._board is None:  # what a stopped run wrote after its checkpoint is taken back
            self._board = self._writer_type(str(self._folder / 'tensorboard'), purge_step=step)
        for name, value in values.items():
            self._board.add_scalar(f'{group}/{name}', value, step)
        self._board.flush()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _keep(path: Path, kept: Callable[[str], bool], heading: int) -> None:
    """Remove the lines that are not kept, and one that a kill has cut short."""
    if not path.is_file():
        return
    lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
    whole = [line for line in lines[heading:] if line.endswith('\n') and _holds(kept, line)]
    if lines[heading:] != whole:
        partial = path.with_suffix('.tmp')
        partial.write_text(''.join([*lines[:heading], *whole]), encoding='utf-8')
        partial.replace(path)


def _holds(kept: Callable[[str], bool], line: str) -> bool:
    try:
        return kept(line)
    except (ValueError, LookupError, TypeError):
        return False
