"""`siamla export`: write the ONNX graphs of a checkpoint into a folder."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import siamla_ros
from siamla_ros.cli.options import refuse_without
from siamla_ros.model.checkpoint import (
    Checkpoint,
    file_digest,
    note_digests,
    read_checkpoint,
    tensor_path,
)
from siamla_ros.runtime.export import export_onnx
from siamla_ros.runtime.quantize import CropPair, export_int8

CALIBRATION_SEED = 7
PACKAGE = Path(siamla_ros.__file__).resolve().parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla export`."""
    parser.add_argument(
        'model', nargs='?', default='default', help='shipped model or path of a checkpoint'
    )
    parser.add_argument(
        '--output',
        type=Path,
        metavar='DIR',
        help='folder that gets the graphs and, beside them, the weights (default: that of the '
        'checkpoint, or the current folder for a shipped model)',
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
    """Export and print what was written; ValueError or WeightsError name what is wrong."""
    refuse_without(args, 'int8', 'pairs')
    if args.pairs < 1:
        raise ValueError(f'--pairs {args.pairs}: must be at least 1')
    checkpoint = read_checkpoint(args.model)
    placed = place(checkpoint, args.output or default_folder(checkpoint))
    written = [placed.path, *export_onnx(placed), tensor_path(placed.path)]
    if args.int8 is not None:
        written.append(export_int8(placed, training_crops(placed, args.int8, args.pairs)))
    written.append(placed.path.with_suffix('.sha256'))
    for path in written:
        print(f'{path}  {path.stat().st_size / 1e6:.1f} MB')
    return 0


def default_folder(checkpoint: Checkpoint) -> Path:
    """Where its graphs are looked for: beside it; the current folder for one of the package."""
    return Path() if PACKAGE in checkpoint.path.resolve().parents else checkpoint.path.parent


def place(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    """The checkpoint in `folder`, copied there with its checksum: graphs lie beside their weights.

    Raises:
        ValueError: The folder belongs to the installed package, or holds other weights of the name.
    """
    whole = folder.resolve()
    if whole == PACKAGE or PACKAGE in whole.parents:
        raise ValueError(f'--output {folder}: lies in the package, must be a folder outside of it')
    target = whole / checkpoint.path.name
    if target.exists() and file_digest(target) != checkpoint.sha256:
        raise ValueError(f'--output {folder}: holds other weights named {target.name} already')
    whole.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copyfile(checkpoint.path, target)
    note_digests(target, target)  # a record of graphs alone would speak against the weights
    return replace(checkpoint, path=target)


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
