"""How well a network separates its target from a similar object, on held-out objects.

    python -m siamla_ros.calibration.confusion --data PACK --model mine.safetensors
    other.safetensors

Each object of the validation split serves as template, and the objects most like it
(:mod:`siamla_ros.training.similar_objects`) are searched for it. Reported is the AUROC of the
confidence
of hits on held-out tracks against the confidence on these others: it hangs on the ranks alone, so
networks can be compared without calibration. The first model decides for all which objects are
similar.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import Pack, load_pack, read_image
from siamla_ros.evaluation.command_line import guarded
from siamla_ros.evaluation.confidence import auroc
from siamla_ros.model.checkpoint import load_model, read_checkpoint
from siamla_ros.tracker.tracker import Tracker, load_tracker
from siamla_ros.training.similar_objects import similar_objects
from siamla_ros.training.validate import moved, validate, validation_tracks

OTHERS = 2  # similar objects of each object
PROBES = 2  # of each frame of a track
HIT_IOU = 0.5


class Confusion(NamedTuple):
    """Confidences: on the target where the box is right, and on something like it."""

    hits: NDArray[np.float64]
    others: NDArray[np.float64]

    def summary(self) -> dict[str, float]:
        """The figures, rounded for a log."""
        return {
            'auroc_similar_object': round(auroc(self.hits, self.others), 4),
            'median_confidence': round(_median(self.hits), 3),
            'median_similar_object': round(_median(self.others), 3),
            'similar_objects': len(self.others),
        }


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float('nan')


def confusion(tracker: Tracker, data: Path, pack: Pack, likes: list[list[int]]) -> Confusion:
    """Search similar objects for each object, and held-out tracks for their own.

    Args:
        likes: For every track of ``pack`` those that resemble it.
    """
    rng = np.random.default_rng(0)
    others = []
    for track, like in zip(pack.tracks, likes, strict=True):
        if not like:
            continue
        state = tracker.init(read_image(track[0].path), track[0].box_xywh)
        for index in like[:OTHERS]:
            record = pack.tracks[index][0]
            place = moved(record.box_xywh, rng)
            others.append(tracker.probe(read_image(record.path), state, [place])[0].confidence)
    report = validate(tracker, validation_tracks(data), probes=PROBES)
    return Confusion(report.confidence[report.iou > HIT_IOU], np.array(others))


def main(arguments: list[str] | None = None) -> int:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--model', nargs='+', default=['default'])
    parser.add_argument('--threads', type=int, default=0)
    args = parser.parse_args(arguments)
    pack = load_pack(args.data, 'val', {})
    likes = similar_objects(load_model(read_checkpoint(args.model[0])), pack, OTHERS)
    for model in args.model:
        tracker = load_tracker(model, 'cpu', runtime='float', threads=args.threads)
        result = confusion(tracker, args.data, pack, likes)
        print(json.dumps({'model': Path(model).name, **result.summary()}), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(guarded('confusion', main))
