"""Makes the tracker of the node, and frees it."""

from __future__ import annotations

from collections.abc import Callable

from siamla_ros.online.settings import NodeSettings
from siamla_ros.online.tracker_like import TrackerLike

TrackerFactory = Callable[[NodeSettings], TrackerLike]


def default_factory(settings: NodeSettings) -> TrackerLike:
    """The real tracker. Imported late: a missing torch is a reason not to configure, not a
    crash.
    """
    from siamla_ros.tracker.tracker import load_tracker

    return load_tracker(
        model=settings.model,
        device=settings.device,
        runtime=settings.runtime,
        threads=settings.threads,
        half=settings.half,
    )


def close_tracker(tracker: TrackerLike) -> None:
    """Give the memory of a device back, where the tracker has some."""
    close = getattr(tracker, 'close', None)
    if close is not None:
        close()
