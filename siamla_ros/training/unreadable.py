"""Pictures that cannot be read: one among a million must not end a run of days.

A pair is a function of its number alone, so a run that ended at one would end there whenever it is
resumed.
"""

from __future__ import annotations

import sys

from siamla_ros.training.pairs import Pair, PairSource

SPARE = 2**40  # from a number of a pair to those that stand in for it; no run has as many pairs
MOST_IN_A_ROW = 20  # then it is not a picture, but the disk

_named: set[str] = set()


def leave_out(error: OSError) -> None:
    """Name the picture on standard error, once in each process."""
    if str(error) not in _named:
        _named.add(str(error))
        print(f'left out: {error}', file=sys.stderr)


def readable_pair(source: PairSource, index: int) -> Pair:
    """The pair of this number, or another, always the same one, if a picture of it is damaged.

    Raises:
        OSError: Nothing can be read.
    """
    for spare in range(index, index + MOST_IN_A_ROW * SPARE, SPARE):
        try:
            return source.pair(spare)
        except OSError as error:
            leave_out(error)
            last = error
    raise last
