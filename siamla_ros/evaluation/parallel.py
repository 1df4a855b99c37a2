"""One-pass runs in several processes, each with trackers of its own."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from siamla_ros.datasets.sequence import DatasetError, Sequence
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.runner import Run, run_sequence

MakeTrackers = Callable[[], list[EvalTracker]]
Task = tuple[int, Sequence]  # number of the tracker

_trackers: list[EvalTracker] = []  # of this worker process


def run_tasks(
    tasks: list[Task], make: MakeTrackers, cells: bool, jobs: int
) -> Iterator[tuple[Task, Run | DatasetError]]:
    """Yield each task with its run, or what is wrong with its frames, as it is done, in any order.

    Args:
        tasks: What to run.
        make: Makes the trackers; called once in each process, so it must be picklable.
        cells: As for `run_sequence`.
        jobs: Number of processes.

    Raises:
        ChildProcessError: A process was killed.
        Exception: What a run raised; tasks that have not begun are given up.
    """
    context = multiprocessing.get_context('spawn')  # threads of a network do not survive a fork
    with ProcessPoolExecutor(jobs, context, _begin, (make,)) as pool:
        pending: dict[Future[Run | DatasetError], Task] = {
            pool.submit(_run, number, sequence, cells): (number, sequence)
            for number, sequence in tasks
        }
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        except BrokenProcessPool as error:
            _let_go(pool)
            raise ChildProcessError(
                f'--jobs {jobs}: a process ended without an answer (killed, or out of memory); '
                'finished runs are kept: --resume goes on, with fewer jobs perhaps'
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _let_go(pool: ProcessPoolExecutor) -> None:
    """Python 3.10 waits for ever, at the end of a broken pool, to write a large task into the pipe
    of a process that has died (python/cpython#94777). Later versions close the pipe themselves, and
    to close it twice may close what has been opened meanwhile.
    """
    queue = getattr(pool, '_call_queue', None)
    if queue is not None and sys.version_info < (3, 11):
        queue._reader.close()


def _begin(make: MakeTrackers) -> None:
    _trackers[:] = make()


def _run(number: int, sequence: Sequence, cells: bool) -> Run | DatasetError:
    try:
        return run_sequence(_trackers[number], sequence, look_at_cells=cells)
    except DatasetError as error:
        return error
