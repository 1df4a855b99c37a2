"""Fit what `identity` and `recovery` decide by to the weights at hand, on validation material.

    python -m siamla_ros.calibration.calibrate_identity --data TRAIN --clips CLIPS \\
        --output thresholds.yaml

The node's own engine runs through validation episodes with a recovery that never accepts; whatever
it looks at is recorded with the truth. From that follow, in this order,

* what is usual for well-tracked targets: confidence, similarity, color and their spreads;
* the weights of the three deviations: a logistic regression over the looks at followed boxes, the
  target's and those of what was followed in its stead, every scene counting the same;
* `recovery.accept_threshold`: the recorded looks are judged anew at each value; of the values at
  which at most `--wrong-share` of the finds are wrong and that find nearly as many targets within
  30 frames as any of these, the strictest;
* `supervisor.identity_threshold`: at most `--doubt-share` of the looks at rightly tracked targets
  fall below it.

Nothing of it may run on the sequences that results are reported on.

Recording takes minutes. With `--records FOLDER` each episode is written there as soon as it is
recorded; the same command again goes on from there, and once all are there (with other shares, say)
only fits. A change of the program itself is not noticed: then take another folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from siamla_ros.calibration.console import hand_over
from siamla_ros.calibration.episode_samples import Story, record
from siamla_ros.calibration.identity_fit import Fit, fit
from siamla_ros.calibration.sample_files import StoryFiles
from siamla_ros.calibration.validation_episodes import (
    Material,
    add_arguments,
    material_of,
    tracker_of,
    validation_episodes,
)
from siamla_ros.evaluation import suites
from siamla_ros.evaluation.followers import settings_for
from siamla_ros.model.checkpoint import file_digest
from siamla_ros.tracker.tracker import Tracker


def as_yaml(result: Fit) -> str:
    """Parameters for the node, with what they did on the records as comments."""
    lines = [f'# {line}' for line in result.report]
    lines += ['/**:', '  ros__parameters:']
    groups = {
        'supervisor': {'identity_threshold': result.identity_threshold},
        'recovery': {'accept_threshold': result.accept_threshold},
        'identity': result.identity,
    }
    for group, values in groups.items():
        lines.append(f'    {group}:')
        lines += [f'      {name}: {value:.4g}' for name, value in values.items()]
    return '\n'.join(lines) + '\n'


def settings_of(tracker: Tracker, material: Material) -> dict[str, Any]:
    """Whatever the records depend on: weights, material, and how the engine is set."""
    held: dict[str, Any] = {}
    if material.data:
        held['data'] = file_digest(material.data / 'index.csv')
        held['synthetic'] = material.synthetic
    if material.clips:
        held['clips'] = {path.name: path.stat().st_size for path in material.clips.glob('*.mp4')}
        held['table'] = file_digest(material.table)
    engine = asdict(settings_for(tracker, 'global'))
    engine.pop('node')  # topics and buffers, which episodes have none of
    return {
        'tracker': tracker.description,
        'engine': engine,
        'material': held,
        'seed': material.seed,
        'every': material.every,
    }


def stories(
    tracker: Tracker, material: Material, files: StoryFiles | None = None, quiet: bool = False
) -> list[Story]:
    """Record every episode that `files` does not hold; frames are made one episode at a time.

    Raises ValueError when two episodes have one name.
    """
    complete = files.complete() if files else None
    if complete is not None:
        return complete
    told: dict[str, Story] = {}
    with suites.progress('episodes', 0, quiet) as bar:
        for episode in validation_episodes(material, tracker):
            name = episode.sequence.name
            bar.set_description(name)
            if name in told:
                raise ValueError(f'two episodes are called {name!r}')
            story = files.kept(name) if files else None
            if story is None:
                story = record(tracker, episode)
                if files:
                    files.keep(story)
            told[name] = story
            bar.update()
    if files:
        files.finish(list(told))
    return list(told.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 2 when the material cannot be used."""
    parser = argparse.ArgumentParser(
        prog="siamla_ros.calibration.calibrate_identity", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(parser, seed=5)
    parser.add_argument('--wrong-share', type=float, default=0.02, help='of the finds')
    parser.add_argument('--doubt-share', type=float, default=0.005, help='of right looks')
    parser.add_argument('--records', type=Path, help='folder to keep them in, and to go on from')
    parser.add_argument('--output', type=Path, help='YAML file (default: standard output)')
    args = parser.parse_args(arguments)
    material = material_of(parser, args)

    def make() -> str:
        tracker = tracker_of(args)
        files = StoryFiles(args.records, settings_of(tracker, material)) if args.records else None
        told = stories(tracker, material, files, args.quiet)
        return as_yaml(fit(told, args.wrong_share, args.doubt_share))

    return hand_over(make, args.output)


if __name__ == '__main__':
    sys.exit(main())
