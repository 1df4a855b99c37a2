"""`siamla bag`: follow targets in the images of a rosbag2, and write what the node would publish.

Needs no ROS: the rosbags library reads and writes sqlite3 and MCAP storage.
"""

from __future__ import annotations

import argparse
import sqlite3
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError, StoragePlugin, Writer
from tqdm import tqdm

from siamla_ros.cli.bag_messages import DETECTIONS, IMAGES, STATUS, MessageMaker
from siamla_ros.cli.bag_messages import make_typestore as typestore
from siamla_ros.cli.run_plot import RunPlot
from siamla_ros.cli.track import add_init_argument, add_plot_argument, named_targets
from siamla_ros.cli.track_output import Summary
from siamla_ros.geometry.boxes import Box
from siamla_ros.online.frame import Frame
from siamla_ros.online.image_formats import ImageError
from siamla_ros.online.session import TrackingSession
from siamla_ros.online.targets import TargetOutput

# What the library raises on a damaged bag, at its start or on the way.
UNREADABLE = (AnyReaderError, ReaderError, sqlite3.Error, struct.error)
STORAGES = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}
BAG_VERSION = 8  # metadata that Humble reads, too


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla bag`."""
    parser.add_argument('bag', type=Path, help='folder of a rosbag2, sqlite3 or MCAP')
    parser.add_argument('--image', metavar='TOPIC', help='of Image or CompressedImage messages')
    add_init_argument(parser, required=True)
    parser.add_argument(
        '--start', type=int, default=0, metavar='N', help='image of the boxes, counted from 0'
    )
    parser.add_argument(
        '--output', type=Path, required=True, metavar='DIR', help='new bag: detections and status'
    )
    add_plot_argument(parser)
    parser.add_argument('--storage', choices=list(STORAGES), help='default: that of the input')
    parser.add_argument('--model', default='default', help='name of a model or a checkpoint file')
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:N')
    parser.add_argument('--quiet', action='store_true', help='no progress bar, no summary')


def run(args: argparse.Namespace) -> int:
    """Track and write; 0, or 1 if images could not be used. ValueError or OSError name what is
    wrong with an argument.
    """
    if not args.bag.exists():
        raise ValueError(f'{args.bag}: no such bag')
    if args.bag.is_dir() and not (args.bag / 'metadata.yaml').exists():
        raise ValueError(
            f'{args.bag}: holds no metadata.yaml, must be the folder that `ros2 bag record` writes '
            '(`ros2 bag reindex` makes a missing one)'
        )
    if args.output.exists():
        raise ValueError(f'--output {args.output}: exists already, must be a new folder')
    if args.start < 0:
        raise ValueError(f'--start {args.start} must be >= 0')
    try:
        return _track(args)
    except UNREADABLE as error:
        raise ValueError(f'{args.bag}: damaged: {type(error).__name__}: {error}') from error


def _track(args: argparse.Namespace) -> int:
    targets, store = named_targets(args.init), typestore()
    plot = RunPlot(args.plot) if args.plot else None
    with ExitStack() as stack:
        reader = stack.enter_context(AnyReader([args.bag], default_typestore=store))
        connection = image_connection(reader, args.image)
        session = _session(args)
        plugin = STORAGES[args.storage or storage_of(args.bag)]
        results = Run(session, targets, args.start)
        writer = _Lazy(args.output, plugin, store)
        stack.callback(writer.close)
        total = connection.msgcount
        with tqdm(total=total, unit='image', disable=True if args.quiet else None) as bar:
            for item in _messages(reader, connection):
                outputs = results.step(*item)
                if outputs is not None:
                    writer.write(item[0], item[1].header, outputs)
                    if plot is not None:
                        plot.add(results.last_s, outputs)
                bar.update()
    if not results.started:
        raise ValueError(f'{args.bag}: {connection.topic} has no image {args.start}')
    if plot is not None:
        plot.write()
    if not args.quiet:
        written = [f'{args.output}: /detections and /status']
        written += [f'{plot.path}: confidence and states over time'] if plot else []
        print('\n'.join([*results.lines(), *written]), file=sys.stderr)
    return int(results.unusable > 0)


def _session(args: argparse.Namespace) -> TrackingSession:
    from siamla_ros import load_tracker

    return TrackingSession(load_tracker(args.model, device=args.device))


def image_connection(reader: AnyReader, topic: str | None) -> Connection:
    """The connection of an image topic; without a name the only one there is.

    Raises:
        ValueError: No such topic of images, or several to choose from; the message lists them.
    """
    found = [item for item in reader.connections if item.msgtype in IMAGES]
    chosen = [item for item in found if topic in (None, item.topic)]
    if len(chosen) != 1:
        names = ', '.join(sorted(item.topic for item in found)) or 'none'
        raise ValueError(f'--image {topic}: must be one image topic of the bag; there are: {names}')
    return chosen[0]


def storage_of(bag: Path) -> str:
    """sqlite3 or mcap, by the files of the bag."""
    files = bag.iterdir() if bag.is_dir() else [bag]
    return 'mcap' if any('.mcap' in path.name for path in files) else 'sqlite3'


def _messages(reader: AnyReader, connection: Connection) -> Iterator[tuple[int, Any]]:
    """Time of recording and message of each image, in order of recording."""
    for _, stamp_ns, data in reader.messages(connections=[connection]):
        yield stamp_ns, reader.deserialize(data, connection.msgtype)


class Run:
    """The session on the images of a bag: starts the targets, counts, skips unusable images."""

    def __init__(
        self, session: TrackingSession, targets: Sequence[tuple[str, Box]], start: int
    ) -> None:
        self._session, self._targets, self._start = session, targets, start
        self._number, self._began_s = -1, time.monotonic()
        self.summary, self.frames, self.unusable, self.started = Summary(), 0, 0, False
        self.last_s = 0.0

    def step(self, _: int, message: Any) -> list[TargetOutput] | None:
        """Outputs on the next image; None before the first box and for an unusable image."""
        self._number += 1
        if self._number < self._start:
            return None
        frame = Frame.of(message, self._number)
        try:
            outputs = self._outputs(frame)
        except ImageError as error:
            self.unusable += 1
            print(f'image {self._number} skipped: {error}', file=sys.stderr)
            return None
        self.frames += 1
        self.last_s = frame.stamp_s
        self.summary.add(outputs)
        return outputs

    def _outputs(self, frame: Frame) -> list[TargetOutput]:
        image = frame.to_bgr()
        if self.started:
            return self._session.step(image, frame.stamp_s)
        outputs = [
            self._session.start(name, box, image, frame.stamp_s, label=name)
            for name, box in self._targets
        ]
        self.started = True
        return outputs

    def lines(self) -> list[str]:
        """The run in words."""
        skipped = [f'{self.unusable} images could not be used'] if self.unusable else []
        return [*self.summary.lines(self.frames, time.monotonic() - self._began_s), *skipped]


class _Lazy:
    """The output bag, made with its first message: a refused box leaves no folder behind."""

    def __init__(self, path: Path, plugin: StoragePlugin, store: Any) -> None:
        self._path, self._plugin, self._store = path, plugin, store
        self._maker = MessageMaker(store)
        self._writer: Writer | None = None
        self._topics: dict[str, Connection] = {}

    def write(self, stamp_ns: int, header: Any, outputs: list[TargetOutput]) -> None:
        """What the node publishes on one image, recorded when the image was."""
        if self._writer is None:
            self._open()
        self._put('/detections', DETECTIONS, stamp_ns, self._maker.detections(header, outputs))
        for output in outputs:
            self._put('/status', STATUS, stamp_ns, self._maker.status(header, output))

    def _open(self) -> None:
        self._writer = Writer(self._path, version=BAG_VERSION, storage_plugin=self._plugin)
        self._writer.open()
        for topic, kind in (('/detections', DETECTIONS), ('/status', STATUS)):
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self._store)

    def _put(self, topic: str, kind: str, stamp_ns: int, message: Any) -> None:
        assert self._writer is not None
        data = self._store.serialize_cdr(message, kind)
        self._writer.write(self._topics[topic], stamp_ns, data)

    def close(self) -> None:
        """Complete the bag, if there is one."""
        if self._writer is not None:
            self._writer.close()
