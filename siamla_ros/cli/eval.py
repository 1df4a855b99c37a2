"""`siamla eval`: one-pass evaluation, confidence and the lost target, for several trackers."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

from siamla_ros.cli.sequence_arguments import add_sequence_arguments, named_sequences
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import report, splice, suites
from siamla_ros.evaluation.metrics import mean_scores
from siamla_ros.evaluation.peers.arguments import add_tracker_arguments, named_trackers
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.starts import STARTS, with_starts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla eval`."""
    add_sequence_arguments(parser)
    parser.add_argument(
        '--starts', nargs='+', choices=STARTS, default=['exact'],
        help='how each target begins: its first box, a careless one, a box of its middle',
    )  # fmt: skip
    add_tracker_arguments(parser)
    parser.add_argument('--output', type=Path, metavar='DIR', help='where files go; none without')
    parser.add_argument('--no-plots', action='store_true', help='no PNG files')
    parser.add_argument(
        "--confidence", action="store_true",
        help="also what the confidence is worth, on sequences whose target vanishes",
    )  # fmt: skip
    parser.add_argument(
        "--lost", action="store_true",
        help="instead: time to LOST, false alarms, re-detection and wrong re-acquisition",
    )  # fmt: skip
    parser.add_argument(
        "--session", action="store_true",
        help="instead: the boxes that the node confirms: precision, recall, F, frames spent LOST",
    )  # fmt: skip
    parser.add_argument(
        "--crossings", action="store_true",
        help="instead: on which target the box sits after two have crossed (needs targets.csv)",
    )  # fmt: skip
    parser.add_argument(
        "--search", nargs="+", choices=("off", "local", "global"), metavar="MODE",
        default=["off", "local", "global"],
        help="search of siamla with --lost, --session and --crossings",
    )  # fmt: skip
    parser.add_argument('--seed', type=int, default=0, help='of the spliced sequences')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the files; 0. ValueError or OSError name what is wrong."""
    if args.output and not args.no_plots and importlib.util.find_spec('matplotlib') is None:
        raise ValueError('plots need matplotlib (pip install matplotlib); --no-plots does without')
    if args.crossings:
        return _crossings(args)
    named = named_sequences(args)
    sequences = [item for one in named for item in with_starts(one, args.starts)]
    trackers = named_trackers(args)
    if args.lost:
        from siamla_ros.evaluation import lost_bench

        text, content = lost_bench.evaluate(trackers, sequences, args.search, args.seed, args.quiet)
        return _finish(args, trackers, sequences, text, {'lost': content})
    if args.session:
        from siamla_ros.evaluation import session_bench

        text, content = session_bench.evaluate(trackers, sequences, args.search, args.quiet)
        return _finish(args, trackers, sequences, text, {'session': content})
    return _one_pass(args, trackers, sequences)


def _crossings(args: argparse.Namespace) -> int:
    from siamla_ros.evaluation import crossing_bench
    from siamla_ros.evaluation.crossings import load_crossings

    if args.split is not None or args.starts != ['exact']:
        raise ValueError('--crossings takes neither --split nor --starts; name --sequences')
    crossings = load_crossings(args.dataset, args.sequences)
    trackers = named_trackers(args)
    text, content = crossing_bench.evaluate(trackers, crossings, args.search, args.quiet)
    sequences = [crossing.sequence for crossing in crossings]
    return _finish(args, trackers, sequences, text, {'crossings': content})


def _one_pass(
    args: argparse.Namespace, trackers: list[EvalTracker], sequences: list[Sequence]
) -> int:
    runs = suites.one_pass(trackers, sequences, args.confidence, args.quiet)
    text = f'{report.summary_table(runs)}\n\nSuccess AUC\n\n{report.sequence_table(runs)}'
    content: dict[str, Any] = {
        'scores': {
            name: {
                'mean': mean_scores(run.scores for run in items).as_dict(),
                'pooled': mean_scores((run.scores for run in items), pooled=True).as_dict(),
                'sequences': [report.run_as_dict(run) for run in items],
                'median_ms': report.median_ms(items),
            }
            for name, items in runs.items()
        }
    }
    gone: dict[str, suites.Runs] = {}
    if args.confidence:
        scenes, refused = suites.scenes_of(sequences)
        gone = suites.spliced(trackers, scenes, splice.KINDS, args.seed, args.quiet)
        figures = suites.confidence_figures(runs, gone)
        text += f'\n\nConfidence\n\n{suites.confidence_tables(figures, splice.KINDS)}'
        text += ''.join(f'\nnot spliced: {reason}' for reason in refused)
        content['confidence'] = {
            name: {k: v.as_dict() if hasattr(v, 'as_dict') else v for k, v in row.items()}
            for name, row in figures.items()
        }
    if args.output:
        _write_runs(args, runs, gone)
    return _finish(args, trackers, sequences, text, content)


def _write_runs(args: argparse.Namespace, runs: suites.Runs, gone: dict[str, suites.Runs]) -> None:
    records = args.output / 'records'
    records.mkdir(parents=True, exist_ok=True)
    for name, items in runs.items():
        report.write_got10k(args.output / 'got10k', items)
        spliced_items = [run for by_tracker in gone.values() for run in by_tracker[name]]
        report.write_records(records / f'{name}.csv', [*items, *spliced_items])
    if args.no_plots:
        return
    from siamla_ros.evaluation import plots

    plots.plot_all(args.output / 'plots', runs)


def _finish(
    args: argparse.Namespace,
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    text: str,
    content: dict[str, Any],
) -> int:
    print(text)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / 'tables.md').write_text(text + '\n', encoding='utf-8')
        content['setup'] = {
            'dataset': args.dataset.name,
            'format': args.format,
            'starts': list(args.starts),
            'sequences': {sequence.name: len(sequence) for sequence in sequences},
            'seed': args.seed,
            'trackers': {tracker.name: tracker.describe() for tracker in trackers},
            'versions': report.versions(),
        }
        report.write_json(args.output / 'results.json', content)
        print(f'written to {args.output}', file=sys.stderr)
    return 0
