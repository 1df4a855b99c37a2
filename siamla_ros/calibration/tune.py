"""After training: mix weights, and calibrate the confidence on held-out data.

    python -m siamla_ros.calibration.tune --data DIR --model RUN/model.safetensors --output
    NAME.safetensors

Both kinds of held-out data are used: real frames one step at a time
(:mod:`siamla_ros.training.validate`) and synthetic videos (:mod:`siamla_ros.training.sequences`).
`siamla calibrate` then fits scaling and evidence model on annotated video.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from siamla_ros.datasets.training_pack import load_pack
from siamla_ros.evaluation.command_line import guarded
from siamla_ros.evaluation.platt import fit_platt
from siamla_ros.geometry import boxes
from siamla_ros.model import SiamLA
from siamla_ros.model.checkpoint import load_model, read_checkpoint, save_checkpoint
from siamla_ros.runtime.torch_runtime import TorchRuntime
from siamla_ros.tracker.tracker import Tracker
from siamla_ros.training.checkpointing import scale_boxes, wise_ft
from siamla_ros.training.config import TrainConfig, from_dict
from siamla_ros.training.initialize import build_initial
from siamla_ros.training.sequences import scenes
from siamla_ros.training.validate import Report, validate, validation_tracks

ABSENT_SHARE = 0.2
"""Share of frames without the target that the calibration assumes: a robot's target is mostly
there.
"""
HOLD_BELOW = 0.3


class Record(NamedTuple):
    """One frame of a synthetic video; ``iou`` is 0 while the target is absent."""

    sequence: str
    frame: int
    confidence: float
    present: bool
    iou: float


def follow(tracker: Tracker, data: Path, count: int, seed: int) -> Iterator[Record]:
    """Track ``count`` synthetic videos of held-out objects; an uncertain place is not followed."""
    for name, frames in scenes(load_pack(data, 'val', {}), count, seed):
        first = next(frames)
        state = tracker.init(first.image, first.box_xywh)
        for number, frame in enumerate(frames, start=1):
            result = tracker.update(frame.image, [state])[0]
            state = result.state if result.confidence > HOLD_BELOW else state
            iou = float(boxes.iou(result.box_xywh, frame.box_xywh)) if frame.present else 0.0
            yield Record(name, number, result.confidence, frame.present, iou)


def calibration(report: Report, records: list[Record]) -> tuple[float, float]:
    """Scale and bias from both kinds of data, each with half of the weight."""
    groups = [
        (report.confidence, report.iou > 0.5, (1 - ABSENT_SHARE) / 2),
        (report.confidence_erased, np.zeros(len(report.confidence_erased), bool), ABSENT_SHARE / 2),
        *_by_presence(records),
    ]
    confidence = np.concatenate([c for c, _, _ in groups])
    hit = np.concatenate([h for _, h, _ in groups])
    weight = np.concatenate([np.full(len(c), 1e4 * w / max(len(c), 1)) for c, _, w in groups])
    return fit_platt(confidence, hit, weight)


def _by_presence(records: list[Record]) -> list[tuple[np.ndarray, np.ndarray, float]]:
    groups = []
    for present, share in ((True, 1 - ABSENT_SHARE), (False, ABSENT_SHARE)):
        chosen = [r for r in records if r.present == present]
        groups.append(
            (
                np.array([r.confidence for r in chosen]),
                np.array([r.iou > 0.5 for r in chosen], bool),
                share / 2,
            )
        )
    return groups


def main(arguments: list[str] | None = None) -> int:
    """Command line, see the module's docstring."""
    args = _parser().parse_args(arguments)
    source = read_checkpoint(args.model)
    model, facts = load_model(source), dict(source.provenance)
    if args.blend is not None:
        model, facts['blend'] = _mixed(model, facts['recipe'], args)
    if args.box_scale is not None:
        model, facts['box_scale'] = scale_boxes(model, *args.box_scale), args.box_scale
    plain = replace(
        source.decode,
        agreement_exponent=args.consensus,
        calibration_scale=1.0,
        calibration_bias=0.0,
        second_peak_weight=0.0,
        distractor_weight=0.0,
        bystander_weight=0.0,
        filter_weight=0.0,
    )
    tracker = Tracker(TorchRuntime(model, 'cpu'), source.model, plain)
    report = validate(tracker, validation_tracks(args.data), probes=3)
    records = list(follow(tracker, args.data, args.scenes, args.seed))
    scale, bias = (round(value, 4) for value in calibration(report, records))
    decode = replace(
        source.decode,
        agreement_exponent=args.consensus,
        calibration_scale=scale,
        calibration_bias=bias,
        second_peak_weight=0.0,  # scale and bias were fitted without them
        distractor_weight=0.0,
        bystander_weight=0.0,
        filter_weight=0.0,
    )
    facts['calibration'] = {'scenes': args.scenes, 'seed': args.seed}
    facts['validation'] = report.summary()
    saved = save_checkpoint(args.output, model, decode, facts, half=True)
    print(json.dumps({**report.summary(), 'calibration': [scale, bias]}))
    print(f'{saved.path}  sha256 {saved.sha256}')
    return 0


def _mixed(
    model: SiamLA, recipe: dict[str, Any], args: argparse.Namespace
) -> tuple[SiamLA, dict[str, Any]]:
    """The mix of ``model`` and the weights of ``--blend``, and what it is, for the provenance."""
    config = from_dict(TrainConfig, recipe)
    box_share = args.share if args.box_share is None else args.box_share
    # FEAR-XS has no quality branch, other weights may have another: then it stays as trained.
    same = args.blend.suffix != '.onnx' and read_checkpoint(args.blend).model == config.model
    quality_share = args.share if same else 1.0
    initial = build_initial(config, args.blend)
    mixed = wise_ft(initial, model, args.share, box_share, quality_share)
    shares = {'share': args.share, 'box_share': box_share, 'quality_share': quality_share}
    return mixed, {'with': args.blend.name, **shares}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--model', required=True)
    parser.add_argument('--output', type=Path, required=True, help='checkpoint to write')
    parser.add_argument('--blend', type=Path, help='published weights to mix in (WiSE-FT)')
    parser.add_argument('--share', type=float, default=0.7, help='share of --model in the mix')
    parser.add_argument(
        '--box-share',
        type=float,
        help='the same for the regression branch alone; 0 keeps the boxes of --blend '
        '(default: as --share)',
    )
    parser.add_argument(
        '--box-scale',
        type=float,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='factors on the predicted boxes: takes off a constant error of their size',
    )
    parser.add_argument(
        '--consensus',
        type=float,
        default=1.0,
        help="exponent of the cells' consensus in the confidence; 0: the network's own",
    )
    parser.add_argument('--scenes', type=int, default=80)
    parser.add_argument('--seed', type=int, default=7)
    return parser


if __name__ == '__main__':
    sys.exit(guarded('tune', main))
