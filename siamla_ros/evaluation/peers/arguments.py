"""The options by which a command line names trackers."""

from __future__ import annotations

import argparse
import json
from typing import Any

from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.ort import THREADS
from siamla_ros.evaluation.peers.registry import HELP, is_siamla, make_trackers


def add_tracker_arguments(parser: argparse.ArgumentParser, words: str = 'see below') -> None:
    """Declare --trackers, --device and --option; `words` are the help of the first."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f'{HELP}\nNetworks of peers and of siamla on the CPU run on {THREADS} threads.'
    parser.add_argument('--trackers', nargs='+', default=['siamla'], metavar='TRACKER', help=words)
    parser.add_argument('--device', default='auto', help='of siamla: auto, cpu or cuda:N')
    parser.add_argument(
        "--option", action="append", default=[], type=option, metavar="KEY=VALUE",
        help="of siamla's load_tracker, value as JSON or text (runtime=torch); may be repeated",
    )  # fmt: skip


def option(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as JSON if it is any; ArgumentTypeError without a key."""
    key, given, value = text.partition('=')
    if not given or not key.isidentifier():
        raise argparse.ArgumentTypeError(f'{text!r} is not KEY=VALUE')
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def refuse_unused_options(args: argparse.Namespace) -> None:
    """Raises ValueError for a --device or --option that was typed where siamla does not run."""
    if not any(map(is_siamla, args.trackers)):
        for name in ('device', 'option'):
            if name in getattr(args, 'typed', ()):
                raise ValueError(f'--{name} is for siamla, which is not among the trackers')


def named_trackers(args: argparse.Namespace, threads: int = THREADS) -> list[EvalTracker]:
    """The trackers that these options name, each network on so many threads; ValueError where one
    cannot be made.
    """
    return make_trackers(args.trackers, args.device, dict(args.option), threads)
