"""Stories in a folder, one file an episode, so that recording goes on where it stopped.

``settings.json`` says what the records are of: records of other settings are refused.
``complete.json`` lists all episodes once they are there; they are then read without making one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from siamla_ros.calibration.episode_samples import Shot, Story
from siamla_ros.identity.model import Identity, Measured, Spread

FORMAT = 2  # of the files; another one when the same settings come to mean other records
SETTINGS, COMPLETE = 'settings.json', 'complete.json'


class StoryFiles:
    """A folder that belongs to some settings."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """settings: whatever the records depend on, in types of JSON.

        :raises ValueError: the folder holds records of other settings, or something else
        """
        self._folder, path = folder, folder / SETTINGS
        now = json.loads(json.dumps({'format': FORMAT, **settings}))
        if path.is_file():
            before = _read(path)
            for name, there, here in _differences(before, now):
                raise ValueError(
                    f'{folder}: holds records of other settings ({name} is {there} there, '
                    f'{here} now); choose another folder'
                )
            return
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f'{folder}: is not empty, but without {SETTINGS} holds no records')
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, now)

    def kept(self, name: str) -> Story | None:
        """The story of an episode, if it has been recorded.

        :raises ValueError: its file is damaged
        """
        path = self._path(name)
        return _story(path, name) if path.is_file() else None

    def keep(self, story: Story) -> None:
        """Write the story of an episode; a file is there as a whole or not at all."""
        _write(self._path(story.name), _row_of_story(story))

    def finish(self, names: Sequence[str]) -> None:
        """Note that these are all."""
        _write(self._folder / COMPLETE, list(names))

    def complete(self) -> list[Story] | None:
        """All stories in order, or None if some may be missing.

        :raises ValueError: a file is damaged
        """
        path = self._folder / COMPLETE
        if not path.is_file():
            return None
        stories = [self.kept(name) for name in _read(path)]
        return None if None in stories else stories

    def _path(self, name: str) -> Path:
        return self._folder / f'{name.replace("/", "__")}.story.json'


def _differences(before: Any, now: Any, name: str = '') -> Iterator[tuple[str, Any, Any]]:
    """Dotted name and both values of whatever is not the same."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            there, here = before.get(key, 'absent'), now.get(key, 'absent')
            yield from _differences(there, here, f'{name}.{key}'.lstrip('.'))
    elif before != now:
        yield name, before, now


def _write(path: Path, content: Any) -> None:
    partial = path.with_suffix('.part')
    text = json.dumps(content, default=lambda number: number.item(), separators=(',', ':'))
    partial.write_text(text, encoding='utf-8')
    partial.replace(path)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path}: is damaged ({error}); delete it') from error


def _row_of_story(story: Story) -> list[Any]:
    shots = [
        [s.frame, s.searching, s.box_xywh, s.overlap, s.seen, _row_of_identity(s.known)]
        for s in story.shots
    ]
    known = _row_of_identity(story.known)
    return [story.scenario, story.gone, story.back, known, story.lost_xywh, shots]


def _row_of_identity(known: Identity) -> list[Any]:
    """Without the views, which records do not have."""
    ages = (known.frames, known.seconds, known.lost_s)
    return [known.confidence, known.likeness, known.color, *ages]


def _story(path: Path, name: str) -> Story:
    row = _read(path)
    try:
        scenario, gone, back, known, lost, shots = row
        shots = tuple(
            Shot(frame, searching, tuple(box), overlap, Measured(*seen), _identity(then))
            for frame, searching, box, overlap, seen, then in shots
        )
        return Story(name, scenario, gone, back, shots, _identity(known), tuple(lost))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path}: is no record of an episode ({error}); delete it') from error


def _identity(row: list[Any]) -> Identity:
    confidence, likeness, color, *ages = row
    return Identity((), Spread(*confidence), Spread(*likeness), Spread(*color), *ages)
