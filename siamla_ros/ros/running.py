"""Running a node until SIGINT or SIGTERM: no traceback, exit code 0."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from siamla_ros.ros.executor import ThreadedExecutor
from siamla_ros.ros.memory import keep_freed_memory
from siamla_ros.ros.rclpy_adapter import ARGUMENT_ERRORS, InvalidHandle
from siamla_ros.ros.shared_memory import remove_dead_segments

POLL_S = 0.2  # how often to check whether the node has finished


class RosArgumentsError(ValueError):
    """What follows `--ros-args` cannot be used; the message says why."""


def own_arguments(args: list[str]) -> list[str]:
    """A command line without the arguments of ROS; RosArgumentsError where these are wrong."""
    with _arguments_named():
        return remove_ros_args(args)


@contextmanager
def _arguments_named() -> Iterator[None]:
    try:
        yield
    except ARGUMENT_ERRORS as error:
        reason = str(error).partition(', at /')[0]  # without lines of rcl's source
        raise RosArgumentsError(f'--ros-args cannot be used: {reason}') from error


@contextmanager
def ros_session(args: list[str] | None = None) -> Iterator[None]:
    """rclpy initialized within the block; `with rclpy.init()` exists only since Jazzy.

    Raises:
        RosArgumentsError: Unknown arguments, or a file of parameters that cannot be read.
    """
    with _arguments_named():
        rclpy.init(args=args)
    try:
        yield
    finally:
        rclpy.try_shutdown()


def run(
    make_node: Callable[[], Node],
    args: list[str] | None = None,
    threads: int = 1,
    keep_memory: bool = True,
) -> int:
    """Make a node and spin it; its `close` method, if any, is called at the end.

    Args:
        make_node: may raise ValueError: a parameter is bad.
        args: the command line.
        threads: of the executor that runs callbacks.
        keep_memory: of freed images, for the next ones.

    Returns:
        Exit code: that of the node (attribute `exit_code`) or 0; 1 if it refused its parameters, or
        `--ros-args` cannot be used.
    """
    code = 0
    try:
        remove_dead_segments()
        if keep_memory:
            keep_freed_memory()
        _handle_interrupt(signal.SIG_DFL)
        with ros_session(args):
            code = _make_and_spin(make_node, threads)
            _handle_interrupt(signal.SIG_IGN)
    except RosArgumentsError as error:
        print(f'error: {error}', file=sys.stderr)
        code = 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    # A lifecycle node is part of a cycle, and the traceback of an exception that is being handled
    # holds a node too. Unless it is collected, its participant is never destroyed and leaves a
    # shared-memory segment. Collecting torch's million objects once more at exit takes seconds, and
    # launch waits five: what is left now is not collected again.
    gc.collect()
    gc.freeze()
    return code


def _handle_interrupt(action: signal.Handlers) -> None:
    """What SIGINT does besides ending rclpy's context, as SIGTERM does it.

    Python's own handler would raise KeyboardInterrupt wherever the main thread is, which leaves a
    half-made node behind that is never destroyed. A SIGINT that is ignored stays so: a shell
    ignores it for its background jobs.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, action)


def _make_and_spin(make_node: Callable[[], Node], threads: int) -> int:
    """The exit code; no reference to the node outlives this function."""
    try:
        node = make_node()
    except Exception as error:
        if not rclpy.ok():  # a signal ended the context under its hands
            return 0
        if not isinstance(error, ValueError):
            raise
        print(f'error: {error}', file=sys.stderr)
        return 1
    spin(node, threads)
    return getattr(node, 'exit_code', 0)


def spin_once(executor: Executor) -> None:
    """Run what is ready, waiting for it a moment."""
    try:
        executor.spin_once(timeout_sec=POLL_S)
    except InvalidHandle:
        # A lifecycle transition in another thread destroyed a subscription or publisher while rclpy
        # was waiting for its events; the next wait goes without it.
        return


def spin(node: Node, threads: int) -> None:
    """Run callbacks until the context is shut down or the node's attribute `finished` is true."""
    executor: Executor | None = None
    try:
        if node.context.ok():
            executor = SingleThreadedExecutor() if threads == 1 else ThreadedExecutor(threads)
            executor.add_node(node)
        while node.context.ok() and not getattr(node, 'finished', False):
            spin_once(executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if node.context.ok():  # else: a signal ended the context while rclpy was using it
            raise
    finally:
        if hasattr(node, 'close'):
            node.close()
        if executor is not None:
            executor.shutdown(timeout_sec=2.0)
        node.destroy_node()
