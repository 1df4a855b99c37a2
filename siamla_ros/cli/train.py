"""``siamla train``: one command from a folder of objects to a described checkpoint."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch is imported when a run begins, not when the command line is read
    from siamla_ros.training.config import TrainConfig
    from siamla_ros.training.loop import Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        '--data', type=Path, required=True, help='folder with index.csv (see docs/training.md)'
    )
    parser.add_argument('--config', type=Path, help='YAML file; without it the default recipe')
    parser.add_argument(
        '--output', type=Path, required=True, help='folder of the run; an unfinished run resumes'
    )
    parser.add_argument(
        '--init',
        default='default',
        help='what the weights start from: a shipped model, a checkpoint (.safetensors), a '
        'published FEAR-XS network (fear_xs_track.onnx), or a backbone (imagenet, or a .pth file)',
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument('--workers', type=int, default=1, help='processes that make pairs')
    parser.add_argument(
        '--threads', type=int, default=0, help="CPU threads of the network; 0: the library's choice"
    )
    parser.add_argument(
        '--minutes',
        type=float,
        default=float('inf'),
        help='train for so long, after the features of cached pairs are there; run again to resume',
    )


def run(args: argparse.Namespace) -> int:
    """Train, or go on training; when the schedule is complete, validate and write the
    checkpoint.
    """
    import torch

    from siamla_ros.runtime.device import choose_device
    from siamla_ros.training.config import TrainConfig, load_config

    if args.threads:
        torch.set_num_threads(args.threads)
    config = load_config(args.config) if args.config else TrainConfig()
    device = choose_device(args.device)
    print(f'device {device.device} ({device.reason})')
    trainer = _trainer(args, config, device.device)
    if trainer.resume():
        print(f'resumed at step {trainer.step} of {trainer.steps}')
    if not trainer.run(args.workers, args.minutes):
        print(f'stopped at step {trainer.step} of {trainer.steps}; the same command resumes')
        return 0
    _finish(args, config, trainer)
    return 0


def _trainer(args: argparse.Namespace, config: TrainConfig, device: str) -> Trainer:
    """The run with its weights at the start, its pairs and its held-out tracks."""
    from siamla_ros.datasets.training_pack import load_pack
    from siamla_ros.training.feature_cache import HeadTrainer, cached_features
    from siamla_ros.training.initialize import build_initial
    from siamla_ros.training.loop import Trainer
    from siamla_ros.training.similar_objects import table
    from siamla_ros.training.validate import validation_tracks

    initial = build_initial(config, args.init)
    pack = load_pack(args.data, 'train', config.data.sampling)
    others: dict[str, Any] = {'tracks': validation_tracks(args.data)}
    if config.data.lookalike > 0:
        others['rivals'] = table(initial, pack, args.output / 'lookalikes.json')
    pairs = config.schedule.cached_pairs
    if not pairs:
        return Trainer(config, initial, pack, args.output, device, **others)
    features = cached_features(
        args.output / "features", initial.to(device), pack, config, pairs,
        Path(args.init).name, args.workers, others.get("rivals"),
    )  # fmt: skip
    return HeadTrainer(config, initial, pack, args.output, features, device, **others)


def _finish(args: argparse.Namespace, config: TrainConfig, trainer: Trainer) -> None:
    from siamla_ros.training.checkpointing import blend, validation_report, write_checkpoint
    from siamla_ros.training.initialize import build_initial

    model = trainer.ema
    if config.schedule.blend < 1:
        fresh = build_initial(config, args.init).to(trainer.device)
        model = blend(fresh, trainer.ema, config.schedule.blend)
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
