"""`siamla vot`: a tracker that vot-toolkit drives over the TraX protocol.

In the workspace's trackers.ini:

    [siamla]
    label = SiamLA
    protocol = trax
    command = siamla vot
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from siamla_ros.datasets.image_files import read_image
from siamla_ros.evaluation.peers.arguments import (
    add_tracker_arguments,
    named_trackers,
    refuse_unused_options,
)
from siamla_ros.evaluation.peers.base import EvalTracker
from siamla_ros.geometry.boxes import Box

if TYPE_CHECKING:
    from trax import Server

WAITING = (
    'siamla vot: waits for vot-toolkit, which starts this command and sends images over standard '
    'input (TraX); Ctrl-C ends it'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla vot`."""
    add_tracker_arguments(parser, 'one tracker, as for siamla eval')


def run(args: argparse.Namespace) -> int:
    """Answer the toolkit until it ends the session; 0.

    Raises:
        ValueError: Not one tracker, one that cannot be made, or a region that is no rectangle.
        ModuleNotFoundError: vot-trax is not installed.
    """
    from trax import TraxException  # the error names the extra before a network is loaded

    if len(args.trackers) != 1:
        raise ValueError(f'--trackers: {len(args.trackers)} given, must be one')
    refuse_unused_options(args)
    try:
        serve(lambda: named_trackers(args)[0])
    except TraxException as error:
        raise ValueError(
            f'no toolkit answers on standard input ({error}); vot-toolkit starts this command'
        ) from error
    return 0


def serve(make: Callable[[], EvalTracker]) -> None:
    """Answer on standard input and output; rectangles, images by path, several objects.

    Args:
        make: Makes a tracker; called once for each object that is followed at a time.
    """
    from trax import Image, Region, Server, TraxStatus

    trackers = [make()]
    print(WAITING, file=sys.stderr, flush=True)
    count = 0  # objects that are followed
    greeting = {'tracker_name': trackers[0].name, 'multiobject': True}
    with _ended(Server([Region.RECTANGLE], [Image.PATH], **greeting)) as server:
        while (request := server.wait()).type in (TraxStatus.INITIALIZE, TraxStatus.FRAME):
            image = read_image(Path(request.image['color'].path()))
            count = 0 if request.type == TraxStatus.INITIALIZE else count
            answers = [_update(tracker, image) for tracker in trackers[:count]]
            for region, _ in request.objects or ():
                if count == len(trackers):
                    trackers.append(make())
                trackers[count].init(image, _bounds(region))
                answers.append((region, {}))
                count += 1
            server.status(answers)


@contextlib.contextmanager
def _ended(server: Server) -> Iterator[Server]:
    """Ends the session with the reason; the library's own context would print a traceback."""
    from trax import TraxException

    try:
        yield server
    except BaseException as error:
        with contextlib.suppress(TraxException):
            server.quit(str(error) or type(error).__name__)
        raise
    server.quit()


def _bounds(region: Any) -> Box:
    if not hasattr(region, 'bounds'):
        raise ValueError(f'a region of the toolkit is {region}, must be a rectangle')
    return region.bounds()


def _update(tracker: EvalTracker, image: np.ndarray) -> tuple[Any, dict[str, str]]:
    from trax import Rectangle

    estimate = tracker.update(image)
    known = np.isfinite(estimate.confidence)
    properties = {'confidence': f'{estimate.confidence:.6f}'} if known else {}
    return Rectangle.create(*estimate.box_xywh), properties
