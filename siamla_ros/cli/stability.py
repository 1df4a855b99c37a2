"""`siamla stability`: how far figures move with first boxes, frames, parameters and seeds."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from siamla_ros.cli.options import flag, positive, shard
from siamla_ros.cli.seed_models import by_seed
from siamla_ros.cli.sequence_arguments import add_sequence_arguments, damage_of, named_sequences
from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation import report, stability, suites
from siamla_ros.evaluation.damage import Damage
from siamla_ros.evaluation.metrics import judged_frames
from siamla_ros.evaluation.peers.arguments import add_tracker_arguments, refuse_unused_options
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.evaluation.peers.registry import is_siamla, make_tracker
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.evaluation.run_store import RunStore, shard_of
from siamla_ros.evaluation.runner import Run
from siamla_ros.model.checkpoint import Checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla stability`."""
    add_sequence_arguments(parser)
    add_tracker_arguments(parser, 'one tracker; parameters are varied of siamla alone')
    parser.add_argument(
        '--output', type=Path, required=True, metavar='DIR', help='tables, plot, and finished runs'
    )
    parser.add_argument('--no-plots', action='store_true', help='no PNG file')
    parser.add_argument(
        '--seeds', type=positive, default=5, metavar='N', help='careless first boxes of each target'
    )
    parser.add_argument(
        '--seed-models', nargs='+', default=[], metavar='FILE',
        help="checkpoints of the tracker's recipe that were trained with other seeds",
    )  # fmt: skip
    parser.add_argument(
        '--vary', nargs='+', choices=stability.GROUPS, default=list(stability.GROUPS),
        help='what is varied; all of it without this option',
    )  # fmt: skip
    parser.add_argument('--jobs', type=positive, default=1, metavar='N', help='processes')
    parser.add_argument(
        '--shard', type=shard, default=(1, 1), metavar='I/N',
        help='only every N-th target from the I-th on; --resume without it puts shards together',
    )  # fmt: skip
    parser.add_argument(
        '--resume', action='store_true', help='keep the runs that --output holds from before'
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bar')


def run(args: argparse.Namespace) -> int:
    """Run every variant, print the tables, write the files; 0. ValueError or OSError name what is
    wrong.
    """
    if not args.no_plots and importlib.util.find_spec('matplotlib') is None:
        raise ValueError('the plot needs matplotlib (pip install matplotlib); --no-plots does not')
    if len(args.trackers) != 1:
        raise ValueError(f'--trackers: {len(args.trackers)} given, must be one')
    refuse_unused_options(args)
    _refuse_idle(args)
    every = [s for s in named_sequences(args) if judged_frames(s.boxes_xywh).any()]
    sequences = shard_of(every, args.shard)
    if not sequences:
        number, count = args.shard
        raise ValueError(f'--shard {number}/{count}: {len(every)} sequences have ground truth')
    tracker = make_tracker(args.trackers[0], args.device, dict(args.option))
    decode = getattr(getattr(tracker, 'tracker', None), 'decode', None)
    if decode is None and 'vary' in getattr(args, 'typed', ()) and 'parameters' in args.vary:
        raise ValueError(f'--vary parameters: {tracker.name} has none, must be siamla')
    chosen = {'', *(stability.GROUPS[name] for name in args.vary)}
    models = _models(args, tracker)
    files = {seed: '' if n == 0 else str(one.path) for n, (seed, one) in enumerate(models.items())}
    found = stability.variants(args.seeds, decode, files)
    store = RunStore(args.output / 'runs', False, args.resume, args.shard != (1, 1))
    damage = damage_of(args)
    exact: list[Run] = []
    rows: list[stability.Row] = []
    groups: dict[str, list[list[Run]]] = {}
    for variant in (variant for variant in found if variant.group in chosen):
        begun = [item for item in map(variant.begin, sequences) if item is not None]
        runs = _runs(args, tracker, variant, begun, store, damage)
        if not exact:  # all other variants are of the same frames
            exact, sequences = runs, damage.rest(sequences)
        row = stability.row_of(variant, exact, runs) if variant.group else None
        rows += [row] if row else []
        if variant.group not in ('', stability.START):  # the latter is judged on other frames
            groups.setdefault(variant.group, []).append(runs)
    if not rows:
        raise ValueError(f'--vary {" ".join(args.vary)}: no target has frames enough')
    _finish(args, tracker, models, exact, rows, stability.spread(groups), damage)
    return 0


def _refuse_idle(args: argparse.Namespace) -> None:
    """ValueError for an option that what is varied does not need, or that lacks another one."""
    typed = getattr(args, 'typed', ())
    for name, group in (('seeds', 'seeds'), ('seed_models', 'training')):
        if name in typed and group not in args.vary:
            raise ValueError(f'{flag(name)} has no effect without --vary {group}')
    if 'vary' in typed and 'training' in args.vary and not args.seed_models:
        raise ValueError('--vary training needs --seed-models')
    if args.seed_models and not is_siamla(args.trackers[0]):
        raise ValueError(f'--seed-models: the tracker is {args.trackers[0]!r}, must be siamla')


def _models(args: argparse.Namespace, tracker: EvalTracker) -> dict[int, Checkpoint]:
    """Checkpoints by the seed of their training, that of the tracker first."""
    if not args.seed_models or not isinstance(tracker, SiamlaTracker):
        return {}
    return by_seed(tracker.weights, args.seed_models)


def _runs(
    args: argparse.Namespace,
    tracker: EvalTracker,
    variant: stability.Variant,
    sequences: list[Sequence],
    store: RunStore,
    damage: Damage,
) -> list[Run]:
    label = '-'.join([tracker.name, *(f'{k}-{v:g}' for k, v in variant.options.items())])
    spec, options = args.trackers[0], {**dict(args.option), **variant.options}
    if variant.model and isinstance(tracker, SiamlaTracker):
        label, runtime = f'{label}-seed-{variant.name}', tracker.options['runtime']
        spec, options = f'siamla:{variant.model}', {**options, 'runtime': runtime}
    make = partial(_make, spec, args.device, options, label)
    if not args.quiet:
        print(f'{variant.group} {variant.name}'.strip(), file=sys.stderr)
    trackers = make() if variant.options or variant.model else [tracker]
    runs = suites.one_pass(trackers, sequences, False, args.quiet, store, args.jobs, make, damage)
    return runs[label]


def _make(spec: str, device: str, options: dict[str, Any], label: str) -> list[EvalTracker]:
    tracker = make_tracker(spec, device, options)
    tracker.name = label
    return [tracker]


def _finish(
    args: argparse.Namespace,
    tracker: EvalTracker,
    models: dict[int, Checkpoint],
    exact: list[Run],
    rows: list[stability.Row],
    spread: dict[str, dict[str, float]],
    damage: Damage,
) -> None:
    table, summary = stability.stability_table(rows), stability.spread_table(spread)
    text = f'{report.summary_table({"exact": exact})}\n\n{table}'
    text = '\n\n'.join(filter(None, (text, summary if spread else '', damage.words)))
    print(text)
    (args.output / 'tables.md').write_text(text + '\n', encoding='utf-8')
    content = {
        'rows': [asdict(row) for row in rows],
        'spread': spread,
        'setup': {
            'dataset': args.dataset.name,
            'tracker': tracker.describe(),
            'models': {seed: checkpoint.sha256 for seed, checkpoint in models.items()},
            'sequences': {run.sequence: len(run.iou) for run in exact},
            'versions': report.versions(),
        },
    }
    report.write_json(args.output / 'results.json', content)
    stability.write_csv(args.output / 'stability.csv', rows)
    if not args.no_plots:
        from siamla_ros.evaluation.plots import stability_plot

        stability_plot(args.output / 'stability.png', rows)
    print(f'written to {args.output}', file=sys.stderr)
