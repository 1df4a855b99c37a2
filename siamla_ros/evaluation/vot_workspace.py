"""Sequences in any layout as a workspace of vot-toolkit; see `siamla_ros.cli.vot_workspace`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from siamla_ros.datasets.sequence import Sequence
from siamla_ros.evaluation.supervised import EAO_RANGE, SKIPPED_FRAMES

TIMEOUT_S = 300  # that the toolkit waits for an answer: a network may load slowly
EXPERIMENT = f"""registry: [./trackers.ini]
stack:
  title: supervised
  experiments:
    baseline:
      type: supervised
      repetitions: 1
      skip_initialize: {SKIPPED_FRAMES}
      analyses:
        - type: supervised_average_ar
        - {{type: supervised_eao_score, low: {EAO_RANGE[0]}, high: {EAO_RANGE[1]}}}
"""


def check_place(folder: Path) -> None:
    """Raises ValueError for a folder that holds something else than a workspace."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / 'config.yaml').is_file():
        known = {'sequences'}  # of one that was not finished
        other = sorted(path.name for path in folder.iterdir() if path.name not in known)
        if other:
            raise ValueError(
                f'{folder}: holds {other[0]} and is no workspace; name an empty or a new folder'
            )


def write_sequence(folder: Path, sequence: Sequence) -> None:
    """color/00000001.png ..., groundtruth.txt and `sequence`, as the toolkit reads them.

    Raises:
        ValueError: A frame has no box: the toolkit would count it as a failure, or fail itself.
        OSError: An image cannot be written.
    """
    missing = np.flatnonzero(~np.isfinite(sequence.boxes_xywh).all(1))
    if len(missing):
        raise ValueError(f'{sequence.name}: frame {missing[0]} has no box, which VOT demands')
    (folder / 'color').mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(sequence.frames(), start=1):
        path = folder / 'color' / f'{number:08d}.png'
        if not cv2.imwrite(str(path), image):
            raise OSError(f'{path}: cannot be written')
    np.savetxt(folder / 'groundtruth.txt', sequence.boxes_xywh, fmt='%.4f', delimiter=',')
    height, width = image.shape[:2]
    about = {'name': sequence.name, 'fps': 30, 'width': width, 'height': height}
    about |= {'length': len(sequence), 'channels.color': 'color/%08d.png'}
    text = ''.join(f'{key}={value}\n' for key, value in about.items())
    (folder / 'sequence').write_text(text, encoding='utf-8')


def write_workspace(
    folder: Path, sequences: Iterable[Sequence], commands: dict[str, str]
) -> list[str]:
    """Make the workspace.

    Args:
        folder: Where it is made; an earlier one there is written over.
        sequences: To convert; images are written without loss.
        commands: By the name of each tracker, what the toolkit starts.

    Returns:
        What is wrong with each sequence that is left out.

    Raises:
        ValueError: No sequence can be converted.
        OSError: See `write_sequence`.
    """
    names, left_out = [], []
    for sequence in sequences:
        name = sequence.name.replace('/', '_')
        try:
            write_sequence(folder / 'sequences' / name, sequence)
            names.append(name)
        except ValueError as error:
            left_out.append(str(error))
    if not names:
        raise ValueError(f'no sequence can be converted: {"; ".join(left_out)}')
    (folder / 'sequences' / 'list.txt').write_text('\n'.join(names) + '\n', encoding='utf-8')
    (folder / 'config.yaml').write_text(EXPERIMENT, encoding='utf-8')
    sections = [
        f'[{name}]\nlabel = {name}\nprotocol = trax\ntimeout = {TIMEOUT_S}\ncommand = {command}\n'
        for name, command in commands.items()
    ]
    (folder / 'trackers.ini').write_text('\n'.join(sections), encoding='utf-8')
    return left_out
