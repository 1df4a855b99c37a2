"""The benchmark of the lost target on validation material: where settings are compared.

    python -m siamla_ros.calibration.compare_parameters --data TRAIN --clips CLIPS \\
        --params thresholds.yaml other.yaml

Each row is the node's own engine with one set of parameters: the shipped ones, and those of every
file of `--params` (what `calibrate_identity` writes; what a file does not name keeps its default).
Columns are those of `siamla eval --lost`, and so are the scenarios but for two (`synthetic`, and
`lured`, see `validation_episodes`). The episodes are made of held-out objects and of development
clips, on another seed than `calibrate_identity` fits to: it decides over synthetic videos, patches
and other scenes; what is painted out of a clip is the same for both. Choose here, then run the
benchmark once.

`--rate 10` plays them as a camera of 10 Hz sees them: every third frame, with true stamps. All
columns count the frames that the camera takes. A clip is soon over and played forth and back, and
synthetic absences are then too short to be judged: only the clips say how soon LOST comes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from siamla_ros.calibration.console import hand_over
from siamla_ros.calibration.validation_episodes import (
    add_arguments,
    material_of,
    tracker_of,
    validation_episodes,
)
from siamla_ros.evaluation import lost_bench, suites
from siamla_ros.evaluation.followers import FRAME_S, SupervisedFollower, settings_for
from siamla_ros.evaluation.scenarios import SCENARIOS
from siamla_ros.online.parameters import BY_NAME, Settings, build, defaults
from siamla_ros.tracker.tracker import Tracker

MOST_STEP = 10  # frames; of a clip of 100 frames no more than ten are left then


def read_parameters(path: Path) -> dict[str, Any]:
    """Parameters of the node by their full names, from a ROS parameter file.

    :raises ValueError: no ``ros__parameters``, or parameters that a rehearsal cannot judge
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: {error}') from error
    found: dict[str, Any] = {}
    for node in content.values() if isinstance(content, Mapping) else ():
        values = node.get('ros__parameters') if isinstance(node, Mapping) else None
        if not isinstance(values, Mapping):
            raise ValueError(f'{path}: has no ros__parameters of the form /**: ros__parameters:')
        found.update(_flat(values))
    found = {name: value for name, value in found.items() if name != 'use_sim_time'}
    unknown = sorted(set(found) - set(BY_NAME))
    if unknown or not found:
        raise ValueError(f"{path}: {', '.join(unknown) or 'no parameter'} is none of the node's")
    return {name: BY_NAME[name].meant(value) for name, value in found.items()}


def _flat(values: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value, f'{prefix}{name}.') if isinstance(value, Mapping) else None
        flat.update({f'{prefix}{name}': value} if inner is None else inner)
    return flat


def settings_of(tracker: Tracker, mode: str, changes: Mapping[str, Any]) -> Settings:
    """The shipped settings for one mode of the search, with these changes.

    :raises ValueError: a value out of range
    """
    built, shipped = build({**defaults(), **changes}), settings_for(tracker, mode)
    window = built.recovery.window if 'recovery.window' in changes else shipped.recovery.window
    return replace(built, recovery=replace(built.recovery, mode=mode, window=window))


def frames_a_step(text: str) -> int:
    """Every how many-th frame a camera of that rate takes of an episode.

    :raises argparse.ArgumentTypeError: no rate that episodes can be played at
    """
    whole_hz = round(1.0 / FRAME_S)
    try:
        step = whole_hz / float(text)
    except (ValueError, ZeroDivisionError):
        step = 0.0
    if not (1.0 <= step <= MOST_STEP and step.is_integer()):
        raise argparse.ArgumentTypeError(
            f'{text} is not {whole_hz} Hz by a whole number, at most {MOST_STEP}'
        )
    return int(step)


def _rows(
    tracker: Tracker, files: Sequence[Path], modes: Sequence[str], step: int
) -> dict[str, SupervisedFollower]:
    """A follower for the shipped parameters and each file, in each mode; named by the files."""
    sets: dict[str, dict[str, Any]] = {'shipped': {}}
    for path in files:
        name = path.stem if path.stem not in sets else str(path)
        sets[name] = read_parameters(path)
        without = sorted(n for n in sets[name] if '.' not in n or n == 'recovery.mode')
        moot = [n for n in without if sets[name][n] != BY_NAME[n].default]
        if moot:
            raise ValueError(
                f'{path}: {", ".join(moot)}: only supervisor.*, recovery.* and identity.* are '
                'rehearsed; --search chooses recovery.mode, --model the weights'
            )
    rows = {}
    for (name, changes), path in zip(sets.items(), [None, *files]):
        for mode in modes:
            try:
                settings = settings_of(tracker, mode, changes)
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from error
            rows[f'{name}, {mode}'] = SupervisedFollower(tracker, settings, step * FRAME_S)
    return rows


def _each(told: Mapping[str, list[lost_bench.Told]]) -> dict[str, dict[str, Any]]:
    """Episode -> follower -> what it did there: where to look when a figure is bad."""
    rows: dict[str, dict[str, Any]] = {}
    for name, items in told.items():
        for item in items:
            rows.setdefault(item.episode.sequence.name, {})[name] = asdict(item.story)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 2 when material or parameters cannot be used."""
    parser = argparse.ArgumentParser(
        prog="siamla_ros.calibration.compare_parameters", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(parser, seed=6)
    parser.add_argument('--params', type=Path, nargs='*', default=[], help='parameter files')
    parser.add_argument(
        '--search', nargs='+', choices=('off', 'local', 'global'), default=['local', 'global']
    )
    parser.add_argument(
        "--scenarios", nargs="+", choices=tuple(SCENARIOS), default=list(SCENARIOS),
        help="of the clips, beside the lured ones",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=frames_a_step, default=1, dest="step", metavar="HZ",
        help="of the camera: 30, 15, 10, 7.5, 6, 5 ...",
    )  # fmt: skip
    parser.add_argument('--output', type=Path, help='JSON: all figures, and each episode')
    args = parser.parse_args(arguments)
    material = material_of(parser, args)

    def make() -> str:
        tracker = tracker_of(args)
        rows = _rows(tracker, args.params, args.search, args.step)
        follow = {name: row.follow for name, row in rows.items()}
        if args.output:
            args.output.parent.mkdir(parents=True, exist_ok=True)
            args.output.write_text('{}', encoding='utf-8')  # fails now rather than at the end
        episodes = validation_episodes(material, tracker, tuple(args.scenarios), args.step)
        with suites.progress('episodes', 0, args.quiet) as bar:
            told, _ = lost_bench.play(suites.counted(episodes, bar), follow, [], bar)
        text, content = lost_bench.tables(told)
        if args.output:
            rate_hz = 1.0 / (args.step * FRAME_S)
            content = {'rate_hz': rate_hz, 'figures': content, 'episodes': _each(told)}
            args.output.write_text(json.dumps(content, indent=1), encoding='utf-8')
        return text + '\n'

    return hand_over(make, None)


if __name__ == '__main__':
    sys.exit(main())
