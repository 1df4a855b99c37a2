"""Sequences in any layout as a workspace of vot-toolkit, with trackers that it drives.

    python -m siamla_ros.cli.vot_workspace --dataset DIR --output WORKSPACE \\
        --trackers siamla fear:INIT.onnx,TRACK.onnx
    cd WORKSPACE && vot evaluate siamla fear && vot analysis siamla fear
    siamla eval --dataset WORKSPACE/sequences --supervised \\
        --trackers siamla fear:INIT.onnx,TRACK.onnx

The last line gives the toolkit's figures by our own runner, on the same images. The toolkit may lie
in another environment than this package; its version: docs/research/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from siamla_ros.cli.options import typed
from siamla_ros.cli.sequence_arguments import add_sequence_arguments, named_sequences
from siamla_ros.evaluation.command_line import guarded
from siamla_ros.evaluation.peers.arguments import (
    add_tracker_arguments,
    named_trackers,
    refuse_unused_options,
)
from siamla_ros.evaluation.peers.registry import is_siamla
from siamla_ros.evaluation.vot_workspace import check_place, write_workspace


def command_of(spec: str, args: argparse.Namespace) -> str:
    """What starts one tracker: this Python, so that the toolkit may lie in another environment."""
    place, colon, files = spec.partition(':')
    names = [str(Path(n).resolve()) if Path(n).is_file() else n for n in files.split(',')]
    words = [sys.executable, '-m', 'siamla_ros.cli.main', 'vot']
    words += ['--trackers', f'{place}{colon}{",".join(names)}']
    if is_siamla(spec):
        words += ['--device', args.device]
        for key, value in args.option:
            words += ['--option', f'{key}={json.dumps(value)}']
    return shlex.join(words)


def _parser() -> argparse.ArgumentParser:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog='vot_workspace', description=__doc__, formatter_class=words
    )
    add_sequence_arguments(parser)
    add_tracker_arguments(parser)
    parser.add_argument('--output', type=Path, required=True, metavar='WORKSPACE')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line, see the module's docstring."""
    given = sys.argv[1:] if arguments is None else arguments
    args = _parser().parse_args(given)
    args.typed = typed(_parser(), given, vars(args))
    refuse_unused_options(args)
    check_place(args.output)
    named = zip(named_trackers(args), args.trackers, strict=True)
    commands = {tracker.name: command_of(spec, args) for tracker, spec in named}
    for reason in write_workspace(args.output, named_sequences(args), commands):
        print(f'left out: {reason}', file=sys.stderr)
    print(f'written: {args.output}')
    return 0


if __name__ == '__main__':
    sys.exit(guarded('vot_workspace', main))
