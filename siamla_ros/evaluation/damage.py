"""Sequences whose frames turn out to be damaged: each is left out of an evaluation, by name."""

from __future__ import annotations

from collections.abc import Callable

from siamla_ros.datasets.sequence import DatasetError, Sequence


class Damage:
    """What an evaluation has had to leave out so far."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        """tell: called with what is wrong, once for each file; without it that is an error."""
        self._tell = tell
        self.errors: dict[str, DatasetError] = {}

    def note(self, name: str, error: DatasetError) -> None:
        """Leave a sequence out of the runs of all trackers; raises the error without `tell`."""
        if self._tell is None:
            raise error
        if str(error) not in map(str, self.errors.values()):  # other starts read the same files
            self._tell(str(error))
        self.errors.setdefault(name, error)

    def rest(self, sequences: list[Sequence]) -> list[Sequence]:
        """Those that are not left out; raises the first error where all of them are."""
        kept = [sequence for sequence in sequences if sequence.name not in self.errors]
        if sequences and not kept:
            raise next(iter(self.errors.values()))
        return kept

    @property
    def words(self) -> str:
        """A line below a table; empty where nothing is left out."""
        return f'left out, damaged: {", ".join(self.errors)}' if self.errors else ''
