"""The tracker of a session: made from settings, freed, and what was fitted to its weights."""

from __future__ import annotations

from collections.abc import Callable

from siamla_ros.online.settings import NodeSettings
from siamla_ros.redetection.redetector import WINDOW
from siamla_ros.supervision.acceptance import AcceptanceModel
from siamla_ros.supervision.presence import EvidenceModel
from siamla_ros.tracker.results import TrackerLike

MAX_ERROR_LENGTH = 500
TrackerFactory = Callable[[NodeSettings], TrackerLike]


def default_factory(settings: NodeSettings) -> TrackerLike:
    """The real tracker. Imported late: a missing torch is a reason not to configure, not a
    crash.
    """
    from siamla_ros.tracker.tracker import load_tracker

    tracker = load_tracker(
        model=settings.model,
        device=settings.device,
        runtime=settings.runtime,
        threads=settings.threads,
        half=settings.half,
    )
    tracker.keep_responses = settings.debug_response_map
    return tracker


def close_tracker(tracker: TrackerLike) -> None:
    """Give the memory of a device back, where the tracker has some."""
    close = getattr(tracker, 'close', None)
    if close is not None:
        close()


def search_window(tracker: TrackerLike) -> float:
    """Side of the tracker's search window in box sides: other weights may have another context."""
    network = getattr(tracker, 'model', None)
    return network.search_context if network is not None else WINDOW


def fitted_models(tracker: object) -> tuple[EvidenceModel, AcceptanceModel]:
    """What was fitted to a tracker's weights; the shipped models for a tracker without.

    Raises ValueError naming the value that cannot be.
    """
    fitted = getattr(tracker, 'calibration', {})
    try:
        return (
            EvidenceModel(**fitted.get('evidence', {})),
            AcceptanceModel(**fitted.get('acceptance', {})),
        )
    except TypeError as error:  # a name that none of them has
        raise ValueError(f'calibration of the weights: {error}') from error


def named(error: Exception) -> str:
    """Type and message of an error, bounded: a runtime may put a whole graph into its message."""
    text = f'{type(error).__name__}: {error}'
    return text if len(text) <= MAX_ERROR_LENGTH else f'{text[:MAX_ERROR_LENGTH]}...'
