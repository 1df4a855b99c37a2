"""What happens on a GPU when memory runs out, a call fails, the context dies, or another process
works beside: for `siamla bench --gpu-check`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from siamla_ros.evaluation.gpu.plan import Plan, begun, repeated, scene, started

CHILD_TIMEOUT_S = 150.0


def out_of_memory(plan: Plan) -> dict[str, Any]:
    """Too little memory for a larger frame, and for a second tracker: the first one goes on."""
    import torch

    tracker, images, states = begun(plan, 2, 2)
    expected = tracker.update(images[1], states)
    raised = ''
    if plan.on_cuda:
        total = torch.cuda.get_device_properties(plan.device).total_memory
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(
            min((torch.cuda.memory_reserved(plan.device) + 2**20) / total, 1.0), plan.device
        )
    try:
        if plan.on_cuda:
            huge = np.zeros((3000, 5000, 3), np.uint8)
            wide = [state.moved((0.0, 0.0, 5000.0, 3000.0), 1.0) for state in states]
            tracker.update(huge, wide)
        else:
            raise torch.OutOfMemoryError('dry run')
    except torch.OutOfMemoryError as error:
        raised = str(error).splitlines()[0]
    finally:
        if plan.on_cuda:
            torch.cuda.set_per_process_memory_fraction(1.0, plan.device)
    same = _alike(tracker.update(images[1], states), expected)
    tracker.close()
    return {'ok': bool(raised) and same, 'raised': raised, 'goes on with the same boxes': same}


def failed_call(plan: Plan) -> dict[str, Any]:
    """An error of the device that passes: everything on it is made anew, targets go on."""
    tracker, images, states = begun(plan, 2, 2)
    expected = tracker.update(images[1], states)
    runtime: Any = tracker.runtime

    def fail(key: Any) -> None:
        raise RuntimeError('CUDA error: injected')

    runtime._work.programs.run = fail
    began = time.monotonic()
    same = _alike(tracker.update(images[1], states), expected)
    spent_s = time.monotonic() - began
    rebuilt = runtime.rebuilt
    tracker.close()
    return {'ok': same and rebuilt == 1, 'same boxes': same, 'seconds to make it anew': spent_s}


def dead_context(plan: Plan) -> dict[str, Any]:
    """An error after which CUDA refuses every call of the process, in a process of its own."""
    if not plan.on_cuda:
        return {'ok': True, 'skipped': 'no GPU in this run'}
    return _answer(_start('dead', plan))


def die(plan: Plan) -> dict[str, Any]:
    """In the child: kill the context, then go on on the CPU from the templates."""
    import torch

    from siamla_ros.runtime.device import DeviceLostError
    from siamla_ros.tracker.tracker import load_tracker

    tracker = load_tracker(device=plan.device, runtime='torch')
    images, boxes = scene(plan.sizes[0], 2, 2)
    states = started(tracker, images[0], boxes)
    expected = tracker.update(images[1], states)
    killed = 'nothing'
    try:
        torch.zeros(4, device=plan.device)[torch.tensor([9], device=plan.device)].cpu()
    except RuntimeError as error:
        killed = str(error).splitlines()[0]
    try:
        tracker.update(images[1], states)
        return {'ok': False, 'killed': killed, 'then': 'the device still worked'}
    except DeviceLostError as error:
        lost = str(error)
    other = load_tracker(device='auto')
    same = _alike(other.update(images[1], states), expected)
    return {'ok': same and other.device == 'cpu', 'lost': lost, 'then': other.device_reason}


def two_processes(plan: Plan) -> dict[str, Any]:
    """Two trackers in processes of their own, at once: both find what one alone finds."""
    alone = work(plan)
    children = [_start('work', plan) for _ in range(2)]
    together = [_answer(child) for child in children]
    boxes = [row.get('boxes') for row in together]
    same = all(
        value is not None and bool(np.allclose(value, alone['boxes'], atol=0.5)) for value in boxes
    )
    return {
        'ok': same and alone['ok'],
        'same boxes': same,
        'alone p50 ms': alone['p50 ms'],
        'together p50 ms': [row.get('p50 ms') for row in together],
    }


def work(plan: Plan) -> dict[str, Any]:
    """In a child: track for a while."""
    tracker, images, states = begun(plan, 1, 8)
    times = []
    for image in repeated(images, plan.frames * 5):
        began = time.perf_counter()
        results = tracker.update(image, states)
        times.append((time.perf_counter() - began) * 1e3)
    found = [float(v) for v in results[0].box_xywh]
    return {'ok': True, 'boxes': found, 'p50 ms': float(np.median(times))}


ROLES = {'dead': die, 'work': work}


def _start(role: str, plan: Plan) -> subprocess.Popen:
    brief = ['--brief'] if plan.frames < 10 else []
    command = [sys.executable, '-m', 'siamla_ros.evaluation.gpu.check', '--device', plan.device]
    return subprocess.Popen(
        [*command, '--role', role, *brief],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(child: subprocess.Popen) -> dict[str, Any]:
    try:
        out, err = child.communicate(timeout=CHILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return {'ok': False, 'error': f'no answer within {CHILD_TIMEOUT_S:g} s'}
    lines = out.splitlines()
    if child.returncode or not lines:
        return {'ok': False, 'error': err.strip()[-500:]}
    try:
        return json.loads(lines[-1])
    except ValueError:
        return {'ok': False, 'error': f'answered {lines[-1][:200]!r}'}


def _alike(found: list, expected: list) -> bool:
    return all(
        np.allclose(a.box_xywh, b.box_xywh, atol=1.0) and abs(a.confidence - b.confidence) < 0.02
        for a, b in zip(found, expected, strict=True)
    )
