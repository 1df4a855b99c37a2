"""`siamla calibrate`: fit what decides about a target to a network's weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from siamla_ros.cli.sequence_arguments import add_sequence_arguments, named_sequences


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla calibrate`."""
    add_sequence_arguments(parser)
    parser.add_argument('--model', default='default', help='name or checkpoint')
    parser.add_argument(
        '--output', type=Path, required=True, metavar='FILE', help='checkpoint to write'
    )
    parser.add_argument('--threads', type=int, default=2, help='of the network')
    parser.add_argument('--seed', type=int, default=7, help='of the episodes')
    parser.add_argument('--quiet', action='store_true', help='no progress')


def run(args: argparse.Namespace) -> int:
    """Record, fit, write the checkpoint and print what was fitted; 0.

    ValueError or OSError name what is wrong.
    """
    from siamla_ros.calibration import workflow
    from siamla_ros.model.checkpoint import read_checkpoint
    from siamla_ros.tracker.tracker import load_tracker

    sequences = named_sequences(args)
    checkpoint = read_checkpoint(args.model)
    options = workflow.as_if_alone(checkpoint)
    tracker = load_tracker(args.model, runtime='float', threads=args.threads, **options)

    def show(name: str) -> None:
        if not args.quiet:
            print(name, file=sys.stderr)

    samples, searches = workflow.record_all(tracker, sequences, args.seed, show)
    fitted = workflow.fit_all(samples, checkpoint.decode, searches)
    saved = workflow.write(checkpoint, fitted, args.output)
    print(fitted.report())
    print(f'{saved.path}  sha256 {saved.sha256}; for ONNX Runtime: siamla export {saved.path}')
    return 0
