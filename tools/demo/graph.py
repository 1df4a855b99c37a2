"""What the demos share: how a node is started, and how to wait until the graph is there."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from ament_index_python.packages import get_package_prefix
from processes import Processes
from rclpy.executors import SingleThreadedExecutor

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = '/siamla_demo'
START_LIMIT_S = 90.0  # until all nodes are there: loading torch takes long on a cold disk
# DDS tells the two ends of a connection of each other one after the other, and tells them again
# after 3 s where a message was lost: a camera that sees its viewers may not be seen by them yet.
SETTLE_S = 4.0


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why."""


def parameters(namespace: str = NAMESPACE, /, **values: object) -> list[str]:
    """The arguments that set namespace and parameters of a node."""
    pairs = [('-p', f'{name}:={value}') for name, value in values.items()]
    return ['--ros-args', '-r', f'__ns:={namespace}', *(part for pair in pairs for part in pair)]


def node(executable: str, namespace: str = NAMESPACE, /, **values: object) -> list[str]:
    """The command that starts a node of the package in the demo's namespace, or in another."""
    path = Path(get_package_prefix('siamla_ros'), 'lib', 'siamla_ros', executable)
    return [str(path), *parameters(namespace, **values)]


def raise_on_failure(processes: Processes) -> None:
    """DemoError with the log of the process that failed, if one has."""
    for name in processes.failures():
        raise DemoError(f'the {name} failed:\n{processes.log(name)}')


def raise_on_refusal(processes: Processes) -> None:
    """DemoError with the reason, if the tracker cannot be configured: its process lives on."""
    if reason := re.search(r'cannot be configured: .*', processes.log('tracker')):
        raise DemoError(f'the tracker {reason.group()}')


def wait_for_graph(
    processes: Processes, executor: SingleThreadedExecutor, complete: Callable[[], bool]
) -> None:
    """Until `complete`.

    Raises:
        DemoError: A process failed, the tracker cannot be configured, or it takes too long.
    """
    limit_s = time.monotonic() + START_LIMIT_S
    while not complete():
        executor.spin_once(timeout_sec=0.1)
        raise_on_failure(processes)
        raise_on_refusal(processes)
        if time.monotonic() > limit_s:
            raise DemoError(
                f'the nodes did not come up within {START_LIMIT_S:.0f} s:\n'
                + processes.log('tracker')
            )
    where = re.search(r'runs on [^\x1b\n]*', processes.log('tracker'))
    print('tracker is active:', where.group() if where else '', flush=True)


def spin(executor: SingleThreadedExecutor, processes: Processes, seconds: float) -> None:
    """Handles what comes for a while.

    Raises:
        DemoError: A process failed.
    """
    limit_s = time.monotonic() + seconds
    while time.monotonic() < limit_s:
        executor.spin_once(timeout_sec=0.1)
    raise_on_failure(processes)
