"""The options by which a command line names annotated sequences."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from siamla_ros.datasets.discovery import FORMATS, load_dataset
from siamla_ros.datasets.scenes import SIDES, of_side, read_split
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.damage import Damage


def add_sequence_arguments(
    parser: argparse.ArgumentParser, required: bool = True, words: str = 'its folder'
) -> None:
    """Declare --dataset, --format, --sequences, --split and --side.

    Args:
        required: Whether a command line must name --dataset.
        words: Help of --dataset.
    """
    parser.add_argument('--dataset', type=Path, required=required, metavar='DIR', help=words)
    parser.add_argument('--format', choices=FORMATS, default='auto', help='its layout')
    parser.add_argument(
        '--sequences', nargs='+', default=[], metavar='PATTERN', help='only these (with * and ?)'
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help='YAML file whose list "development" names scenes'
    )
    parser.add_argument(
        '--side', choices=SIDES, help='with --split: only its development scenes, or only the rest'
    )


def named_sequences(args: argparse.Namespace) -> list[Sequence]:
    """The sequences that these options name; ValueError where there is none, or half a split.

    Damaged sequences of a dataset are left out, and named on standard error.
    """
    if (args.split is None) != (args.side is None):
        given, missing = ('--split', '--side') if args.side is None else ('--side', '--split')
        raise ValueError(f'{given} needs {missing}')
    sequences = load_dataset(args.dataset, args.format, args.sequences, left_out)
    if args.split is None:
        return sequences
    whole = not args.sequences  # patterns leave scenes of the split out on purpose
    return of_side(sequences, read_split(args.split), args.side, whole)


def damage_of(args: argparse.Namespace) -> Damage:
    """Sequences with damaged frames are left out and named on standard error; with --sequences
    that is an error.
    """
    return Damage(None if args.sequences else left_out)


def left_out(reason: str) -> None:
    """Name what is damaged and not used, on standard error."""
    print(f'left out: {reason}', file=sys.stderr)
