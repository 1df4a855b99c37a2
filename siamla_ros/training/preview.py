"""A sheet of training pairs, to check before a run: template left, search region right, target's
box green.

    python -m siamla_ros.training.preview --data PACK --output pairs.png [--config my.yaml]

With ``data.similar`` the features of ``--init`` decide which objects are similar, as in training.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.training_pack import load_pack
from siamla_ros.evaluation.command_line import guarded
from siamla_ros.training.augment import Image
from siamla_ros.training.config import TrainConfig, load_config
from siamla_ros.training.initialize import build_initial
from siamla_ros.training.pairs import Kind, Pair, PairSource
from siamla_ros.training.similar_objects import similar_objects

COLUMNS = 5
FOOTER_BGR = {Kind.POSITIVE: (0, 200, 0), Kind.OTHER: (0, 0, 255), Kind.ERASED: (255, 0, 255)}


def tile(pair: Pair) -> Image:
    """One pair as a picture; below the template green, red or magenta: positive, other object,
    erased.
    """
    search = np.ascontiguousarray(pair.search.transpose(1, 2, 0)[..., ::-1])
    if pair.kind is Kind.POSITIVE:
        x0, y0, x1, y1 = (round(float(v)) for v in pair.box_xyxy)
        cv2.rectangle(search, (x0, y0), (x1, y1), (0, 255, 0), 1)
    left = np.full((search.shape[0], pair.template.shape[2], 3), FOOTER_BGR[pair.kind], np.uint8)
    height = min(pair.template.shape[1], left.shape[0])
    left[:height] = pair.template.transpose(1, 2, 0)[:height, :, ::-1]
    return np.hstack([left, search])


def main(arguments: list[str] | None = None) -> int:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--config', type=Path)
    parser.add_argument('--init', default='default', help='what the run will start from')
    parser.add_argument('--pairs', type=int, default=40)
    args = parser.parse_args(arguments)
    config = load_config(args.config) if args.config else TrainConfig()
    pack = load_pack(args.data, 'train', config.data.sampling)
    similar = None
    if config.data.similar > 0:
        similar = similar_objects(build_initial(config, args.init), pack)
    source = PairSource(pack, config.model, config.data, config.seed, similar)
    tiles = [tile(source.pair(i)) for i in range(args.pairs // COLUMNS * COLUMNS)]
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    if not cv2.imwrite(str(args.output), np.vstack(rows)):
        raise OSError(f'{args.output}: cannot be written')
    return 0


if __name__ == '__main__':
    sys.exit(guarded('preview', main))
