"""`siamla ablate`: every variant of the method's ladder, every seed, one table; resumes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from siamla_ros.cli.options import at_least

MARKS = {False: 'ablation', True: 'variants'}  # with --variants or without


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        '--data', type=Path, required=True, help='folder with index.csv (see docs/training.md)'
    )
    parser.add_argument(
        '--init', required=True, help='what backbone and neck are taken from (fear_xs_track.onnx)'
    )
    parser.add_argument('--config', type=Path, required=True, help='config/training/ablation.yaml')
    parser.add_argument(
        '--output', type=Path, required=True, help='folder; what it holds already is not done again'
    )
    parser.add_argument(
        '--dataset',
        type=Path,
        help='at the end, baseline and full model on whole annotated sequences, too',
    )
    parser.add_argument(
        '--table',
        type=Path,
        help='markdown file whose part between <!-- ablation --> and <!-- /ablation --> '
        '(<!-- variants --> with --variants) becomes the tables',
    )
    parser.add_argument(
        '--variants',
        action='store_true',
        help='instead of the ladder: smoothing and modulators of the full method',
    )
    parser.add_argument(
        '--seed',
        type=at_least(0),
        help='only this one, so that several processes can share the work',
    )
    parser.add_argument('--workers', type=at_least(0), default=1, help='processes that make pairs')
    parser.add_argument(
        '--threads', type=at_least(0), default=0,
        help="CPU threads of the network; 0: the library's choice",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Train, measure, write `ablation.md` or `variants.md` and print it.

    Raises:
        ValueError: Settings, data or the file of the table cannot be used.
    """
    import torch

    from siamla_ros.training import ablation
    from siamla_ros.training.ablation_table import tables, variant_tables

    if args.threads:
        torch.set_num_threads(args.threads)
    mark, variants, tabulate = MARKS[args.variants], ablation.VARIANTS, tables
    if args.variants:
        variants, tabulate = ablation.ALTERNATIVES, variant_tables
        if args.dataset:
            raise ValueError('--dataset: with --variants no whole sequences are followed')
    if args.table:
        _inserted(args.table, '', mark)
    output = args.output / f'{mark}.md'
    config = ablation.load_ablation(args.config)
    place = ablation.Place(args.data, args.init, args.output, args.workers, args.seed)
    for result in ablation.run(config, place, variants):
        shown = {key: round(value, 4) for key, value in result['figures'].items()}
        print(result['variant'], 'seed', result['seed'], json.dumps(shown), flush=True)
        _write(output, tabulate(ablation.results(args.output)))
    if args.dataset:
        _sequences(args, config.seeds)
    text = tabulate(ablation.results(args.output))
    _write(output, text)
    if args.table:
        args.table.write_text(_inserted(args.table, text, mark), encoding='utf-8')
    print(text)
    return 0


def _write(path: Path, text: str) -> None:
    path.write_text(text + '\n', encoding='utf-8')


def _inserted(path: Path, text: str, mark: str) -> str:
    """The file's words with `text` between the marks."""
    begin, end = f'<!-- {mark} -->', f'<!-- /{mark} -->'
    before, found, rest = path.read_text(encoding='utf-8').partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f'{path}: lacks {begin} or, after it, {end}')
    return f'{before}{begin}\n\n{text}\n\n{end}{after}'


def _sequences(args: argparse.Namespace, seeds: int) -> None:
    """Whole sequences, for baseline and full model of every seed; added to their results."""
    from siamla_ros.datasets.discovery import load_dataset
    from siamla_ros.training.ablation_table import BASELINE, FULL

    sequences = load_dataset(args.dataset, 'auto', [])
    for seed in range(seeds):
        for variant in (BASELINE, FULL):
            path = args.output / f'seed{seed}' / variant / 'result.json'
            result = json.loads(path.read_text())
            if 'sequences' not in result:
                result['sequences'] = _followed(path.with_name('model.safetensors'), sequences)
                path.write_text(json.dumps(result, indent=1))


def _followed(weights: Path, sequences: list[Any]) -> dict[str, float]:
    from siamla_ros.evaluation.confidence import agreement
    from siamla_ros.evaluation.metrics import mean_scores
    from siamla_ros.evaluation.peers.siamla import SiamlaTracker
    from siamla_ros.evaluation.suites import one_pass
    from siamla_ros.model.checkpoint import read_checkpoint
    from siamla_ros.runtime.export import export_onnx

    export_onnx(read_checkpoint(weights))
    tracker = SiamlaTracker(str(weights), 'cpu', str(weights.parent))
    runs = one_pass([tracker], sequences, cells=False)[tracker.name]
    agreed = agreement(runs)
    scores = mean_scores(run.scores for run in runs).as_dict()
    return {**scores, 'spearman': agreed['spearman'], 'ece': agreed['ece']}
