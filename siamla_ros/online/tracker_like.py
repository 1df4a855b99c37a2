"""What the session needs of a tracker, and what belongs to its weights."""

from __future__ import annotations

from siamla_ros.redetection.redetector import WINDOW
from siamla_ros.supervision.acceptance import AcceptanceModel
from siamla_ros.supervision.presence import EvidenceModel
from siamla_ros.tracker.results import TrackerLike

MAX_ERROR_LENGTH = 500


def search_window(tracker: TrackerLike) -> float:
    """Side of the tracker's search window in box sides: other weights may have another context."""
    network = getattr(tracker, 'model', None)
    return network.search_context if network is not None else WINDOW


def fitted_models(tracker: object) -> tuple[EvidenceModel, AcceptanceModel]:
    """What was fitted to a tracker's weights; the shipped models for a tracker without.

    Raises ValueError naming the value that cannot be.
    """
    fitted = getattr(tracker, 'calibration', {})
    return (
        EvidenceModel(**fitted.get('evidence', {})),
        AcceptanceModel(**fitted.get('acceptance', {})),
    )


def named(error: Exception) -> str:
    """Type and message of an error, bounded: a runtime may put a whole graph into its message."""
    text = f'{type(error).__name__}: {error}'
    return text if len(text) <= MAX_ERROR_LENGTH else f'{text[:MAX_ERROR_LENGTH]}...'
