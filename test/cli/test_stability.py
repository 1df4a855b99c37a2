"""`siamla stability` as a user calls it, on tiny videos."""

import argparse
import json
from types import SimpleNamespace

import pytest

from siamla_ros.cli import stability as cli
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.peers.registry import MAKERS
from siamla_ros.model.decode_config import DecodeConfig


class Parametric:
    """Stays where it began; `penalty_k` moves it."""

    frames = 0

    def __init__(self, label, options):
        self.name, self.options = label, options
        self.tracker = SimpleNamespace(decode=DecodeConfig(**options))

    def init(self, image_bgr, box_xywh):
        self.box = box_xywh

    def update(self, image_bgr):
        Parametric.frames += 1
        x, y, w, h = self.box
        return Estimate((x + 100 * (self.tracker.decode.penalty_k - 0.05), y, w, h), 0.5)

    def describe(self):
        return {'name': self.name, 'options': self.options}


@pytest.fixture
def parametric(monkeypatch):
    def make(rest, label, options=None, **_):
        return Parametric(label, options or {})

    Parametric.frames = 0
    monkeypatch.setitem(MAKERS, 'parametric', make)
    return 'parametric'


def call(*arguments):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args([str(argument) for argument in arguments]))


def words(dataset, tracker, out, *more):
    return [
        "--dataset", dataset, "--trackers", tracker, "--seeds", "2", "--quiet", "--output", out,
        *more,
    ]  # fmt: skip


def test_one_command_makes_table_figures_and_plot(moving_target, tmp_path, capsys, parametric):
    pytest.importorskip('matplotlib')
    out = tmp_path / 'out'
    assert call(*words(moving_target, parametric, out)) == 0
    printed = capsys.readouterr().out
    assert (out / 'tables.md').read_text() == printed
    content = json.loads((out / 'results.json').read_text())
    rows = {(row['group'], row['name']): row for row in content['rows']}
    moved = rows['parameter', 'penalty_k 0.05 -> 0.06']
    assert moved['auc'] != pytest.approx(moved['before'], abs=1e-3)
    still = rows['parameter', 'size_lr 0.7 -> 0.84']
    assert still['auc'] == still['before'] == moved['before']
    assert ('seed of the first box', '1') in rows and ('first box', '10% left') in rows
    assert not [name for group, name in rows if group == 'first frame']  # twelve frames are few
    assert set(content['spread']) == {'seed of the first box', 'first box', 'parameter'}
    assert (out / 'stability.png').stat().st_size > 1000


def test_it_goes_on_and_puts_shards_together(moving_target, tmp_path, capsys, parametric):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    assert call(*words(moving_target, parametric, whole, '--no-plots')) == 0
    ran, Parametric.frames = Parametric.frames, 0
    for shard in ('1/2', '2/2'):
        more = '--no-plots', '--resume', '--shard', shard
        assert call(*words(moving_target, parametric, parts, *more)) == 0
    assert Parametric.frames == ran
    assert call(*words(moving_target, parametric, parts, '--no-plots', '--resume')) == 0
    assert Parametric.frames == ran
    figures = [json.loads((folder / 'results.json').read_text()) for folder in (whole, parts)]
    assert figures[0]['rows'] == figures[1]['rows']
    with pytest.raises(ValueError, match='--shard 3/3: 2 sequences have ground truth'):
        call(*words(moving_target, parametric, parts, '--no-plots', '--shard', '3/3'))


def test_several_trackers_are_refused(moving_target, tmp_path):
    with pytest.raises(ValueError, match='--trackers: 2 given, must be one'):
        call(
            "--dataset", moving_target, "--trackers", "identity", "mil", "--output", tmp_path,
            "--no-plots",
        )  # fmt: skip
