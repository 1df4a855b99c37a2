"""`siamla bench`: how fast trackers are on this machine, side by side.

One tracker runs at a time. A round gives each of them the same frames in turn, and the order is
reversed from round to round, so that whatever else the machine does falls on all alike. The ratio
is taken within each round and its median over the rounds is reported. `--clock cpu` counts what
all threads together spent on it instead: less telling, but steady on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from siamla_ros.cli import bench_ros, bench_update
from siamla_ros.cli.options import refuse_unused, refuse_without
from siamla_ros.datasets.discovery import load_dataset
from siamla_ros.evaluation import report
from siamla_ros.evaluation.peers.arguments import (
    add_tracker_arguments,
    named_trackers,
    refuse_unused_options,
)
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.ort import THREADS
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.suites import progress
from siamla_ros.geometry.boxes import Box

WARM_UP_FRAMES = 5
CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}
_FRAMES = {'dataset', 'sequence', 'size', 'frames', 'rounds', 'clock', 'threads', 'beside'}
_UPDATES = {'trackers', 'device', 'option', 'output', 'quiet'} | _FRAMES
WAYS = {
    'gpu_check': {'device', 'page', 'brief', 'output', 'quiet'},
    'ros': {'size', 'frames', 'rate', 'plot', 'output', 'quiet'},
    'targets': _UPDATES,
    'stages': _UPDATES,
    '': _UPDATES,
}


@dataclass(frozen=True)
class Clip:
    """Frames in memory and the target's box on the first one."""

    name: str
    images: list[np.ndarray]
    box_xywh: Box


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla bench`."""
    add_tracker_arguments(parser, 'see below; ratios are against the last one')
    parser.add_argument(
        '--gpu-check',
        action='store_true',
        help='what only a GPU can prove, see docs/research/gpu.md',
    )
    parser.add_argument('--page', type=Path, metavar='FILE', help='of --gpu-check, as markdown')
    parser.add_argument('--brief', action='store_true', help='--gpu-check with everything once')
    parser.add_argument('--dataset', type=Path, metavar='DIR', help='frames; without it drawn ones')
    parser.add_argument('--sequence', default='*', metavar='NAME', help='the first that matches')
    parser.add_argument('--size', type=size, default=(640, 480), metavar='WxH', help='of a frame')
    parser.add_argument('--frames', type=int, default=60, metavar='N', help='of a round')
    parser.add_argument('--rounds', type=int, default=7, metavar='N')
    parser.add_argument('--clock', choices=list(CLOCKS), default='wall', help='which time counts')
    parser.add_argument(
        '--threads', type=int, default=THREADS, metavar='N', help='of every network and of OpenCV'
    )
    parser.add_argument(
        '--beside', type=int, default=0, metavar='N', help='busy processes that run meanwhile'
    )
    parser.add_argument(
        '--targets', type=int, nargs='+', metavar='N', help='instead: so many targets of siamla'
    )
    parser.add_argument(
        '--stages', action='store_true', help='instead: crops, network and boxes of siamla'
    )
    parser.add_argument(
        '--ros', action='store_true', help='instead: images through ROS at --rate, --size, --frames'
    )
    parser.add_argument('--rate', type=float, default=30.0, metavar='HZ', help='of --ros')
    parser.add_argument('--plot', type=Path, metavar='FILE', help='of --ros: its stages as .png')
    parser.add_argument('--output', type=Path, metavar='FILE', help='the figures as JSON')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')


def size(text: str) -> tuple[int, int]:
    """WxH in pixels; ArgumentTypeError where it is none."""
    width, _, height = text.partition('x')
    if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 64):
        raise argparse.ArgumentTypeError(f'{text!r} is not WxH with at least 64 pixels each')
    return int(width), int(height)


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the file; 0. ValueError or OSError name what is wrong."""
    way = next((name for name in WAYS if name and getattr(args, name)), '')
    if args.gpu_check:
        refuse_unused(args, way, WAYS)
        from siamla_ros.evaluation.gpu import check as gpu_check

        args.device = 'cuda' if args.device == 'auto' else args.device
        return gpu_check.run(args)
    _check(args)
    if args.plot and not args.ros:
        raise ValueError(f'--plot {args.plot}: draws what --ros measures')
    refuse_unused(args, way, WAYS)
    refuse_without(args, 'dataset', 'sequence')
    refuse_unused_options(args)
    if args.ros:
        return bench_ros.run(args)
    cv2.setNumThreads(args.threads)
    # Unlike `siamla eval`, what a node would take.
    args.option = [('runtime', 'auto'), *args.option]
    trackers = named_trackers(args, args.threads)
    clip = _clip(args)
    load = os.getloadavg()[0]
    with bench_update.busy_processes(args.beside):
        text, times_ms = _measured(args, trackers, clip)
    print(text)
    height, width = clip.images[0].shape[:2]
    print(
        f'\n{len(clip.images)} frames of {width}x{height} ({clip.name}), {args.rounds} rounds, '
        f'{args.clock} time, {args.threads} threads, {os.cpu_count()} cores, load of the machine '
        f'before {load:.1f}, {args.beside} busy processes beside'
    )
    if args.output:
        content = {
            'milliseconds': times_ms,
            'trackers': {tracker.name: tracker.describe() for tracker in trackers},
            'versions': report.versions(),
            'clock': args.clock,
            'threads': args.threads,
            'beside': args.beside,
            'load_before': load,
        }
        args.output.parent.mkdir(parents=True, exist_ok=True)
        report.write_json(args.output, content)
    return 0


def _check(args: argparse.Namespace) -> None:
    for name, value, least in (
        ('frames', args.frames, 1),
        ('rounds', args.rounds, 1),
        ('threads', args.threads, 1),
        ('beside', args.beside, 0),
        ('targets', min(args.targets or [1]), 1),
    ):
        if value < least:
            raise ValueError(f'--{name} {value}: must be at least {least}')


def _measured(
    args: argparse.Namespace, trackers: list[EvalTracker], clip: Clip
) -> tuple[str, dict[str, Any]]:
    """The tables, and the milliseconds behind them."""
    clock = CLOCKS[args.clock]
    if not (args.targets or args.stages):
        times_ms = measure(trackers, clip, args.rounds, args.quiet, clock)
        return table(times_ms), {name: rounds.tolist() for name, rounds in times_ms.items()}
    texts, found = [], {}
    for tracker in trackers:
        if not isinstance(tracker, SiamlaTracker):
            raise ValueError(f'{tracker.name}: --targets and --stages look into siamla only')
        own, rest = tracker.tracker, (clip.images, clip.box_xywh)
        if args.targets:
            by = bench_update.targets_ms(own, *rest, args.targets, args.rounds, clock)
            shown = bench_update.targets_table(by)
        else:
            by = bench_update.stages_ms(own, *rest, args.rounds, clock)
            shown = bench_update.stages_table(by)
        texts.append(f'{tracker.name}: {own.device_reason}\n\n{shown}')
        found[tracker.name] = {str(key): values.tolist() for key, values in by.items()}
    return '\n\n'.join(texts), found


def measure(
    trackers: list[EvalTracker],
    clip: Clip,
    rounds: int,
    quiet: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Tracker -> rounds x frames, milliseconds of one update (crop, network and box)."""
    times = {tracker.name: np.zeros((rounds, len(clip.images))) for tracker in trackers}
    with progress('runs', rounds * len(trackers), quiet) as bar:
        for number in range(rounds):
            for tracker in trackers if number % 2 == 0 else trackers[::-1]:
                bar.set_description(tracker.name)
                times[tracker.name][number] = _one_round(tracker, clip, clock)
                bar.update()
    return times


def _one_round(tracker: EvalTracker, clip: Clip, clock: Callable[[], float]) -> list[float]:
    """Milliseconds a frame; the first frames are seen twice, once to warm up."""
    tracker.init(clip.images[0], clip.box_xywh)
    for image in clip.images[:WARM_UP_FRAMES]:
        tracker.update(image)
    times = []
    for image in clip.images:
        start = clock()
        tracker.update(image)
        times.append((clock() - start) * 1e3)
    return times


def table(times_ms: dict[str, np.ndarray]) -> str:
    """Median, 95th percentile, frames per second, and the median ratio to the last tracker."""
    medians = {name: np.median(rounds, axis=1) for name, rounds in times_ms.items()}
    reference = list(medians)[-1]
    rows = []
    for name, each in medians.items():
        ratio = medians[reference] / each
        spread = f'{np.median(ratio):.2f} ({ratio.min():.2f}-{ratio.max():.2f})'
        median, late = np.median(each), np.quantile(times_ms[name], 0.95)
        rows.append([name, f'{median:.2f}', f'{late:.2f}', f'{1e3 / median:.1f}', spread])
    header = ['tracker', 'ms median', 'ms 95 %', 'frames/s', f'speed / {reference} (range)']
    return report.markdown_table(header, rows)


def _clip(args: argparse.Namespace) -> Clip:
    if args.dataset is None:
        return drawn_clip(args.size, args.frames)
    sequence = load_dataset(args.dataset, names=[args.sequence])[0]
    width, height = args.size
    images, box = [], np.array(sequence.init_box_xywh)
    for image in islice(sequence.source, args.frames):
        scale = np.array([width / image.shape[1], height / image.shape[0]])
        images.append(cv2.resize(image, args.size))
    return Clip(sequence.name, images, tuple(float(v) for v in box * np.tile(scale, 2)))


def drawn_clip(size_wh: tuple[int, int], frames: int) -> Clip:
    """A textured square that circles over another texture; the same every time."""
    rng = np.random.default_rng(0)
    width, height = size_wh
    scene = cv2.resize(rng.integers(40, 200, (height // 8, width // 8, 3), np.uint8), size_wh)
    target = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (48, 48))
    images, box = [], (0.0, 0.0, 0.0, 0.0)
    for number in range(frames):
        angle = 2 * np.pi * number / 120
        x = int(width / 2 + 0.2 * width * np.cos(angle)) - 24
        y = int(height / 2 + 0.2 * height * np.sin(angle)) - 24
        image = scene.copy()
        y, x = max(0, min(y, height - 48)), max(0, min(x, width - 48))
        image[y : y + 48, x : x + 48] = target
        images.append(image)
        box = box if number else (float(x), float(y), 48.0, 48.0)
    return Clip('drawn', images, box)
