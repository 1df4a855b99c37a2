"""`siamla eval --session` and `--lost` over several machines: put together they are the whole."""

import argparse
import json
import shutil

import pytest
from support.evaluation_doubles import ColorTracker, Doubtful

from siamla_ros.cli import eval as cli
from siamla_ros.evaluation import scenarios
from siamla_ros.evaluation.followers import SupervisedFollower
from siamla_ros.evaluation.peers.registry import MAKERS
from siamla_ros.evaluation.peers.siamla import SiamlaTracker


def call(module, *arguments):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return module.run(parser.parse_args([str(argument) for argument in arguments]))


class Own(SiamlaTracker):
    def __init__(self):
        self.name, self.tracker = 'own', ColorTracker()

    def describe(self):
        return {'name': self.name}


@pytest.fixture
def words(moving_target, monkeypatch):
    few = ('leave_same', 'occlusion_5')  # as good as all for what is asked here
    monkeypatch.setattr(scenarios.episodes, '__defaults__', (few,))
    monkeypatch.setitem(MAKERS, 'doubtful', lambda rest, label, **_: Doubtful())
    monkeypatch.setitem(MAKERS, 'own', lambda rest, label, **_: Own())
    return (
        "--dataset", moving_target, "--trackers", "own", "doubtful", "--search", "local",
        "--quiet", "--no-plots",
    )  # fmt: skip


def results(folder):
    content = json.loads((folder / 'results.json').read_text())
    return {kind: content[kind] for kind in ('session', 'lost') if kind in content}


@pytest.mark.parametrize('kind', ['--session', '--lost'])
def test_shards_are_put_together(kind, words, tmp_path, monkeypatch):
    call(cli, *words, kind, '--output', tmp_path / 'whole')
    for part in ('1/2', '2/2'):
        call(cli, *words, kind, '--output', tmp_path / 'parts', '--shard', part, '--resume')
        assert results(tmp_path / 'parts') != results(tmp_path / 'whole')
    monkeypatch.setattr(Doubtful, 'update', None)  # nothing is run again
    monkeypatch.setattr(SupervisedFollower, 'follow', None)
    call(cli, *words, kind, '--output', tmp_path / 'parts', '--resume')
    assert results(tmp_path / 'parts') == results(tmp_path / 'whole') != {}
    stored = [path.relative_to(tmp_path / 'parts') for path in (tmp_path / 'parts').rglob('*.npz')]
    assert {path.parts[0] for path in stored} == {f'runs_{kind[2:]}'}
    assert {path.parts[1] for path in stored} == {'doubtful', 'own, search local'}


def test_without_resume_all_is_run_anew(words, tmp_path, monkeypatch):
    out = ('--session', '--output', tmp_path)
    call(cli, *words, *out)
    monkeypatch.setattr(Doubtful, 'update', None)
    call(cli, *words, *out, '--resume')
    with pytest.raises(TypeError):
        call(cli, *words, *out)


def test_a_shard_leaves_the_runs_of_others_alone(words, tmp_path, monkeypatch):
    """Machines that write into one folder: the second to start removed what the first had done."""
    out = ('--session', '--output', tmp_path / 'parts')
    for part in ('1/2', '2/2', '2/2'):
        call(cli, *words, *out, '--shard', part)
    monkeypatch.setattr(Doubtful, 'update', None)
    with pytest.raises(TypeError):  # a shard that is begun anew is run anew
        call(cli, *words, *out, '--shard', '2/2')
    call(cli, *words, *out, '--resume')
    names = {path.stem for path in (tmp_path / 'parts').rglob('*.npz')}
    assert names == {'right', 'down'} == set(session_targets(tmp_path / 'parts'))


def session_targets(folder):
    content = results(folder)['session']
    return [item['name'] for item in content['own, search local']['targets']]


@pytest.mark.parametrize('other', [('--seed', '1'), ('--sequences', 'right', 'down', 'third')])
def test_frames_that_were_made_in_another_way_are_not_resumed(
    other, words, tmp_path, moving_target
):
    """The seed and the other sequences decide which pictures hide a target; its boxes do not."""
    shutil.copytree(moving_target / 'right', moving_target / 'third')
    out = ('--lost', '--output', tmp_path / 'out')
    call(cli, *words, *out, '--sequences', 'right', 'down')
    call(cli, *words, *out, '--sequences', 'right', 'down', '--resume')
    given = other if '--sequences' in other else (*other, '--sequences', 'right', 'down')
    with pytest.raises(ValueError, match='other frames'):
        call(cli, *words, *out, *given, '--resume')
