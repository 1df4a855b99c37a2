"""`siamla eval --session` and `--lost` over several machines: put together they are the whole."""

import argparse
import json

import pytest
from support.evaluation_doubles import ColorTracker, Doubtful

from siamla_ros.cli import eval as cli
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
