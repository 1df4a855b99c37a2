"""What every command line shares: an error that a user can mend is one line, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable


def guarded(prog: str, run: Callable[[], int]) -> int:
    """The exit status of `run`; 1 after an error that a user can mend, 130 after Ctrl-C.

    Such are a missing file, a bad value, unusable weights. A RuntimeError that this package has not
    raised on purpose is a fault of ours and keeps its traceback.
    """
    try:
        return run()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not type(error).__module__.startswith('siamla_ros.'):
            raise
        print(f'{prog}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
