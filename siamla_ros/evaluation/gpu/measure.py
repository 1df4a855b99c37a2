"""Parity, latency, synchronizations and endurance on a GPU, for `siamla bench --gpu-check`. Each
function returns plain values for JSON, among them `ok`.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from typing import Any

import numpy as np

from siamla_ros.evaluation.gpu.plan import (
    Plan,
    begun,
    kinds,
    network,
    repeated,
    scene,
    started,
    tracker_on,
)
from siamla_ros.tracker.tracker import Tracker, load_tracker

PARITY_TARGETS = 6
# Largest differences from float32 on the CPU: of a box in pixels (its sides are 48) and of a score.
# On a GPU float32 convolutions may round to 10 bits of mantissa (TF32).
TOLERANCES = {'float32': (1.0, 0.02), 'float16': (2.0, 0.05)}
SCORES = ('confidence', 'classification', 'localization', 'second_peak')
CELL_MS, MIN_FRAMES = 800.0, 10  # of one cell of the latency table
SOAK_GROWTH_BYTES = 64 * 2**20
CALLS = (
    'cudaGraphLaunch',
    'cudaLaunchKernel',
    'cudaMemcpyAsync',
    'cudaEventSynchronize',
    'cudaStreamSynchronize',
    'cudaDeviceSynchronize',
)


def parity(plan: Plan) -> dict[str, Any]:
    """Every kind of run against float32 on the CPU, with crops by OpenCV, from the same states, on
    every frame.
    """
    model, decode = network('light')
    count = min(PARITY_TARGETS, plan.counts[-1])
    images, boxes = scene(plan.sizes[0], count, min(plan.frames, 40))
    reference = load_tracker(device='cpu', runtime='torch')
    followed = [started(reference, images[0], boxes)]
    expected = []
    for image in images[1:]:
        expected.append(reference.update(image, followed[-1]))
        followed.append([result.state for result in expected[-1]])
    rows = {}
    for name, make in _others(plan, model, decode):
        other = make()
        found = [other.update(image, states) for image, states in zip(images[1:], followed)]
        rows[name] = _differences(expected, found, name)
        other.close()
    return {'ok': all(row['ok'] for row in rows.values()), 'rows': rows}


def _others(plan: Plan, model: Any, decode: Any) -> Any:
    for kind in kinds(plan.device):
        yield kind, lambda kind=kind: tracker_on(model, decode, plan.device, kind)
    try:
        import onnxruntime
    except ImportError:
        return
    yield 'float32 onnxruntime cpu', lambda: load_tracker(device='cpu', runtime='onnxruntime')
    if plan.on_cuda and 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        yield (
            'float32 onnxruntime cuda',
            lambda: load_tracker(device=plan.device, runtime='onnxruntime'),
        )


def _differences(expected: list, found: list, name: str) -> dict[str, Any]:
    pairs = [pair for frame in zip(expected, found) for pair in zip(*frame)]
    box = np.abs([np.subtract(a.box_xywh, b.box_xywh) for a, b in pairs]).max(1)
    score = np.abs([[getattr(a, s) - getattr(b, s) for s in SCORES] for a, b in pairs]).max(1)
    box_limit, score_limit = TOLERANCES[name.split()[0]]
    return {
        'box_px_max': float(box.max()),
        'box_px_p99': float(np.quantile(box, 0.99)),
        'score_max': float(score.max()),
        'limits': [box_limit, score_limit],
        'ok': bool(box.max() <= box_limit and score.max() <= score_limit),
    }


def latency(plan: Plan) -> dict[str, Any]:
    """Milliseconds of one update, p50, p95 and p99, by model, kind, size and number of targets."""
    table: dict[str, Any] = {}
    for name in plan.models:
        model, decode = network(name)
        for kind in kinds(plan.device):
            tracker = tracker_on(model, decode, plan.device, kind)
            table[f'{name}, {kind}'] = {
                'how': tracker.device_reason,
                'ms': {
                    f'{width}x{height}, {count}': _times_ms(tracker, (width, height), count, plan)
                    for width, height in (plan.sizes if 'graphs' in kind else plan.sizes[:1])
                    for count in plan.counts
                },
            }
            tracker.close()
    return {'ok': True, 'table': table}


def _times_ms(
    tracker: Tracker, size_wh: tuple[int, int], count: int, plan: Plan
) -> dict[str, float]:
    images, boxes = scene(size_wh, count, 8)
    states = started(tracker, images[0], boxes)
    for image in repeated(images, 5):
        tracker.update(image, states)
    times = []
    for image in repeated(images, plan.frames):
        began = time.perf_counter()
        tracker.update(image, states)
        times.append((time.perf_counter() - began) * 1e3)
        if sum(times) > CELL_MS and len(times) >= MIN_FRAMES:
            break
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99])
    return {'p50': float(p50), 'p95': float(p95), 'p99': float(p99)}


def synchronizations(plan: Plan) -> dict[str, Any]:
    """Calls of the CUDA runtime per update, from the profiler; and none that waits unasked."""
    if not plan.on_cuda:
        return {'ok': True, 'skipped': 'no GPU in this run'}
    import torch
    from torch.profiler import ProfilerActivity, profile

    rows = {}
    for kind in kinds(plan.device):
        tracker, images, states = begun(plan, 4, 8, kind)
        tracker.update(images[0], states)
        torch.cuda.set_sync_debug_mode('error')
        try:
            with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
                for image in repeated(images, 20):
                    tracker.update(image, states)
        finally:
            torch.cuda.set_sync_debug_mode('default')
        counts = Counter({e.key: e.count for e in recorded.key_averages() if e.key in CALLS})
        rows[kind] = {call: counts[call] / 20 for call in CALLS}
        # Ending the profile waits for the device once more.
        rows[kind]['ok'] = sum(counts[call] for call in CALLS if 'Synchronize' in call) <= 22
        tracker.close()
    return {'ok': all(row['ok'] for row in rows.values()), 'rows': rows}


def soak(plan: Plan) -> dict[str, Any]:
    """Many updates: memory of device and process must not grow, nor may results change."""
    tracker, images, states = begun(plan, 1, 8)
    first = tracker.update(images[1], states)[0]
    for image in repeated(images, min(plan.updates, 500)):
        tracker.update(image, states)
    before, began, done = _memory(plan), time.monotonic(), 0
    for image in repeated(images, plan.updates):
        tracker.update(image, states)
        done += 1
        if time.monotonic() - began > plan.soak_s:
            break
    after, last = _memory(plan), tracker.update(images[1], states)[0]
    growth = {name: after[name] - before[name] for name in before}
    tracker.close()
    return {
        'ok': last == first and all(value < SOAK_GROWTH_BYTES for value in growth.values()),
        'updates': done,
        'seconds': time.monotonic() - began,
        'same result': last == first,
        'growth bytes': growth,
        'memory bytes': after,
    }


def _memory(plan: Plan) -> dict[str, int]:
    rows = {'host peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if plan.on_cuda:
        import torch

        rows['device allocated'] = torch.cuda.memory_allocated(plan.device)
        rows['device reserved'] = torch.cuda.memory_reserved(plan.device)
    return rows
