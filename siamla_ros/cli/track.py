"""`siamla track`: follow one target in a video file, an image folder or a camera."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.video import FrameSink, FrameSource

FIELDS = ('frame', 'x', 'y', 'w', 'h', 'confidence', 'classification', 'localization')
GREEN, RED = (80, 220, 80), (60, 60, 230)
Row = dict[str, float]


def box_argument(text: str) -> tuple[float, float, float, float]:
    """Returns the box of `x,y,w,h` in pixels; ArgumentTypeError where it is none."""
    try:
        numbers = tuple(float(part) for part in text.split(','))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is not x,y,w,h: {error}') from error
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f'{text!r} has {len(numbers)} numbers, not 4: x,y,w,h')
    return numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `siamla track`."""
    parser.add_argument('source', help='video file, folder of images, or number of a camera')
    parser.add_argument(
        '--init',
        type=box_argument,
        required=True,
        metavar='X,Y,W,H',
        help='box of the target, pixels (half-open)',
    )
    parser.add_argument(
        '--start',
        type=int,
        default=0,
        metavar='N',
        help='frame the box belongs to, counted from 0; those before are skipped',
    )
    parser.add_argument('--frames', type=int, metavar='N', help='stop after N frames')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')
    parser.add_argument(
        '--output',
        type=Path,
        metavar='FILE',
        help='boxes as .csv or .jsonl; without it JSON lines on standard output',
    )
    parser.add_argument('--video', type=Path, metavar='FILE', help='annotated video (.mp4)')
    parser.add_argument(
        '--min-confidence',
        type=float,
        default=0.5,
        metavar='C',
        help='below it the box is red in the annotated video (default: 0.5)',
    )


def run(args: argparse.Namespace) -> int:
    """Tracks and writes; returns 0. ValueError or OSError say what is wrong with an argument."""
    if args.start < 0 or (args.frames is not None and args.frames < 1):
        raise ValueError(f'--start {args.start} must be >= 0 and --frames {args.frames} >= 1')
    with ExitStack() as stack:
        source = stack.enter_context(FrameSource(args.source))
        outputs = [_open_table(args.output, stack)]
        if args.video:
            sink = stack.enter_context(FrameSink(args.video, source.rate_hz))
            outputs.append(_video_output(sink, args.min_confidence))
        _track(source, args, outputs)
    return 0


def _track(
    source: FrameSource, args: argparse.Namespace, outputs: list[Callable[[np.ndarray, Row], None]]
) -> None:
    from siamla_ros import load_tracker  # takes seconds: not for --help

    stop = None if args.frames is None else args.start + args.frames
    frames = islice(enumerate(source), args.start, stop)
    number, image = next(frames, (0, None))
    if image is None:
        raise ValueError(f'{args.source} has no frame {args.start}')
    tracker = load_tracker(args.model, device=args.device)
    print(f'device: {tracker.device} ({tracker.device_reason})', file=sys.stderr)
    state = tracker.init(image, args.init)
    _put(outputs, image, number, args.init, (1.0, 1.0, 1.0))
    for number, image in frames:
        result = tracker.update(image, [state])[0]
        state = result.state
        _put(
            outputs,
            image,
            number,
            result.box_xywh,
            (result.confidence, result.classification, result.localization),
        )


def _put(
    outputs: list[Callable[[np.ndarray, Row], None]],
    image: np.ndarray,
    number: int,
    box_xywh: tuple[float, ...],
    scores: tuple[float, float, float],
) -> None:
    row = dict(zip(FIELDS, (number, *(round(float(v), 4) for v in (*box_xywh, *scores)))))
    for output in outputs:
        output(image, row)


def _open_table(path: Path | None, stack: ExitStack) -> Callable[[np.ndarray, Row], None]:
    if path is None:
        return lambda _, row: print(json.dumps(row), flush=True)
    if path.suffix not in ('.csv', '.jsonl'):
        raise ValueError(f'--output {path}: the suffix must be .csv or .jsonl')
    out = stack.enter_context(path.open('w', newline='', encoding='utf-8'))
    if path.suffix == '.jsonl':
        return lambda _, row: print(json.dumps(row), file=out)
    table = csv.DictWriter(out, FIELDS)
    table.writeheader()
    return lambda _, row: table.writerow(row)


def _video_output(sink: FrameSink, min_confidence: float) -> Callable[[np.ndarray, Row], None]:
    def output(image: np.ndarray, row: Row) -> None:
        canvas = image.copy()
        color = GREEN if row['confidence'] >= min_confidence else RED
        x, y, w, h = (round(row[name]) for name in 'xywh')
        cv2.rectangle(canvas, (x, y), (x + w - 1, y + h - 1), color, 2)
        cv2.putText(
            canvas,
            f'{row["confidence"]:.2f}',
            (x, max(y - 6, 14)),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            color,
            1,
            cv2.LINE_AA,
        )
        sink.write(canvas)

    return output
