"""Recorded stories in a folder: as they were, resumed, and not mixed up."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.calibration import calibrate_identity
from siamla_ros.calibration.calibrate_identity import settings_of, stories
from siamla_ros.calibration.episode_samples import record
from siamla_ros.calibration.sample_files import COMPLETE, StoryFiles
from siamla_ros.calibration.validation_episodes import Material
from siamla_ros.evaluation import scenarios

SETTINGS = {'seed': 5, 'engine': {'recovery': {'window': 3.75, 'mode': 'global'}}}
NAMES = ('a', 'b', 'c')


class Describing(ColorTracker):
    description = {'model': 'none', 'sha256': '0', 'runtime': 'none'}


def episode_of(number: int):
    scene = square_scene(NAMES[number], seed=number)
    return scenarios.occlusion(15)(scene, square_scene('donor', seed=9), 0)


@pytest.fixture(scope='module')
def story():
    return record(Describing(), episode_of(0))


@pytest.fixture
def recorded(monkeypatch):
    """Three episodes; the names of those that are recorded. `recorded.stop_at` interrupts."""
    seen = SimpleNamespace(names=[], stop_at=None)

    def counted(tracker, episode):
        if episode.sequence.name == seen.stop_at:
            raise KeyboardInterrupt
        seen.names.append(episode.sequence.name)
        return record(tracker, episode)

    monkeypatch.setattr(calibrate_identity, 'record', counted)
    monkeypatch.setattr(
        calibrate_identity, 'validation_episodes', lambda *material: map(episode_of, range(3))
    )
    return seen


def run(folder, **changes):
    material, tracker = replace(Material(data=None, clips=None), **changes), Describing()
    return stories(tracker, material, StoryFiles(folder, settings_of(tracker, material)), True)


def test_a_story_comes_back_as_it_was(tmp_path, story):
    files = StoryFiles(tmp_path / 'records', SETTINGS)
    assert files.kept(story.name) is None
    files.keep(story)
    again = StoryFiles(tmp_path / 'records', SETTINGS).kept(story.name)
    assert len(story.shots) > 10 and {shot.searching for shot in story.shots} == {True, False}
    assert again == story


def test_recording_goes_on_where_it_stopped(tmp_path, recorded):
    names = [episode_of(number).sequence.name for number in range(3)]
    recorded.stop_at = names[2]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert recorded.names == names[:2]
    recorded.stop_at = None
    told = run(tmp_path)
    assert recorded.names == names, 'none of them twice'
    assert [story.name for story in told] == names
    assert told[0] == record(Describing(), episode_of(0))


def test_complete_records_need_no_episode(tmp_path, recorded, monkeypatch):
    told = run(tmp_path)
    monkeypatch.setattr(calibrate_identity, 'validation_episodes', None)
    assert run(tmp_path) == told


@pytest.mark.parametrize('file', [COMPLETE, '*.story.json'])
def test_what_was_deleted_is_made_again(tmp_path, recorded, file):
    told = run(tmp_path)
    next(tmp_path.glob(file)).unlink()
    assert run(tmp_path) == told


def test_two_episodes_of_one_name_are_refused(tmp_path, recorded, monkeypatch):
    monkeypatch.setattr(
        calibrate_identity, 'validation_episodes', lambda *material: map(episode_of, (0, 0))
    )
    with pytest.raises(ValueError, match="two episodes are called 'a/"):
        run(tmp_path)


def test_records_of_other_settings_are_refused(tmp_path, recorded):
    run(tmp_path)
    with pytest.raises(ValueError, match=r'other settings \(seed is 5 there, 6 now\); choose'):
        run(tmp_path, seed=6)
    assert len(recorded.names) == 3


def test_nested_settings_are_named(tmp_path):
    StoryFiles(tmp_path, SETTINGS)
    other = {**SETTINGS, 'engine': {'recovery': {'window': 4.0, 'mode': 'global'}}}
    with pytest.raises(ValueError, match=r'engine\.recovery\.window is 3\.75 there, 4\.0 now'):
        StoryFiles(tmp_path, other)
    with pytest.raises(ValueError, match=r'more is absent there, 1 now'):
        StoryFiles(tmp_path, {**SETTINGS, 'more': 1})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(ValueError, match='is not empty'):
        StoryFiles(tmp_path, SETTINGS)


@pytest.mark.parametrize('text', ['["occlusion", 40', '["occlusion", 40]', '{"a": 1}', '7'])
def test_a_damaged_file_is_named(tmp_path, story, text):
    files = StoryFiles(tmp_path, SETTINGS)
    files.keep(story)
    (path,) = tmp_path.glob('*.story.json')
    path.write_text(text)
    with pytest.raises(ValueError, match=f'{path.name}: is .*; delete it'):
        files.kept(story.name)


def test_the_material_is_part_of_the_settings(tmp_path):
    table, clips = tmp_path / 'table.csv', tmp_path / 'clips'
    clips.mkdir()
    table.write_text('clip\n')
    (clips / 'one.mp4').write_bytes(b'12')
    material = Material(None, clips, table, every=2)
    before = settings_of(Describing(), material)
    assert json.loads(json.dumps(before))['material']['clips'] == {'one.mp4': 2}
    table.write_text('clip,x\n')
    assert settings_of(Describing(), material)['material']['table'] != before['material']['table']
