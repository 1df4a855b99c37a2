"""Sends what the ROS-free parts log to the node's logger; the same complaint at most once a
second.
"""

from __future__ import annotations

import logging
import time
from typing import Any

REPEAT_S = 1.0


class LogBridge(logging.Handler):
    """A logging handler in front of an rclpy logger."""

    def __init__(self, ros_logger: Any) -> None:
        super().__init__()
        self._ros = ros_logger
        self._last: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record, or count it if the same was logged a moment ago."""
        now_s = time.monotonic()
        said_s, silent = self._last.get(record.msg, (-REPEAT_S, 0))
        if now_s - said_s < REPEAT_S:
            self._last[record.msg] = (said_s, silent + 1)
            return
        self._last[record.msg] = (now_s, 0)
        text = self.format(record)
        if silent:
            text += f' ({silent} more of these in between)'
        # rclpy ties a severity to each line that logs, hence a line for each
        if record.levelno >= logging.ERROR:
            self._ros.error(text)
        elif record.levelno >= logging.WARNING:
            self._ros.warning(text)
        else:
            self._ros.info(text)


def connect(ros_logger: Any) -> LogBridge:
    """Attach a bridge to the loggers of this package."""
    bridge = LogBridge(ros_logger)
    logger = logging.getLogger('siamla_ros')
    logger.addHandler(bridge)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return bridge


def disconnect(bridge: LogBridge) -> None:
    """Detach it."""
    logging.getLogger('siamla_ros').removeHandler(bridge)
