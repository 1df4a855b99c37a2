"""``siamla export``: write the ONNX graphs of a checkpoint beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from siamla_ros.model.checkpoint import Checkpoint, int8_path, read_checkpoint, tensor_path
from siamla_ros.runtime.export import export_onnx
from siamla_ros.runtime.quantize import CropPair, export_int8

CALIBRATION_SEED = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        'model', nargs='?', default='default', help='shipped model or path of a checkpoint'
    )
    parser.add_argument(
        '--int8',
        type=Path,
        metavar='PACK',
        help='also the search graph in 8 bits, its ranges from crops of this training pack',
    )
    parser.add_argument(
        '--pairs', type=int, default=96, metavar='N', help='crops for --int8 (default 96)'
    )


def run(args: argparse.Namespace) -> int:
    """Export and print what was written; ValueError or WeightsError say what is wrong."""
    if args.pairs < 1:
        raise ValueError(f'--pairs {args.pairs}: must be at least 1')
    checkpoint = read_checkpoint(args.model)
    int8_path(checkpoint.path).unlink(missing_ok=True)  # it may be of the weights before
    written = [*export_onnx(checkpoint), tensor_path(checkpoint.path)]
    if args.int8 is not None:
        written.append(export_int8(checkpoint, training_crops(checkpoint, args.int8, args.pairs)))
    for path in written:
        print(f'{path}  {path.stat().st_size / 1e6:.1f} MB')
    return 0


def training_crops(checkpoint: Checkpoint, pack: Path, count: int) -> Iterator[CropPair]:
    """Crops of the training split of a pack, BGR, always the same ones."""
    from siamla_ros.datasets.training_pack import load_pack
    from siamla_ros.training.config import DataConfig
    from siamla_ros.training.pairs import PairSource

    data = DataConfig()
    records = load_pack(pack, 'train', data.sampling)
    source = PairSource(records, checkpoint.model, data, CALIBRATION_SEED)
    for index in range(count):
        pair = source.pair(index)
        yield tuple(crop.transpose(1, 2, 0)[..., ::-1] for crop in (pair.template, pair.search))
