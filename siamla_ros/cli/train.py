"""`siamla train`: one command from a folder of objects to a described checkpoint."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from siamla_ros.cli.options import at_least
from siamla_ros.cli.train_inputs import INPUTS, checked_inputs

if TYPE_CHECKING:  # torch is imported when a run begins, not when the command line is read
    from siamla_ros.datasets.training_tracks import DatasetSpec, FrameTrack
    from siamla_ros.model import SiamLA
    from siamla_ros.training.config import TrainConfig
    from siamla_ros.training.distributed import Processes
    from siamla_ros.training.loop import Trainer
    from siamla_ros.training.pairs import PairSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument('--data', type=Path, help='folder with index.csv (see docs/training.md)')
    parser.add_argument(
        '--dataset', action='append', default=[], type=dataset, metavar='NAME=DIR[:LAYOUT]',
        help='a benchmark to train on, such as got10k=/data/GOT-10k/train or coco=/data/coco; '
        'repeat it; data.sampling of the configuration weighs it by NAME',
    )  # fmt: skip
    parser.add_argument(
        '--index', type=Path, metavar='DIR',
        help='what each --dataset holds, kept for other runs; default: OUTPUT/index',
    )  # fmt: skip
    parser.add_argument('--video', type=Path, help='annotated video, one folder a scene')
    parser.add_argument(
        '--video-split', type=Path,
        help='YAML file whose list "development" names scenes that are not trained on',
    )  # fmt: skip
    parser.add_argument('--config', type=Path, help='YAML file; without it the default recipe')
    parser.add_argument(
        '--seed', type=at_least(0), metavar='N', help='in place of that of --config'
    )
    parser.add_argument(
        '--output', type=Path, required=True, help='folder of the run; an unfinished run resumes'
    )
    parser.add_argument(
        '--init', default='default',
        help='what the weights start from: a shipped model, a checkpoint (.safetensors), a '
        'published FEAR-XS network (fear_xs_track.onnx), or a backbone (imagenet, or a .pth file)',
    )  # fmt: skip
    parser.add_argument(
        '--device', default='auto',
        help='auto, cpu, cuda or cuda:N; below torchrun each process takes a GPU of its own',
    )  # fmt: skip
    parser.add_argument(
        '--dry-run', action='store_true',
        help='measure a few steps, say what the run would take, and write nothing',
    )  # fmt: skip
    parser.add_argument('--tensorboard', action='store_true', help='also log to OUTPUT/tensorboard')
    parser.add_argument('--workers', type=at_least(0), default=1, help='processes that make pairs')
    parser.add_argument(
        '--threads', type=at_least(0), default=0,
        help="CPU threads of the network; 0: the library's choice",
    )  # fmt: skip
    parser.add_argument(
        '--minutes', type=at_least(0.0), default=float('inf'),
        help='train for so long, after the features of cached pairs are there; run again to resume',
    )  # fmt: skip


def dataset(text: str) -> DatasetSpec:
    """NAME=DIR or NAME=DIR:LAYOUT; ArgumentTypeError for another text."""
    from siamla_ros.datasets.training_tracks import LAYOUTS, DatasetSpec

    name, sign, place = text.partition('=')
    folder, _, layout = place.rpartition(':')
    if layout not in LAYOUTS:
        if folder and Path(folder).exists() and not Path(place).exists():
            raise argparse.ArgumentTypeError(
                f'{text!r}: layout {layout!r}: must be one of {", ".join(LAYOUTS)}'
            )
        folder, layout = place, 'auto'
    if not sign or not name or not folder:
        raise argparse.ArgumentTypeError(f'{text!r}: must be NAME=DIR or NAME=DIR:LAYOUT')
    return DatasetSpec(name, Path(folder), layout)


def run(args: argparse.Namespace) -> int:
    """Train, or go on training; when the schedule is complete, validate and write the
    checkpoint.
    """
    import torch

    from siamla_ros.cli.options import refuse_without
    from siamla_ros.runtime.device import choose_device
    from siamla_ros.training.config import TrainConfig, load_config
    from siamla_ros.training.distributed import join, leave
    from siamla_ros.training.precision import NOTE, has_bf16

    if args.threads:
        torch.set_num_threads(args.threads)
    if args.data is None and not args.dataset:
        raise ValueError('nothing to train on: name --data or --dataset')
    refuse_without(args, 'dataset', 'index')
    args.index = args.index or args.output / 'index'
    config = load_config(args.config) if args.config else TrainConfig()
    config = config if args.seed is None else replace(config, seed=args.seed)
    inputs = checked_inputs(args)
    device = choose_device(args.device)
    processes, place = join(device.device)
    try:
        if processes.first:
            print(f'device {place} ({device.reason}), processes {processes.count}')
            if config.schedule.bf16 and not has_bf16(torch.device(place)):
                print(NOTE, file=sys.stderr)
        if args.dry_run:
            return _dry_run(args, config, processes, place)
        return _train(args, config, inputs, processes, place)
    finally:
        leave()


def _dry_run(
    args: argparse.Namespace, config: TrainConfig, processes: Processes, device: str
) -> int:
    from siamla_ros.training.dry_run import measure, without_preparation

    chosen = without_preparation(config)
    with tempfile.TemporaryDirectory(prefix='siamla_dry_run_') as folder:
        changed = {'output': Path(folder), 'video': None, 'tensorboard': False}
        light = argparse.Namespace(**{**vars(args), **changed})
        found = measure(_trainer(light, chosen, device, processes), config, args.workers)
    if processes.first:
        left_out = ['not measured: pairs of video'] if config.data.video > 0 else []
        print('\n'.join([*found.lines(), *left_out]))
    return 0


def _train(
    args: argparse.Namespace,
    config: TrainConfig,
    inputs: dict[str, str | None],
    processes: Processes,
    device: str,
) -> int:
    from siamla_ros.training.distributed import wait

    if not processes.first:
        wait()  # for the features of cached pairs, the frames of video and the rest of the folder
    trainer = _trainer(args, config, device, processes)
    if processes.first:
        (args.output / INPUTS).write_text(json.dumps(inputs, indent=1) + '\n', encoding='utf-8')
        wait()
    if trainer.resume() and processes.first:
        print(f'resumed at step {trainer.step} of {trainer.steps}')
    if not trainer.run(args.workers, args.minutes):
        if processes.first:
            print(f'stopped at step {trainer.step} of {trainer.steps}; the same command resumes')
        return 0
    if processes.first:
        _finish(args, config, trainer)
    return 0


def _trainer(
    args: argparse.Namespace, config: TrainConfig, device: str, processes: Processes
) -> Trainer:
    """The run with its weights at the start, its pairs and its held-out tracks."""
    from siamla_ros.training.feature_cache import HeadTrainer, cached_features
    from siamla_ros.training.initialize import build_initial
    from siamla_ros.training.loop import Trainer
    from siamla_ros.training.validate import validation_tracks

    initial = build_initial(config, args.init)
    benchmarks = _benchmark_tracks(args)
    source = _source(args, config, initial, benchmarks)
    tracks, pairs = validation_tracks(args.data, benchmarks), config.schedule.cached_pairs
    options = {'tracks': tracks, 'processes': processes, 'tensorboard': args.tensorboard}
    if not pairs:
        return Trainer(config, initial, source, args.output, device, **options)
    folder, init = args.output / 'features', Path(args.init).name
    features = cached_features(
        folder, initial.to(device), source, config, pairs, init, args.workers
    )
    return HeadTrainer(config, initial, source, args.output, features, device, **options)


def _benchmark_tracks(args: argparse.Namespace) -> list[FrameTrack]:
    from siamla_ros.datasets.track_index import indexed_tracks
    from siamla_ros.datasets.training_tracks import distinct

    damaged, tracks = [], []
    for spec in distinct(args.dataset):
        found = indexed_tracks(spec, args.index, damaged, write=not args.dry_run)
        print(f'{spec.name}: {len(found)} objects, {sum(map(len, found))} boxes')
        tracks += found
    for reason in damaged:
        print(f'left out: {reason}', file=sys.stderr)
    return tracks


def _source(
    args: argparse.Namespace, config: TrainConfig, initial: SiamLA, others: list[FrameTrack]
) -> PairSource:
    """What draws the pairs: the pack alone, or the pack and scenes of video."""
    from siamla_ros.datasets.scenes import read_split
    from siamla_ros.datasets.training_pack import load_pack, without_tracks
    from siamla_ros.datasets.training_tracks import with_tracks
    from siamla_ros.training.config import unknown_weights
    from siamla_ros.training.sources import check_video, pair_source

    check_video(config.data.video, args.video)
    held_out = read_split(args.video_split) if args.video_split else ()
    sampling = config.data.sampling
    own = without_tracks(load_pack(args.data, 'train', sampling), held_out) if args.data else None
    pack = own if own and not others else with_tracks(own, others, sampling)
    print(unknown_weights(sampling, pack.tracks), end='', file=sys.stderr)
    return pair_source(pack, config, initial, args.output, args.video, held_out)


def _finish(args: argparse.Namespace, config: TrainConfig, trainer: Trainer) -> None:
    from siamla_ros.training.checkpointing import validation_report, wise_ft, write_checkpoint
    from siamla_ros.training.initialize import build_initial

    model = trainer.ema
    if config.schedule.wise_ft_alpha < 1:
        fresh = build_initial(config, args.init).to(trainer.device)
        model = wise_ft(fresh, trainer.ema, config.schedule.wise_ft_alpha)
    tracks = trainer.tracks
    scores = validation_report(model, config, tracks, probes=3).summary() if tracks else {}
    saved = write_checkpoint(
        args.output / 'model.safetensors',
        model,
        config,
        init=Path(args.init).name,
        pairs=config.schedule.pairs,
        validation=scores,
    )
    print(json.dumps(scores))
    print(f'{saved.path}  sha256 {saved.sha256}')
