"""`siamla track`: follow targets in a video, a folder of images, a camera or a stream.

What runs is the session of the ROS node: confidence, states, re-detection, identity.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from siamla_ros.cli.run_plot import RunPlot
from siamla_ros.cli.select_box import explain_without_display, select_box
from siamla_ros.cli.track_output import Summary, Written, open_table
from siamla_ros.datasets.video import FrameSource, SourceFrame
from siamla_ros.datasets.video_sink import FrameSink
from siamla_ros.geometry.boxes import Box, check_init_box
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.targets import TargetOutput
from siamla_ros.supervision.supervisor import Reason, State
from siamla_ros.tracker.results import TrackResult

Step = Callable[[np.ndarray, float], list[TargetOutput]]


def init_argument(text: str) -> tuple[str, Box]:
    """Returns id and box of `[ID=]x,y,w,h`; ArgumentTypeError where it is none."""
    name, _, numbers = text.rpartition('=')
    try:
        box = tuple(float(part) for part in numbers.split(','))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is not [ID=]x,y,w,h: {error}') from error
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f'{text!r} has {len(box)} numbers, not 4: x,y,w,h')
    return name, box


def add_init_argument(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Declares `--init`, repeated for several targets."""
    parser.add_argument(
        '--init',
        type=init_argument,
        action='append',
        default=[],
        required=required,
        metavar='[ID=]X,Y,W,H',
        help='box of a target, pixels (half-open); repeat it for several targets',
    )


def add_plot_argument(parser: argparse.ArgumentParser) -> None:
    """Declares `--plot`."""
    parser.add_argument(
        '--plot', type=Path, metavar='FILE', help='confidence and states over time (.png)'
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `siamla track`."""
    parser.add_argument(
        'source', help='video file, folder of images, camera number, /dev/videoN or URL'
    )
    add_init_argument(parser)
    parser.add_argument(
        '--start', type=int, default=0, metavar='N', help='frame of the boxes, counted from 0'
    )
    parser.add_argument('--frames', type=int, metavar='N', help='stop after N frames')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')
    parser.add_argument(
        '--output', type=Path, metavar='FILE', help='rows as .csv or .jsonl; else JSON on stdout'
    )
    parser.add_argument('--video', type=Path, metavar='FILE', help='annotated video (.mp4)')
    parser.add_argument(
        '--response-map', action='store_true', help="the network's answer as an inset in --video"
    )
    add_plot_argument(parser)
    parser.add_argument(
        '--raw', action='store_true', help='the bare tracker: no states, no re-detection'
    )
    parser.add_argument(
        '--skip-damaged', action='store_true', help='exit 0 though frames were damaged'
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bar, no summary')


def run(args: argparse.Namespace) -> int:
    """Tracks and writes; 0, or 1 if frames were damaged. ValueError or OSError name what is wrong
    with an argument.
    """
    if args.start < 0 or (args.frames is not None and args.frames < 1):
        raise ValueError(f'--start {args.start} must be >= 0 and --frames {args.frames} >= 1')
    if args.response_map and args.video is None:
        raise ValueError('--response-map is drawn into --video FILE, which is not given')
    plot = RunPlot(args.plot) if args.plot else None
    with ExitStack() as stack:
        source = stack.enter_context(FrameSource(args.source))
        table = open_table(args.output, stack)
        frames = chosen_frames(source, args)
        first = next(frames, None)
        if first is None:
            raise ValueError(f'{args.source} has no frame {args.start}')
        targets = named_targets(args.init) or _selected(first.image, args)
        for _, box in targets:
            check_init_box(box, (first.image.shape[1], first.image.shape[0]))
        sink = stack.enter_context(FrameSink(args.video, source.rate_hz)) if args.video else None
        return _follow(source, args, first, frames, targets, Written(table, sink, plot))


def chosen_frames(source: FrameSource, args: argparse.Namespace) -> Iterator[SourceFrame]:
    """The frames from number --start on, at most --frames of them."""
    late = (frame for frame in source.frames() if frame.number >= args.start)
    return islice(late, args.frames)


def named_targets(given: Sequence[tuple[str, Box]]) -> list[tuple[str, Box]]:
    """Ids and boxes; a box without an id is `target`, the next ones `target-2` and so on.

    Raises:
        ValueError: An id occurs twice.
    """
    targets: dict[str, Box] = {}
    for number, (name, box) in enumerate(given, 1):
        chosen = name or ('target' if number == 1 else f'target-{number}')
        if chosen in targets:
            raise ValueError(f'--init {chosen}=...: the id occurs twice, must be different')
        targets[chosen] = box
    return list(targets.items())


def _selected(image: np.ndarray, args: argparse.Namespace) -> list[tuple[str, Box]]:
    box = select_box(image)
    if box is None:
        start = f' --start {args.start}' if args.start else ''
        command = f'siamla track {shlex.quote(args.source)}{start}'
        raise ValueError(explain_without_display(image, command))
    print('--init ' + ','.join(f'{value:g}' for value in box), file=sys.stderr)
    return [('target', box)]


def _follow(
    source: FrameSource,
    args: argparse.Namespace,
    first: SourceFrame,
    frames: Iterator[SourceFrame],
    targets: Sequence[tuple[str, Box]],
    written: Written,
) -> int:
    from siamla_ros import load_tracker  # takes seconds: not for --help

    tracker = load_tracker(args.model, device=args.device)
    tracker.keep_responses = args.response_map
    if not args.quiet:
        print(f'device: {tracker.device} ({tracker.device_reason})', file=sys.stderr)
    start = raw_session if args.raw else supervised_session
    outputs, step = start(tracker, targets, first)
    summary, began_s, frame = Summary(), time.monotonic(), first
    total = args.frames or (max(source.count - args.start, 0) or None)
    # tqdm: None switches the bar off where it is not seen.
    with tqdm(total=total, unit='frame', disable=True if args.quiet else None) as bar:
        count = 0
        while True:
            summary.add(outputs)
            written.add(frame, outputs)
            count += 1
            bar.update()
            following = next(frames, None)
            if following is None:
                break
            frame = following
            outputs = step(frame.image, frame.stamp_s)
    lines = [*summary.lines(count, time.monotonic() - began_s), *written.close()]
    if not args.quiet:
        print('\n'.join(lines), file=sys.stderr)
    return 1 if source.missing and not args.skip_damaged else 0


def supervised_session(
    tracker: Any, targets: Sequence[tuple[str, Box]], first: SourceFrame
) -> tuple[list[TargetOutput], Step]:
    """Outputs on the first frame, and the session's step for the others.

    Raises:
        InitError: A box cannot be tracked, or there are too many targets.
    """
    session = TrackingSession(tracker)
    outputs = [
        session.start(name, box, first.image, first.stamp_s, label=name) for name, box in targets
    ]
    return outputs, session.step


def raw_session(
    tracker: Any, targets: Sequence[tuple[str, Box]], first: SourceFrame
) -> tuple[list[TargetOutput], Step]:
    """The same for the bare tracker: every target is TRACKING, every box confirmed."""
    names = [name for name, _ in targets]
    states = [tracker.init(first.image, box) for _, box in targets]
    given = [TrackResult(state.box_xywh, 1.0, 1.0, 1.0, 0.0, 1.0, state) for state in states]

    def step(image: np.ndarray, _: float) -> list[TargetOutput]:
        results = tracker.update(image, states)
        states[:] = [result.state for result in results]
        return [_raw_output(name, result) for name, result in zip(names, results)]

    return [_raw_output(name, result) for name, result in zip(names, given)], step


def _raw_output(name: str, result: TrackResult) -> TargetOutput:
    return TargetOutput(
        id=name,
        label=name,
        state=State.TRACKING,
        reason=Reason.NONE,
        confirmed=True,
        result=result,
        last_box_xywh=result.box_xywh,
        predicted_xywh=None,
        frames_in_state=0,
        newly_lost=False,
        last_confirmed_xywh=result.box_xywh,
        last_confirmed_ns=0,
    )
