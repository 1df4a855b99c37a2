"""`siamla bench --targets`, `--stages`, `--beside`: one update of this tracker from inside,
and what disturbs it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import numpy as np

from siamla_ros.evaluation import report
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import context_window, crops
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.decode import decode_boxes
from siamla_ros.tracker.results import TargetState
from siamla_ros.tracker.tracker import Tracker

WARM_UP_FRAMES = 5
STAGES = ('crops', 'network', 'boxes', 'rest')
Clock = Callable[[], float]


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that compute without a pause, until the end of the block."""
    command = [sys.executable, '-c', 'while True: pass']
    running = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def targets_ms(
    tracker: Tracker,
    images: Sequence[np.ndarray],
    box: Box,
    counts: Sequence[int],
    rounds: int,
    clock: Clock = time.perf_counter,
) -> dict[int, np.ndarray]:
    """Number of targets -> rounds x frames, milliseconds of one update of all of them."""
    times = {count: np.zeros((rounds, len(images))) for count in counts}
    for number in range(rounds):
        for count in counts if number % 2 == 0 else counts[::-1]:
            states = [tracker.init(images[0], place) for place in places(box, count, images[0])]
            for image in images[:WARM_UP_FRAMES]:
                tracker.update(image, states)
            for i, image in enumerate(images):
                began = clock()
                found = tracker.update(image, states)
                times[count][number, i] = (clock() - began) * 1e3
                states = [one.state for one in found]
    return times


def places(box: Box, count: int, image: np.ndarray) -> list[Box]:
    """The box and others of its size, spread over the image; the same every time."""
    height, width = image.shape[:2]
    rng = np.random.default_rng(0)
    room = np.maximum([width - box[2], height - box[3]], 1.0)
    corners = rng.uniform(0.0, room, (count - 1, 2))
    return [box, *((float(x), float(y), box[2], box[3]) for x, y in corners)]


def targets_table(times_ms: dict[int, np.ndarray]) -> str:
    """Median and 95th percentile of an update, and what each target takes of one alone."""
    alone = np.median(times_ms[min(times_ms)], axis=1) / min(times_ms)
    rows = []
    for count, rounds in times_ms.items():
        share = np.median(rounds, axis=1) / count / alone
        rows.append(
            [
                count,
                f'{np.median(rounds):.2f}',
                f'{np.quantile(rounds, 0.95):.2f}',
                f'{np.median(rounds) / count:.2f}',
                f'{np.median(share):.2f} ({share.min():.2f}-{share.max():.2f})',
            ]
        )
    header = ['targets', 'ms median', 'ms 95 %', 'ms each', 'each / fewest (range)']
    return report.markdown_table(header, rows)


def stages_ms(
    tracker: Tracker,
    images: Sequence[np.ndarray],
    box: Box,
    rounds: int,
    clock: Clock = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Stage -> milliseconds (rounds x frames) of it in one update of one target.

    Crops, network and boxes are what the update calls, timed one after the other on the same
    windows; the rest is what the whole takes beside them.

    Raises:
        ValueError: The runtime decides on the boxes itself, in one program with the network.
    """
    if hasattr(tracker.runtime, 'boxes'):
        raise ValueError(f'--stages: {tracker.runtime.name} runs one program; use onnxruntime')
    rows = []
    for _ in range(rounds):
        state = tracker.init(images[0], box)
        for image in images[:WARM_UP_FRAMES]:
            tracker.update(image, [state])
        for image in images:
            began = clock()
            found = tracker.update(image, [state])[0]
            whole = clock() - began
            parts = _stages(tracker, image, state, clock)
            rows.append([*parts, whole - sum(parts)])
            state = found.state
    shaped = np.array(rows).reshape(rounds, len(images), len(STAGES)) * 1e3
    return {name: shaped[..., i] for i, name in enumerate(STAGES)}


def _stages(
    tracker: Tracker, image: np.ndarray, state: TargetState, clock: Clock
) -> tuple[float, float, float]:
    """Seconds of crops, network and boxes."""
    model, runtime = tracker.model, tracker.runtime
    window = context_window(state.box_xywh, model.search_context, model.isotropic)
    marks = [clock()]
    crops(image, [window], model.search_size_px, [state.border_bgr])
    marks.append(clock())
    maps: Maps = runtime.respond(image, [window], [state.border_bgr], [state.template])
    marks.append(clock())
    decode_boxes(maps, [window], model.search_size_px, model.grid, [state.box_xywh], tracker.decode)
    marks.append(clock())
    cut, answered, decided = np.diff(marks)
    return float(cut), float(answered - cut), float(decided)


def stages_table(times_ms: dict[str, np.ndarray]) -> str:
    """Median and share of each stage."""
    medians = {name: float(np.median(values)) for name, values in times_ms.items()}
    whole = float(np.median(sum(times_ms.values())))
    rows = chain(
        ([name, f'{ms:.2f}', f'{ms / whole:.0%}'] for name, ms in medians.items()),
        [['update', f'{whole:.2f}', '100%']],
    )
    return report.markdown_table(['stage', 'ms median', 'share'], list(rows))
