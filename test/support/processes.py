"""Nodes as processes of their own, whose output is kept and of which none is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

LIMIT_S = 120.0  # of what takes seconds on a machine that is not busy


class Process:
    """A child whose output is collected in a file."""

    def __init__(self, folder, name, *command):
        self.log = folder / f'{name}.log'
        with self.log.open('w') as out:
            self.child = subprocess.Popen(
                [sys.executable, *command], stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def text(self):
        return self.log.read_text()

    def says(self, words, timeout_s=LIMIT_S):
        end_s = time.monotonic() + timeout_s
        while words not in self.text:
            failed = self.child.poll() is not None or 'cannot be configured' in self.text
            assert not failed and time.monotonic() < end_s, self.text
            time.sleep(0.05)

    def end(self, how=signal.SIGINT):
        self.child.send_signal(how)
        return self.child.wait(timeout=20.0)


def parameters(**values):
    return [
        '--ros-args',
        *(part for name, value in values.items() for part in ('-p', f'{name}:={value}')),
    ]
