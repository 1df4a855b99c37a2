"""Calls a service without a pause, in a process of its own: the node is measured, not its peer.

python caller.py NAMESPACE SECONDS       prints the seconds until each answer, as JSON
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from rclpy.node import Node

from siamla_ros.srv import ClearTarget

ANSWER_S = 60.0


def call(namespace: str, seconds: float) -> list[float]:
    """A clear of an id that nobody has, again and again; seconds until each answer.

    Raises:
        RuntimeError: no service, or no answer.
    """
    node = Node('caller', namespace=namespace)
    client = node.create_client(ClearTarget, 'tracker/clear_target')
    if not client.wait_for_service(timeout_sec=ANSWER_S):
        raise RuntimeError(f'there is no service {client.srv_name}')
    answers_s: list[float] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        began_s = time.perf_counter()
        future = client.call_async(ClearTarget.Request(id='nobody'))
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_S)
        if not future.done():
            raise RuntimeError(f'no answer from {client.srv_name} within {ANSWER_S:g} s')
        answers_s.append(time.perf_counter() - began_s)
    node.destroy_node()
    return answers_s


class Caller:
    """The process, and what it measured."""

    def __init__(self, namespace: str, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), namespace, str(seconds)], stdout=subprocess.PIPE
        )

    def answers_s(self) -> list[float]:
        """Seconds until each answer, when all have come.

        Raises:
            RuntimeError: the process failed.
        """
        said, _ = self._process.communicate(timeout=4 * ANSWER_S)
        if self._process.returncode:
            raise RuntimeError(f'the caller ended with code {self._process.returncode}')
        return list(json.loads(said))


if __name__ == '__main__':
    rclpy.init(args=[])
    print(json.dumps(call(sys.argv[1], float(sys.argv[2]))))
    rclpy.try_shutdown()
