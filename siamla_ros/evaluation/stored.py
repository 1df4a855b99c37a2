"""Runs and traces from a store where it holds them, made and added to it where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.followers import Trace
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.run_store import RunStore
from siamla_ros.evaluation.runner import Run, run_sequence


@dataclass(frozen=True)
class Maker:
    """Who made a trace: a tracker in one mode."""

    name: str
    describe: Callable[[], dict[str, Any]]


def run_of(store: RunStore | None, tracker: EvalTracker, sequence: Sequence) -> Run:
    """A tracker once over a sequence."""
    found = store.load(tracker, sequence) if store else None
    if found is None:
        found = run_sequence(tracker, sequence)
        if store:
            store.save(tracker, sequence, found)
    return found


def trace_of(
    store: RunStore | None, maker: Maker, follow: Callable[[Sequence], Trace], sequence: Sequence
) -> Trace:
    """What a follower vouches for in a sequence."""
    if store is None:
        return follow(sequence)
    found = store.load(maker, sequence)
    if found is not None:
        confirmed, lost = (found.extra[name] > 0 for name in ('confirmed', 'lost'))
        return Trace(found.boxes_xywh, confirmed, lost, found.confidence)
    trace = follow(sequence)
    unknown = np.full(len(sequence), np.nan)
    flags = {name: getattr(trace, name).astype(float) for name in ('confirmed', 'lost')}
    store.save(
        maker,
        sequence,
        Run(
            maker.name,
            sequence.name,
            trace.boxes_xywh,
            trace.confidence,
            unknown,
            sequence.boxes_xywh,
            sequence.absent,
            flags,
        ),
    )
    return trace
