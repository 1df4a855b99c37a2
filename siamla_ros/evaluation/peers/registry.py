"""Trackers by name: `[label=]name[:files]`, as the command line gives them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from siamla_ros.evaluation.peers import opencv
from siamla_ros.evaluation.peers.base import EvalTracker, IdentityTracker, TrackerUnavailable
from siamla_ros.evaluation.peers.fear import FearTracker
from siamla_ros.evaluation.peers.nanotrack import NanoTracker
from siamla_ros.evaluation.peers.ort import THREADS
from siamla_ros.evaluation.peers.siamla import SiamlaTracker
from siamla_ros.runtime.factory import RUNTIMES

HELP = """trackers:
  siamla[:CHECKPOINT][@RUNTIME]          this package; without a file the default weights
  identity                               the first box for ever
  csrt, kcf                              OpenCV contrib (opencv-contrib-python-headless)
  mil                                    OpenCV
  nano:BACKBONE.onnx,HEAD.onnx           OpenCV TrackerNano (NanoTrack V2)
  vit:MODEL.onnx                         OpenCV TrackerVit
  fear:INIT.onnx,TRACK.onnx              FEAR in ONNX Runtime (fear-rounded: whole pixels)
  nanotrack:v2|v3:BACKBONE.onnx,HEAD.onnx  NanoTrack in ONNX Runtime (nanotrack-rounded likewise)
LABEL=TRACKER gives it another name in the tables."""


def _fear(rounded: bool) -> Callable[..., EvalTracker]:
    def make(rest: str, label: str, threads: int = THREADS, **_: Any) -> EvalTracker:
        init_model, track_model = _files(rest, 'INIT.onnx,TRACK.onnx', 2)
        return FearTracker(init_model, track_model, rounded, label, threads)

    return make


def _nanotrack(rounded: bool) -> Callable[..., EvalTracker]:
    def make(rest: str, label: str, threads: int = THREADS, **_: Any) -> EvalTracker:
        version, _, files = rest.partition(':')
        backbone, head = _files(files, 'v2|v3:BACKBONE.onnx,HEAD.onnx', 2)
        if label in ('nanotrack', 'nanotrack-rounded'):
            label = f'{label}-{version}'
        return NanoTracker(version, backbone, head, rounded, label, threads)

    return make


def _siamla(
    rest: str, label: str, device: str, options: dict[str, Any], threads: int = THREADS
) -> EvalTracker:
    return SiamlaTracker(rest or 'default', device, label, **{'threads': threads, **options})


def _plain(make: Callable[[], EvalTracker]) -> Callable[..., EvalTracker]:
    def checked(rest: str, label: str, **_: Any) -> EvalTracker:
        _files(rest, 'no file', 0)
        tracker = make()
        tracker.name = label
        return tracker

    return checked


MAKERS: dict[str, Callable[..., EvalTracker]] = {
    'siamla': _siamla,
    'identity': _plain(IdentityTracker),
    'csrt': _plain(lambda: opencv.classic('csrt')),
    'kcf': _plain(lambda: opencv.classic('kcf')),
    'mil': _plain(lambda: opencv.classic('mil')),
    'nano': lambda rest, label, **_: opencv.nano(
        *_files(rest, 'BACKBONE.onnx,HEAD.onnx', 2), label
    ),
    'vit': lambda rest, label, **_: opencv.vit(*_files(rest, 'MODEL.onnx', 1), label),
    'fear': _fear(rounded=False),
    'fear-rounded': _fear(rounded=True),
    'nanotrack': _nanotrack(rounded=False),
    'nanotrack-rounded': _nanotrack(rounded=True),
}


def make_tracker(
    spec: str,
    device: str = 'auto',
    options: dict[str, Any] | None = None,
    threads: int = THREADS,
) -> EvalTracker:
    """The tracker of `[label=]name[:files]`.

    Args:
        spec: As above.
        device: For siamla.
        options: For siamla; a runtime behind `@` goes before that of the options.
        threads: Of every network.

    Raises:
        TrackerUnavailable: The name is unknown, a file is missing, or this installation lacks what
            the tracker needs.
    """
    label, given, rest = spec.partition('=')
    if not given or ':' in label:
        label, rest = '', spec
    if '/' in label or label in ('.', '..'):
        raise TrackerUnavailable(f'tracker {spec!r}: the label is a name of files, without /')
    place, _, runtime = rest.rpartition('@')
    if runtime in RUNTIMES and place.partition(':')[0] == 'siamla':
        rest, options = place, {**(options or {}), 'runtime': runtime}
        label = label or f'siamla@{runtime}'
    name, _, files = rest.partition(':')
    if name not in MAKERS:
        raise TrackerUnavailable(f'tracker {name!r}: must be one of {", ".join(MAKERS)}')
    return MAKERS[name](files, label or name, device=device, options=options or {}, threads=threads)


def is_siamla(spec: str) -> bool:
    """Whether `[label=]name[:files]` names this package."""
    label, given, rest = spec.partition('=')
    name = rest if given and ':' not in label else spec
    return re.split('[:@]', name)[0] == 'siamla'


def make_trackers(
    specs: list[str],
    device: str = 'auto',
    options: dict[str, Any] | None = None,
    threads: int = THREADS,
) -> list[EvalTracker]:
    """All of them; ValueError when two would have the same name."""
    trackers = [make_tracker(spec, device, options, threads) for spec in specs]
    names = [tracker.name for tracker in trackers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'two trackers are called {name!r}: name them with LABEL=TRACKER')
    return trackers


def _files(text: str, form: str, count: int) -> list[str]:
    files = [part for part in text.split(',') if part]
    if len(files) != count:
        raise TrackerUnavailable(f'expected {form}, got {text!r}')
    return files
