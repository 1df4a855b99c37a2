"""The thresholds of a running tracker node, read now and then: they are its parameters."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

NAMES = ('supervisor.low_threshold', 'supervisor.high_threshold')
PERIOD_S = 2.0


class TrackerThresholds:
    """Keeps `values`: confidences in [0, 1]; empty while the tracker does not answer.

    Args:
        node: whose executor receives the answers.
        tracker: name of the tracker node, relative to the node's namespace.
    """

    def __init__(self, node: Node, tracker: str) -> None:
        self.values: tuple[float, ...] = ()
        self._client = node.create_client(GetParameters, f'{tracker}/get_parameters')
        self._asked: Any = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(PERIOD_S, self._ask, clock=steady)

    def _ask(self) -> None:
        if self._asked is not None and not self._asked.done():
            self._client.remove_pending_request(self._asked)  # the tracker went away meanwhile
            self._asked, self.values = None, ()
        if not self._client.service_is_ready():
            self.values = ()
            return
        self._asked = self._client.call_async(GetParameters.Request(names=NAMES))
        self._asked.add_done_callback(self._take)

    def _take(self, future: Any) -> None:
        answer = future.result()
        values = answer.values if answer is not None else ()
        if all(value.type == ParameterType.PARAMETER_DOUBLE for value in values):
            self.values = tuple(sorted(value.double_value for value in values))
