"""Targets that are cleared from outside of the worker's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from siamla_ros.online.engine import Engine
from siamla_ros.online.waiting_boxes import InitCutoffs
from siamla_ros.online.worker import Worker

CLEAR_WAIT_S = 5.0


def clear_targets(
    target_id: str | None,
    engine: Engine,
    worker: Worker | None,
    cutoffs: InitCutoffs,
    publish_cleared: Callable[[Sequence[str]], None],
) -> list[str]:
    """Forget targets, and boxes that wait for their image; the ids that were forgotten.

    Args:
        target_id: The target; None for all.
        engine: Holds the targets.
        worker: Runs the engine; None while nothing runs it.
        cutoffs: Notes that boxes from before come too late.
        publish_cleared: Publishes the ids, on the thread that runs the engine.

    Raises:
        TimeoutError: The tracker is at work on an image and does not return.
    """
    gone: list[str] = []

    def forget() -> None:
        gone.extend(engine.clear(target_id))
        publish_cleared(gone)
        if worker is not None:
            gone.extend(name for name in worker.drop_waiting(target_id) if name not in gone)
        cutoffs.note_cleared(gone, time.monotonic())

    if worker is None:
        forget()
    elif not worker.run(forget, CLEAR_WAIT_S):
        raise TimeoutError(
            f'the tracker has been at work on one image for {worker.busy_s:.1f} s, more than '
            f'{CLEAR_WAIT_S:g} s: nothing was forgotten yet'
        )
    return gone
