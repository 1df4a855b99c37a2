"""`siamla ablate`: every variant of the method's ladder, every seed, one table; resumes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from siamla_ros.cli.options import at_least, refuse_without
from siamla_ros.cli.sequence_arguments import add_sequence_arguments, damage_of, named_sequences

RUNGS = ('baseline', 'ladl', 'lals', 'laqp', 'lafa', 'centerness')
MARKS = {False: 'ablation', True: 'variants'}  # with --variants or without


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        '--data', type=Path, required=True, help='folder with index.csv (see docs/training.md)'
    )
    parser.add_argument(
        '--init', required=True, help='what backbone and neck are taken from (fear_xs_track.onnx)'
    )
    parser.add_argument('--video', type=Path, help='annotated video, one folder a scene')
    parser.add_argument(
        '--video-split',
        type=Path,
        help='YAML file whose list "development" names scenes that are not trained on',
    )
    parser.add_argument('--config', type=Path, required=True, help='config/training/ablation.yaml')
    parser.add_argument(
        '--output', type=Path, required=True, help='folder; what it holds already is not done again'
    )
    words = 'folder of annotated sequences on which all rungs are measured, too, at the end'
    add_sequence_arguments(parser, required=False, words=words)
    parser.add_argument(
        '--table',
        type=Path,
        help='markdown file whose part between <!-- ablation --> and <!-- /ablation --> '
        '(variants with --variants, and either with _video with --video) becomes the tables',
    )
    parser.add_argument(
        '--variants',
        action='store_true',
        help='instead of the ladder: smoothing and modulators of the full method',
    )
    parser.add_argument(
        '--rungs',
        nargs='+',
        choices=RUNGS,
        metavar='RUNG',
        help=f'only these: {", ".join(RUNGS)}',
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
    """Train, measure, write the tables (`ablation.md`, `variants_video.md`, ...) and print them.

    Raises:
        ValueError: Settings, data or the file of the table cannot be used.
    """
    import torch

    from siamla_ros.training import ablation
    from siamla_ros.training.ablation_table import tables, variant_tables

    if args.threads:
        torch.set_num_threads(args.threads)
    _refuse_unused(args)
    mark = MARKS[args.variants] + ('_video' if args.video else '')
    variants, tabulate = ablation.VARIANTS, tables
    if args.variants:
        variants, tabulate = ablation.ALTERNATIVES, variant_tables
    if args.rungs:
        variants = tuple(variant for variant in variants if variant.name in args.rungs)
    sequences = named_sequences(args) if args.dataset else []
    if args.table:
        _inserted(args.table, '', mark)
    output = args.output / f'{mark}.md'
    config = ablation.load_ablation(args.config)
    place = ablation.Place(
        args.data, args.init, args.output, args.workers, args.seed, args.video, args.video_split
    )
    for result in ablation.run(config, place, variants):
        shown = {key: round(value, 4) for key, value in result['figures'].items()}
        print(result['variant'], 'seed', result['seed'], json.dumps(shown), flush=True)
        _write(output, tabulate(ablation.results(args.output)))
    if sequences:
        from siamla_ros.training.ablation_sequences import measure

        measure(place.results(variants), sequences, _where(args), args.threads, damage_of(args))
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


def _refuse_unused(args: argparse.Namespace) -> None:
    if args.variants:
        for name, given in (('--dataset', args.dataset), ('--rungs', args.rungs)):
            if given:
                raise ValueError(f'{name} has no effect with --variants')
    refuse_without(args, 'dataset', 'format', 'sequences', 'split', 'side')


def _where(args: argparse.Namespace) -> str:
    """What the sequences are, for a line above their table."""
    parts = [args.dataset.resolve().name, *args.sequences]
    parts += [f'side {args.side} of {args.split.name}'] if args.split else []
    return ', '.join(parts)
