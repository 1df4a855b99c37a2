"""Runs all tests in two processes at once: those that start nodes, beside the others.

    tools/with_env python tools/run_tests.py [--without-nodes] [options of pytest]

Nodes are waited for most of the time; the others compute meanwhile. Nodes of two processes at once
would clean up each other's shared memory, so all of them are in one. What this one says comes as
it is said, what the other says at its end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITH_NODES = ('test/ros', 'test/launch', 'test/tools')
WITHOUT_NODES = tuple(f'--ignore={folder}' for folder in WITH_NODES)
# The pytest plugins of a sourced ROS do not fit the pinned pytest; nothing here needs them.
NO_TESTS = 5  # exit status of pytest that has found none
PYTEST = (sys.executable, '-m', 'pytest', '-p', 'no:launch_testing', '-p', 'no:launch_ros')


def main(arguments: list[str]) -> int:
    """Run what is asked for; the exit status is 0 only if every test passed."""
    os.chdir(ROOT)
    if arguments[:1] == ['--without-nodes']:
        return subprocess.call([*PYTEST, *arguments[1:], *WITHOUT_NODES])
    one_thread = {'OMP_NUM_THREADS': '1', **os.environ}  # the other process wants the second core
    with tempfile.TemporaryFile() as said:
        others = subprocess.Popen(
            [*PYTEST, *arguments, *WITHOUT_NODES], env=one_thread, stdout=said, stderr=said
        )
        try:
            statuses = subprocess.call([*PYTEST, *arguments, *WITH_NODES]), others.wait()
        finally:
            others.terminate()
            others.wait()
            said.seek(0)
            sys.stdout.buffer.write(said.read())
            sys.stdout.flush()
    if NO_TESTS in statuses:  # what options choose may lie in one of the processes alone
        return min(statuses, key=lambda status: status == NO_TESTS)
    return max(abs(status) for status in statuses)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
