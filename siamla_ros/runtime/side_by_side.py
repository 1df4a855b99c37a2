"""Parts of one batch side by side, each on one thread.

The threads of one forward pass wait for each other at each of its hundred operations; parts of a
batch wait once, at their end.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

SIBLINGS = '/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list'


class SideBySide:
    """Threads that share out numbered parts of the work; the caller's thread is one of them.

    Args:
        threads: At least 2.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix='siamla-windows')

    def run(self, work: Callable[[int], None], count: int) -> None:
        """Call ``work`` with each of 0 to count - 1, in no order; returns once all are done.

        An error of one of them is raised when none is at work any more.
        """
        left = deque(range(count))

        def share() -> None:
            while left:
                try:
                    number = left.popleft()
                except IndexError:  # another thread took the last one
                    return
                work(number)

        others = [self._pool.submit(share) for _ in range(min(self.threads, count) - 1)]
        try:
            share()
        finally:
            wait(others)
        for other in others:
            other.result()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def thread_count(threads: int) -> int:
    """What ONNX Runtime makes of a number of threads: 0 is one a core that this process may use."""
    if threads:
        return threads
    if not hasattr(os, 'sched_getaffinity'):  # not Linux
        return os.cpu_count() or 1
    usable = os.sched_getaffinity(0)
    try:
        return len({Path(SIBLINGS.format(cpu)).read_text(encoding='ascii') for cpu in usable})
    except OSError:
        return len(usable)
