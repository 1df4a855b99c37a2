"""rclpy's executor with many threads, less a fault of it that costs frames."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.executors import MultiThreadedExecutor, TimeoutException

PATIENCE_S = (
    0.2  # with all threads at work, how long until the spinning thread checks other conditions
)


class ThreadedExecutor(MultiThreadedExecutor):
    """Takes the next callback when a thread has begun with the last one, not before.

    A callback that has not begun is still ready, so rclpy's executor does not wait. Before 10.0.4
    it hands the same callback to its threads again and again
    (https://github.com/ros2/rclpy/issues/1452). Later versions are woken by the QoS events of a
    subscription whose message has not been taken yet: Fast DDS has one condition for both. Each
    turn takes Python's lock from the thread that should begin. While a network computes, callbacks
    then come some tenths of a second late, for seconds on end.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._begun = threading.Event()
        self._begun.set()

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """The next callback; what `spin` and `spin_once` call.

        Raises:
            TimeoutException: All threads are at work, or nothing is ready.
        """
        if not self._begun.wait(PATIENCE_S):
            raise TimeoutException
        task, entity, node = super().wait_for_ready_callbacks(*args, **kwargs)
        self._begun.clear()
        return _Submission(task, self._begun), entity, node


class _Submission:
    """A task on its way to a thread; otherwise like the task."""

    def __init__(self, task: Any, begun: threading.Event) -> None:
        self._task, self._begun = task, begun

    def __call__(self) -> None:
        self._begun.set()
        self._task()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)
