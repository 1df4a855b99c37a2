"""Settings compared on validation episodes: parameter files, and rows that differ as they must."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.evaluation_doubles import ColorTracker, square_scene

from siamla_ros.calibration import calibrate_identity, validation_episodes
from siamla_ros.calibration import compare_parameters as rehearse
from siamla_ros.calibration.calibrate_identity import as_yaml
from siamla_ros.calibration.identity_fit import Fit
from siamla_ros.calibration.validation_episodes import lured
from siamla_ros.evaluation import followers, lost_bench, scenarios
from siamla_ros.evaluation.followers import SupervisedFollower
from siamla_ros.evaluation.lost_metrics import Story
from siamla_ros.redetection.redetector import RecoveryConfig

HEAD = '/**:\n  ros__parameters:\n'


def written(path, text):
    path.write_text(text)
    return path


def test_parameters_by_their_full_names(tmp_path):
    body = '    max_targets: 3\n    recovery:\n      accept_threshold: 1\n      mode: off\n'
    found = rehearse.read_parameters(written(tmp_path / 'p.yaml', HEAD + body))
    assert found == {'max_targets': 3, 'recovery.accept_threshold': 1.0, 'recovery.mode': 'off'}
    assert isinstance(found['recovery.accept_threshold'], float)


def test_what_calibration_writes_is_read(tmp_path):
    fitted = Fit({'bias': 2.5}, 0.9, 0.25, ('a line',))
    found = rehearse.read_parameters(written(tmp_path / 'p.yaml', as_yaml(fitted)))
    assert found['supervisor.identity_threshold'] == 0.25
    assert found['recovery.accept_threshold'] == 0.9
    assert found['identity.bias'] == 2.5


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('a: 1\n', 'has no ros__parameters'),
        ('', 'no parameter'),
        (HEAD, 'has no ros__parameters'),
        (HEAD + '    supervisor:\n      threshold: 1\n', 'supervisor.threshold'),
        (HEAD.rstrip() + ' [1]\n', 'has no ros__parameters'),
        ('a: [', 'p.yaml: '),
    ],
)
def test_files_that_name_no_parameters(tmp_path, text, says):
    with pytest.raises(ValueError, match=says):
        rehearse.read_parameters(written(tmp_path / 'p.yaml', text))


def test_changes_keep_the_mode_and_the_window_of_the_network():
    built = rehearse.settings_of(ColorTracker(), 'global', {'recovery.mode': 'off'})
    assert built.recovery.mode == 'global'
    assert built.recovery.window == RecoveryConfig().window
    wide = rehearse.settings_of(ColorTracker(), 'local', {'recovery.window': 5.0})
    assert wide.recovery.window == 5.0
    with pytest.raises(ValueError, match='recovery.window'):
        rehearse.settings_of(ColorTracker(), 'local', {'recovery.window': 0.0})


@pytest.fixture
def toy(monkeypatch):
    """One episode with a tracker of colors in place of clips and network."""
    scene, donor = square_scene('a', seed=0), square_scene('b', seed=9)
    made = scenarios.occlusion(60)(scene, donor, 0)
    monkeypatch.setattr(rehearse, 'validation_episodes', lambda *material: iter([made]))
    monkeypatch.setattr(rehearse, 'tracker_of', lambda args: ColorTracker())


def test_a_row_for_each_set_of_parameters(toy, tmp_path, capsys):
    never = '    recovery:\n      accept_threshold: 1.0\n      confirm_frames: 1000\n'
    path, output = written(tmp_path / 'never.yaml', HEAD + never), tmp_path / 'figures.json'
    code = rehearse.main(
        ['--clips', str(tmp_path), '--params', str(path), '--search', 'local', '--quiet']
        + ['--output', str(output)]
    )
    assert code == 0
    content = json.loads(output.read_text())
    figures, (episode,) = content['figures'], content['episodes'].values()
    assert episode['shipped, local']['found_after'] < 30 < episode['never, local']['found_after']
    assert figures['shipped, local']['all']['found_in_time'] == 1.0
    assert figures['never, local']['all']['found_in_time'] == 0.0
    table = capsys.readouterr().out
    assert 'shipped, local' in table and 'never, local' in table


@pytest.mark.parametrize(
    ('body', 'says'),
    [
        ('    max_targets: 3\n', 'max_targets: only supervisor'),
        ('    recovery:\n      mode: global\n', 'recovery.mode: only supervisor'),
        ('    recovery:\n      place_doubt: 20.0\n', 'p.yaml: recovery.place_doubt is 20.0'),
    ],
)
def test_what_a_rehearsal_cannot_judge_is_refused_before_it_begins(
    toy, tmp_path, capsys, body, says
):
    path = written(tmp_path / 'p.yaml', HEAD + body)
    assert rehearse.main(['--clips', str(tmp_path), '--params', str(path), '--quiet']) == 2
    assert says in capsys.readouterr().err


def test_files_of_one_name_have_rows_of_their_own(toy, tmp_path, capsys):
    body = HEAD + '    use_sim_time: true\n    recovery:\n      rings: 1\n'
    paths = []
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        paths.append(str(written(tmp_path / folder / 'shipped.yaml', body)))
    asked = ['--clips', str(tmp_path), '--search', 'local', '--quiet', '--params', *paths]
    assert rehearse.main(asked) == 0
    table = capsys.readouterr().out
    assert all(f'| {name}, local' in table for name in ('shipped', *paths))


def test_lured_episodes_can_be_switched_too():
    scene, donor = square_scene('a', seed=0), square_scene('b', seed=9)
    episode = lured(scene, donor, alike=True)
    story = Story(1.0, 1.0, 10, 0, 0, 0, 1, 0, switched=True)
    _, content = lost_bench.tables({'x': [lost_bench.Told(episode, story)]})
    assert content['x']['lured']['switched'] == content['x']['all']['switched'] == 1.0


@pytest.mark.parametrize('command', [rehearse, calibrate_identity])
def test_weights_that_are_not_there_are_named(command, tmp_path, capsys):
    missing = str(tmp_path / 'missing.safetensors')
    assert command.main(['--clips', str(tmp_path), '--model', missing, '--quiet']) == 2
    assert '--model: ' in capsys.readouterr().err


def test_bad_material_is_refused(toy, tmp_path, capsys):
    with pytest.raises(SystemExit):
        rehearse.main(['--quiet'])
    path = written(tmp_path / 'bad.yaml', 'a: 1\n')
    assert rehearse.main(['--clips', str(tmp_path), '--params', str(path), '--quiet']) == 2
    assert 'bad.yaml: has no ros__parameters' in capsys.readouterr().err


def test_a_slower_camera_takes_every_third_frame(monkeypatch, tmp_path):
    scenes = [square_scene('a', seed=0), square_scene('b', seed=9)]
    whole = scenarios.occlusion(60)(*scenes, 0)
    monkeypatch.setattr(validation_episodes, 'synthetic_episodes', lambda *material: iter([whole]))
    monkeypatch.setattr(validation_episodes, 'clip_scenes', lambda *material: scenes)
    material = validation_episodes.Material(tmp_path, tmp_path)
    made = validation_episodes.validation_episodes(material, ColorTracker(), ('cut',), 3)
    synthetic, clip = next(made), next(made)
    shown, seen = list(whole.sequence.frames()), list(synthetic.sequence.frames())
    np.testing.assert_array_equal(seen[4], shown[12])
    np.testing.assert_array_equal(synthetic.sequence.boxes_xywh[4], whole.sequence.boxes_xywh[12])
    away = np.flatnonzero(synthetic.sequence.absent)
    assert away[[0, -1]].tolist() == [synthetic.gone, synthetic.back - 1]
    np.testing.assert_array_equal(list(clip.sequence.frames())[4], scenes[0].images[12])
    assert clip.back - clip.gone == scenarios.AWAY


def test_the_stamps_are_those_of_the_rate(monkeypatch):
    stamps = []
    process = followers.Engine.process
    monkeypatch.setattr(
        followers.Engine,
        'process',
        lambda engine, frame: (stamps.append(frame.stamp_s), process(engine, frame))[1],
    )
    whole = scenarios.occlusion(60)(square_scene('a', seed=0), square_scene('b', seed=9), 0)
    settings = rehearse.settings_of(ColorTracker(), 'local', {})
    trace = SupervisedFollower(ColorTracker(), settings, 0.1).follow(whole.sequence)
    assert stamps[10] == pytest.approx(1.0)
    assert trace.lost.any()


@pytest.mark.parametrize(('text', 'step'), [('30', 1), ('10', 3), ('7.5', 4), ('3', 10)])
def test_rates_that_episodes_have(text, step):
    assert rehearse.frames_a_step(text) == step


def test_the_rate_reaches_episodes_and_stamps(toy, monkeypatch, tmp_path):
    steps, intervals = [], []
    make, follower = rehearse.validation_episodes, rehearse.SupervisedFollower
    monkeypatch.setattr(
        rehearse, 'validation_episodes', lambda *given: (steps.append(given[3]), make(*given))[1]
    )
    monkeypatch.setattr(
        rehearse,
        'SupervisedFollower',
        lambda *given: (intervals.append(given[2]), follower(*given))[1],
    )
    output = tmp_path / 'figures.json'
    arguments = ['--clips', str(tmp_path), '--rate', '7.5', '--quiet', '--output', str(output)]
    assert rehearse.main(arguments) == 0
    assert steps == [4] and intervals == pytest.approx([4 / 30] * 2)
    assert json.loads(output.read_text())['rate_hz'] == pytest.approx(7.5)


@pytest.mark.parametrize('text', ['0', '-10', '60', '11', 'nan', 'fast', 'inf', '1', '1e-9'])
def test_rates_that_they_do_not_have(text, capsys):
    with pytest.raises(SystemExit):
        rehearse.main(['--data', '.', '--rate', text])
    assert f'{text} is not 30 Hz by a whole number' in capsys.readouterr().err
