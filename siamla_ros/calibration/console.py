"""How commands hand over a text that they made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def hand_over(make: Callable[[], str], output: Path | None) -> int:
    """Write what `make` returns to a file, or to standard output if there is none.

    :return: exit code; 2 when the material cannot be used (ValueError) or a file cannot (OSError),
        which is then said on standard error
    """
    try:
        text = make()
        if output is None:
            print(text, end='')
        else:
            output.write_text(text, encoding='utf-8')
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
