"""What has been done so far, in a JSON file, so that a run of hours can be interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Progress:
    """Figures by phase; written as a whole, so that a kill leaves the old file or the new one."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file; it is read if it exists.

        Raises:
            ValueError: it holds something else.
        """
        self.path = path
        self.phases: dict[str, dict[str, Any]] = {}
        if path.exists():
            try:
                self.phases = dict(json.loads(path.read_text('utf-8')))
            except ValueError as error:
                raise ValueError(f'state is {path}, it holds no progress: {error}') from error

    def of(self, phase: str) -> dict[str, Any]:
        """The figures of a phase, to be changed in place; `done` counts its units of work."""
        return self.phases.setdefault(phase, {'done': 0})

    def save(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + '.new')
        fresh.write_text(json.dumps(self.phases, indent=1) + '\n', 'utf-8')
        fresh.replace(self.path)
