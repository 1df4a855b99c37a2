"""`siamla vot`: a tracker that vot-toolkit drives over the TraX protocol.

In the workspace's trackers.ini:

    [siamla]
    label = SiamLA
    protocol = trax
    command = siamla vot
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from siamla_ros.datasets.image_files import read_image
from siamla_ros.evaluation.peers.arguments import add_tracker_arguments, named_trackers
from siamla_ros.evaluation.peers.base import EvalTracker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla vot`."""
    add_tracker_arguments(parser, 'one tracker, as for siamla eval')


def run(args: argparse.Namespace) -> int:
    """Answer the toolkit until it ends the session; 0.

    Raises:
        ValueError: Not one tracker, or one that cannot be made.
        ModuleNotFoundError: vot-trax is not installed.
    """
    import trax  # noqa: F401  (the error names the extra before a network is loaded)

    if len(args.trackers) != 1:
        raise ValueError(f'--trackers: {len(args.trackers)} given, must be one')
    serve(named_trackers(args)[0])
    return 0


def serve(tracker: EvalTracker) -> None:
    """Answer on standard input and output; rectangles, images by path."""
    from trax import Image, Region, Server, TraxStatus

    with Server([Region.RECTANGLE], [Image.PATH], tracker_name=tracker.name) as server:
        while (request := server.wait()).type in (TraxStatus.INITIALIZE, TraxStatus.FRAME):
            image = read_image(Path(request.image['color'].path()))
            if request.type == TraxStatus.INITIALIZE:
                region, _ = request.objects[0]
                box = region.bounds()
                tracker.init(image, box)
                server.status([(_rectangle(box), {})])
            else:
                estimate = tracker.update(image)
                known = np.isfinite(estimate.confidence)
                properties = {'confidence': f'{estimate.confidence:.6f}'} if known else {}
                server.status([(_rectangle(estimate.box_xywh), properties)])


def _rectangle(box_xywh: tuple[float, ...]) -> Any:
    from trax import Rectangle

    return Rectangle.create(*box_xywh)
