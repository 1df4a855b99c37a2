"""The figures of a run: a line of JSON for each report, and TensorBoard where it is requested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RunLog:
    """``log.jsonl`` in the folder of a run, and ``tensorboard/`` beside it.

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

    def write(self, step: int, values: Mapping[str, Any], group: str) -> None:
        """Figures after ``step`` steps; ``group`` stands before their names in TensorBoard."""
        with (self._folder / 'log.jsonl').open('a', encoding='utf-8') as log:
            log.write(json.dumps({'step': step, **values}) + '\n')
        if self._writer_type is None:
            return
        if self._board is None:  # what a stopped run wrote after its checkpoint is taken back
            self._board = self._writer_type(str(self._folder / 'tensorboard'), purge_step=step)
        for name, value in values.items():
            self._board.add_scalar(f'{group}/{name}', value, step)
        self._board.flush()
