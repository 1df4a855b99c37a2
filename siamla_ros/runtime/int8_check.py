"""Whether this machine should search in 8 bits: what the CPU can do, and a trial against float.

CPUs without dot products of bytes add them up in 16 bits, where sums saturate, and gain nothing.
What a CPU says of itself is not enough (emulation, an ONNX Runtime built without these
instructions), so that both graphs run on one drawn picture, and 8 bits are taken only where they
give the same answer in less time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from siamla_ros.geometry import boxes
from siamla_ros.geometry.crops import ImageArray, context_window
from siamla_ros.model.config import ModelConfig
from siamla_ros.runtime.base import Maps, Runtime

CPU_INFO = Path('/proc/cpuinfo')
DOT_PRODUCTS = ('avx512_vnni', 'avx_vnni', 'asimddp')
"""What Linux calls dot products of bytes, on x86 and on Arm."""
MOST_TIME = 0.9  # of what float takes
MOST_DIFFERENCE = 0.1  # of p and of Q, in any cell
LEAST_IOU = 0.8  # of the box of the best cell with that in float
TIMED_RUNS = 5
TARGET_XYWH = (130.0, 90.0, 60.0, 48.0)


class TrialResult(NamedTuple):
    """Whether to search in 8 bits, and why, in words for a log."""

    use: bool
    reason: str


def dot_product(cpu_info: Path = CPU_INFO) -> str:
    """The instructions for dot products of bytes that this CPU has; empty without or unknown."""
    try:
        text = cpu_info.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
    found = {
        word
        for line in text.splitlines()
        if line.lower().startswith(('flags', 'features'))
        for word in line.partition(':')[2].split()
    }
    return next((name for name in DOT_PRODUCTS if name in found), '')


def compare(model: ModelConfig, in_float: Runtime, in_8_bits: Runtime) -> TrialResult:
    """Both runtimes on the same drawn picture: answers first, then time.

    Time is that of the processor: the machine may be busy while a node starts.
    """
    (expected, float_ms), (found, int8_ms) = (
        _trial(model, runtime) for runtime in (in_float, in_8_bits)
    )
    differs = float(
        np.abs(
            np.stack([expected.classification, expected.quality])
            - np.stack([found.classification, found.quality])
        ).max()
    )
    best = np.unravel_index(int(expected.classification[0].argmax()), found.quality[0].shape)
    cell = (slice(None), *best)
    overlap = float(boxes.iou(_reach(expected.ltrb[0][cell]), _reach(found.ltrb[0][cell])))
    share = int8_ms / float_ms
    answer = f'IoU {overlap:.2f} and scores within {differs:.2f} of those in float'
    if not (differs <= MOST_DIFFERENCE and overlap >= LEAST_IOU):  # also refuses NaN
        return TrialResult(False, f'8 bits answer otherwise ({answer})')
    if share > MOST_TIME:
        return TrialResult(False, f'8 bits take {share:.2f} of the time in float')
    return TrialResult(True, f'{share:.2f} of the time in float, {answer}')


def _trial(model: ModelConfig, runtime: Runtime) -> tuple[Maps, float]:
    """Answer and median processor time, ms."""
    image, border = _picture(), (120.0, 120.0, 120.0)
    template = runtime.template(
        image, context_window(TARGET_XYWH, model.template_context, model.isotropic), border
    )
    moved = (TARGET_XYWH[0] + 9.0, TARGET_XYWH[1] - 6.0, *TARGET_XYWH[2:])
    windows = [context_window(moved, model.search_context, model.isotropic)]
    maps = runtime.respond(image, windows, [border], [template])
    times = []
    for _ in range(TIMED_RUNS):
        began = time.process_time()
        runtime.respond(image, windows, [border], [template])
        times.append(time.process_time() - began)
    return maps, float(np.median(times)) * 1e3


def _picture() -> ImageArray:
    """A textured rectangle on another texture; the same every time."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(40, 200, (30, 40, 3), np.uint8), (320, 240))
    x, y, w, h = (int(value) for value in TARGET_XYWH)
    image[y : y + h, x : x + w] = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (w, h))
    return np.asarray(image, np.uint8)


def _reach(ltrb: np.ndarray) -> tuple[float, float, float, float]:
    """The box of a cell at the origin."""
    left, top, right, bottom = (float(value) for value in ltrb)
    return -left, -top, left + right, top + bottom
