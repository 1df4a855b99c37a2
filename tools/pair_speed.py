"""What decoding JPEG files at the size of their crops saves: both ways in turn, in one run.

    python tools/pair_speed.py --dataset got10k=GOT-10k/train --config config/training/paper.yaml

Seconds are of the processor, which other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.cli.train import dataset
from siamla_ros.datasets.training_tracks import load_tracks, with_tracks
from siamla_ros.training.config import load_config
from siamla_ros.training.pairs import PairSource


def seconds_a_pair(source: PairSource, first: int, pairs: int) -> float:
    """Processor seconds for one of so many pairs from number `first` on."""
    began = time.process_time()
    for index in range(first, first + pairs):
        source.pair(index)
    return (time.process_time() - began) / pairs


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--dataset', action='append', required=True, type=dataset)
    parser.add_argument('--config', type=Path, required=True)
    parser.add_argument('--pairs', type=int, default=50, help='of a round')
    parser.add_argument('--rounds', type=int, default=11)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    config = load_config(args.config)
    damaged: list[str] = []
    tracks = [track for spec in args.dataset for track in load_tracks(spec, damaged)]
    pack = with_tracks(None, tracks, config.data.sampling)
    sources = [
        PairSource(pack, config.model, config.data, config.seed, reduce=reduce)
        for reduce in (False, True)
    ]
    times = np.zeros((args.rounds, 2))
    for number in range(args.rounds):
        for way in (0, 1) if number % 2 else (1, 0):
            first = number * args.pairs
            times[number, way] = seconds_a_pair(sources[way], first, args.pairs)
    whole, reduced = np.median(times, 0)
    ratio = np.median(times[:, 0] / times[:, 1])
    low, high = np.percentile(times[:, 0] / times[:, 1], (10, 90))
    print(f'{args.rounds} rounds of {args.pairs} pairs, the same ones both ways; medians')
    print(f'decoded whole: {1e3 * whole:.2f} ms a pair, {1 / whole:.0f} pairs/s of one core')
    print(f'at the size of the crop: {1e3 * reduced:.2f} ms, {1 / reduced:.0f} pairs/s')
    print(f'ratio {ratio:.2f} (80 % of the rounds {low:.2f} to {high:.2f})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
