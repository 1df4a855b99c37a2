"""`siamla eval`: one-pass evaluation, confidence and the lost target, for several trackers."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from siamla_ros.cli.options import at_least, positive, refuse_unused, shard
from siamla_ros.cli.sequence_arguments import add_sequence_arguments, damage_of, named_sequences
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import report, splice, suites
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.metrics import judged_frames, mean_scores
from siamla_ros.evaluation.peers.arguments import (
    add_tracker_arguments,
    named_trackers,
    refuse_unused_options,
)
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.registry import make_trackers
from siamla_ros.evaluation.run_store import RunStore, shard_of
from siamla_ros.evaluation.starts import STARTS, with_starts
from siamla_ros.evaluation.supervised import EAO_RANGE, supervised_figures, supervised_table

STARTS_HELP = 'how each target begins: its first box, a careless one, a box of its middle'
_SEQUENCES = {'dataset', 'sequences', 'split', 'side', 'starts'}
_ALWAYS = {'trackers', 'device', 'option', 'output', 'no_plots', 'quiet'} | _SEQUENCES
WAYS_HELP = {
    'confidence': 'also what the confidence is worth, on sequences whose target vanishes',
    'lost': 'instead: time to LOST, false alarms, re-detection and wrong re-acquisition',
    'session': 'instead: the boxes that the node confirms: precision, recall, F, frames spent LOST',
    'supervised': 'instead: accuracy, failures and EAO of VOT; it starts again after a failure',
    'crossings': 'instead: on which target the box sits after two have crossed (needs targets.csv)',
}
# The way to evaluate -> what it takes; the first one that is given counts.
WAYS = {
    'crossings': _ALWAYS | {'search'},
    'lost': _ALWAYS | {'format', 'search', 'seed', 'shard', 'resume'},
    'supervised': _ALWAYS | {'format', 'eao_range'},
    'session': _ALWAYS | {'format', 'search', 'shard', 'resume'},
    'confidence': _ALWAYS | {'format', 'seed'},
    '': _ALWAYS | {'format', 'jobs', 'shard', 'resume'},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla eval`."""
    add_sequence_arguments(parser)
    parser.add_argument('--starts', nargs='+', choices=STARTS, default=['exact'], help=STARTS_HELP)
    add_tracker_arguments(parser)
    parser.add_argument('--output', type=Path, metavar='DIR', help='where files go; none without')
    parser.add_argument('--no-plots', action='store_true', help='no PNG files')
    for name, words in WAYS_HELP.items():
        parser.add_argument(f'--{name}', action='store_true', help=words)
    parser.add_argument(
        "--eao-range", nargs=2, type=positive, default=EAO_RANGE, metavar=("LOW", "HIGH"),
        help="lengths in frames that count for the EAO",
    )  # fmt: skip
    parser.add_argument(
        "--search", nargs="+", choices=("off", "local", "global"), metavar="MODE",
        default=["off", "local", "global"],
        help="search of siamla with --lost, --session and --crossings",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N",
        help="processes of a one-pass evaluation; times are then those of a busy machine",
    )  # fmt: skip
    parser.add_argument(
        "--shard", type=shard, default=(1, 1), metavar="I/N",
        help="only every N-th sequence from the I-th on, for several machines; --resume without it "
        "puts the runs together that were copied into one --output",
    )  # fmt: skip
    parser.add_argument(
        '--resume', action='store_true', help='keep the runs that --output holds from before'
    )
    parser.add_argument('--seed', type=at_least(0), default=0, help='of the spliced sequences')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the files; 0. ValueError or OSError name what is wrong."""
    way = next((name for name in WAYS if name and getattr(args, name)), '')
    drawn = args.output and not args.no_plots and way in ('', 'confidence')
    if drawn and importlib.util.find_spec('matplotlib') is None:
        raise ValueError('plots need matplotlib (pip install matplotlib); --no-plots does without')
    _check_one_pass_options(args)
    refuse_unused(args, way, WAYS)
    refuse_unused_options(args)
    if args.crossings:
        return _crossings(args)
    named = named_sequences(args)
    every = [item for one in named for item in with_starts(one, args.starts)]
    sequences = shard_of(every, args.shard)
    if not sequences:
        raise ValueError(f'--shard {args.shard[0]}/{args.shard[1]}: {len(every)} sequences only')
    trackers, damage = named_trackers(args), damage_of(args)
    if args.lost:
        return _lost(args, trackers, every, damage)
    if args.supervised:
        runs = suites.supervised(trackers, sequences, args.quiet, damage)
        figures = {name: supervised_figures(r, tuple(args.eao_range)) for name, r in runs.items()}
        content = {name: asdict(row) for name, row in figures.items()}
        table = supervised_table(figures, tuple(args.eao_range))
        return _finish(args, trackers, sequences, table, {'supervised': content}, damage)
    if args.session:
        from siamla_ros.evaluation import session_bench

        store = _store(args, 'runs_session')
        text, content = session_bench.evaluate(
            trackers, sequences, args.search, args.quiet, store, damage
        )
        return _finish(args, trackers, sequences, text, {'session': content}, damage)
    return _one_pass(args, trackers, sequences, damage)


def _lost(
    args: argparse.Namespace, trackers: list[EvalTracker], every: list[Sequence], damage: Damage
) -> int:
    from siamla_ros.evaluation import lost_bench

    scenes, refused = suites.scenes_of(every, damage)
    if refused and not scenes:
        raise ValueError(f'nothing to splice: {refused[0]}')
    sequences = shard_of(damage.rest(every), args.shard)
    made = {'seed': args.seed, 'sequences': [scene.name for scene in scenes]}
    store = _store(args, 'runs_lost', frames_of=made)
    notes = [f'not spliced: {reason}' for reason in refused]
    text, content = lost_bench.evaluate(
        trackers, scenes, args.search, args.seed, args.quiet, store, args.shard, notes
    )
    return _finish(args, trackers, sequences, text, {'lost': content}, damage)


def _store(
    args: argparse.Namespace,
    name: str,
    cells: bool = False,
    frames_of: dict[str, Any] | None = None,
) -> RunStore | None:
    if not args.output:
        return None
    return RunStore(args.output / name, cells, args.resume, args.shard != (1, 1), frames_of)


def _crossings(args: argparse.Namespace) -> int:
    from siamla_ros.evaluation import crossing_bench
    from siamla_ros.evaluation.crossings import load_crossings

    if args.split or args.side or args.starts != ['exact']:
        raise ValueError('--crossings takes neither --split nor --starts; name --sequences')
    damage = damage_of(args)
    crossings = load_crossings(args.dataset, args.sequences, damage.note)
    trackers = named_trackers(args)
    text, content = crossing_bench.evaluate(trackers, crossings, args.search, args.quiet)
    sequences = [crossing.sequence for crossing in crossings]
    return _finish(args, trackers, sequences, text, {'crossings': content}, damage)


def _check_one_pass_options(args: argparse.Namespace) -> None:
    if (args.resume or args.shard != (1, 1)) and not args.output:
        raise ValueError('--resume and --shard need --output')
    kept = args.lost or args.session
    if kept and args.jobs > 1:
        raise ValueError('--jobs is for one-pass scores alone')
    if not kept and (args.crossings or args.supervised or args.confidence):
        if args.jobs > 1:
            raise ValueError('--jobs is for one-pass scores alone')
        for name, given in (('--shard', args.shard != (1, 1)), ('--resume', args.resume)):
            if given:
                raise ValueError(f'{name} is for one-pass scores, --lost and --session alone')
    if args.eao_range[0] > args.eao_range[1]:
        low, high = args.eao_range
        raise ValueError(f'--eao-range {low} {high}: LOW must be <= HIGH')


def _one_pass(
    args: argparse.Namespace,
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    damage: Damage,
) -> int:
    judged = [sequence for sequence in sequences if judged_frames(sequence.boxes_xywh).any()]
    if not judged and not args.output:
        raise ValueError('no sequence has ground truth after its first box: name --output')
    make = partial(make_trackers, args.trackers, args.device, dict(args.option))
    store = _store(args, 'runs', args.confidence)
    runs = suites.one_pass(
        trackers, sequences, args.confidence, args.quiet, store, args.jobs, make, damage
    )
    sequences = damage.rest(sequences)
    judged = [sequence for sequence in judged if sequence.name not in damage.errors]
    if args.output:
        _write_results(args.output, runs)
    if not judged:
        text = f'{len(sequences)} sequences without ground truth after their first box: no scores'
        return _finish(args, trackers, sequences, text, {}, damage)
    names = {sequence.name for sequence in judged}
    known = {name: [run for run in items if run.sequence in names] for name, items in runs.items()}
    return _scores(args, trackers, sequences, judged, known, damage)


def _scores(
    args: argparse.Namespace,
    trackers: list[EvalTracker],
    sequences: list[Sequence],
    judged: list[Sequence],
    runs: suites.Runs,
    damage: Damage,
) -> int:
    text = f'{report.summary_table(runs)}\n\nSuccess AUC\n\n{report.sequence_table(runs)}'
    if len(judged) < len(sequences):
        text += f'\n\nnot judged, without ground truth: {len(sequences) - len(judged)} sequences'
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
        scenes, refused = suites.scenes_of(judged)
        gone = suites.spliced(trackers, scenes, splice.KINDS, args.seed, args.quiet)
        figures = suites.confidence_figures(runs, gone)
        text += f'\n\nConfidence\n\n{suites.confidence_tables(figures, splice.KINDS)}'
        text += ''.join(f'\nnot spliced: {reason}' for reason in refused)
        content['confidence'] = {
            name: {k: v.as_dict() if hasattr(v, 'as_dict') else v for k, v in row.items()}
            for name, row in figures.items()
        }
    if args.output:
        _write_records(args, runs, gone)
    return _finish(args, trackers, sequences, text, content, damage)


def _write_results(output: Path, runs: suites.Runs) -> None:
    for items in runs.values():
        report.write_got10k(output / 'got10k', items)
        report.write_submissions(output, items)


def _write_records(
    args: argparse.Namespace, runs: suites.Runs, gone: dict[str, suites.Runs]
) -> None:
    records = args.output / 'records'
    records.mkdir(parents=True, exist_ok=True)
    for name, items in runs.items():
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
    damage: Damage,
) -> int:
    text = '\n\n'.join(filter(None, (text, damage.words)))
    print(text)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / 'tables.md').write_text(text + '\n', encoding='utf-8')
        content['setup'] = {
            'dataset': args.dataset.name,
            'format': args.format,
            'starts': list(args.starts),
            'sequences': {sequence.name: len(sequence) for sequence in damage.rest(sequences)},
            'seed': args.seed,
            'trackers': {tracker.name: tracker.describe() for tracker in trackers},
            'versions': report.versions(),
        }
        report.write_json(args.output / 'results.json', content)
        print(f'written to {args.output}', file=sys.stderr)
    return 0
