"""Starts the processes of the demo and sees to it that none of them outlives it."""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

# What is sent to stop a process, and how long it then has to end by itself.
STOPPING = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


class Processes:
    """Child processes with a log file each; stopped and waited for at the end of a `with` block.

    Args:
        log_folder: Where <name>.log are written.
    """

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen] = {}
        log_folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: list[str]) -> None:
        """Starts a command in a session of its own: Ctrl-C reaches it only through `stop`."""
        with self.log_path(name).open('wb') as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log_path(self, name: str) -> Path:
        """The file that holds what the process writes."""
        return self._log_folder / f'{name}.log'

    def log(self, name: str) -> str:
        """What the process has written so far."""
        return self.log_path(name).read_text('utf-8', errors='replace')

    def ended(self, name: str) -> bool:
        """Whether the process is no more."""
        return self._running[name].poll() is not None

    def failures(self) -> list[str]:
        """Names of those that ended by themselves with an error."""
        return [name for name, process in self._running.items() if process.poll() not in (None, 0)]

    def stop(self, names: list[str] | None = None) -> None:
        """Ends the named processes (all), ever more firmly, and returns when none is left."""
        waiting = [self._running[name] for name in names or self._running]
        for number, patience_s in STOPPING:
            for process in waiting:
                _signal(process, number)
            deadline = time.monotonic() + patience_s
            waiting = [process for process in waiting if not _has_ended_by(process, deadline)]
            if not waiting:
                return

    def __enter__(self) -> 'Processes':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, number)  # with whatever it has started itself
        except ProcessLookupError:
            process.poll()  # it ended in between


def _has_ended_by(process: subprocess.Popen, deadline: float) -> bool:
    try:
        process.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return False
    return True
