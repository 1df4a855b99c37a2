"""Updates in this process: the session that the node runs, on a film without end."""

from __future__ import annotations

import time
from typing import Any

from support.scenes import SIDE, picture

from endurance.progress import Progress
from endurance.usage import Usage, growth, usage
from siamla_ros.online.init_requests import InitError
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.stats import percentiles
from siamla_ros.tracker.results import TrackerLike

LAP = 600  # images of the film: the square runs to and fro, and is away for some of them
AWAY = range(500, 560)
SAVE_EVERY = 1000
MOST_MOMENTS = 2000
RATE_HZ = 30.0


def place(number: int) -> int | None:
    """Where the square stands on an image; None where it is away."""
    at = number % LAP
    if at in AWAY:
        return None
    return 20 + abs(at % 240 - 120) * 2


def run(tracker: TrackerLike, goal: int, progress: Progress, limit_s: float) -> dict[str, Any]:
    """Update until `goal` updates were done over all runs, or for `limit_s` seconds.

    A lost target is given again when it is back, as an operator would. Time of an update, and what
    the process holds, are noted on the way.
    """
    figures = progress.of('updates')
    images = {x: picture(x) for x in {place(number) for number in range(LAP)}}
    session, moments, times_s = TrackingSession(tracker), [], []
    end_s, first = time.monotonic() + limit_s, figures['done']
    try:
        while figures['done'] < goal and time.monotonic() < end_s:
            number = figures['done']
            began_s = time.perf_counter()
            _step(session, number, images[place(number)], figures)
            times_s.append(time.perf_counter() - began_s)
            figures['done'] += 1
            if figures['done'] % SAVE_EVERY == 0:
                _note(figures, moments, times_s)
                progress.save()
    finally:  # interrupted too: the figures of hours are kept
        _note(figures, moments, times_s)
        run = _run(figures['done'] - first, moments, times_s)
        figures['runs'] = [*figures.get('runs', []), run]
        progress.save()
    return figures


def _step(session: TrackingSession, number: int, image: Any, figures: dict[str, Any]) -> None:
    x, stamp_s = place(number), number / RATE_HZ
    outputs = session.step(image, stamp_s)
    confirmed = any(output.confirmed for output in outputs)
    figures['confirmed'] = figures.get('confirmed', 0) + confirmed
    if x is not None and not confirmed and number % 30 == 0:
        try:
            session.start('square', (x, 100, SIDE, SIDE), image, stamp_s)
            figures['inits'] = figures.get('inits', 0) + 1
        except InitError as error:
            figures['refused'] = str(error)
    if session.last_error:
        figures['error'] = session.last_error


def _note(figures: dict[str, Any], moments: list[Usage], times_s: list[float]) -> None:
    moments.append(usage())
    del moments[:-MOST_MOMENTS]
    del times_s[: -20 * SAVE_EVERY]
    figures['usage'] = usage()._asdict()


def _run(done: int, moments: list[Usage], times_s: list[float]) -> dict[str, Any]:
    """One run: growth, and how the time of an update at its end compares with all of it."""
    early, late = percentiles(times_s[: len(times_s) // 4]), percentiles(times_s[-1000:])
    return {
        'updates': done,
        'growth': growth(moments)._asdict(),
        'early_p50_ms': round(early.p50_ms, 3),
        'late_p50_ms': round(late.p50_ms, 3),
        'p99_ms': round(percentiles(times_s).p99_ms, 3),
    }
