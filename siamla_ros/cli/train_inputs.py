"""What a run of `siamla train` began with, kept in its folder and compared when it goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

INPUTS = 'inputs.json'


def checked_inputs(args: argparse.Namespace) -> dict[str, str | None]:
    """What a run begins with, by option.

    Raises:
        ValueError: Weights, data or video are not those of the run so far; names each option with
            both values.
    """
    from siamla_ros.training.config import differences

    given = {'--data': args.data, '--init': args.init}
    given |= {'--video': args.video, '--video-split': args.video_split}
    given |= {f'--dataset {spec.name}': spec.folder for spec in args.dataset}
    present = {name: _place(value) for name, value in given.items()}
    noted = args.output / INPUTS
    saved = _noted_inputs(noted) if noted.is_file() else present
    if found := differences(saved, present):
        raise ValueError(
            f'{args.output}: the run began with other inputs ({"; ".join(found)}): restore them, '
            'or train into another folder'
        )
    return present


def _noted_inputs(path: Path) -> dict[str, str | None]:
    try:
        saved = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path}: damaged ({error}): delete it, or train elsewhere') from error
    return saved if isinstance(saved, dict) else {'inputs': saved}


def _place(value: str | Path | None) -> str | None:
    """A file or folder by its full path; names of models and a missing option as they are."""
    if value is None or not Path(value).exists():
        return value if value is None else str(value)
    return str(Path(value).resolve())
