"""`siamla stability` as a user calls it, on tiny videos."""

import argparse
import csv
import json
from types import SimpleNamespace

import pytest

from siamla_ros.cli import stability as cli
from siamla_ros.cli.main import main
from siamla_ros.datasets.sequence import DatasetError
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


@pytest.fixture
def trained(tmp_path, one_thread):
    """Writes a model as `siamla train` does: (seed, changes of the recipe) -> its file."""
    pytest.importorskip('torch')
    from support.networks import tiny_config, tiny_model

    from siamla_ros.training.checkpointing import write_checkpoint
    from siamla_ros.training.config import TrainConfig

    def write(seed, **changes):
        config = TrainConfig(model=tiny_config(), seed=seed, **changes)
        path = tmp_path / f'seed{seed}{"".join(changes)}.safetensors'
        if not path.is_file():  # another writing has another order of the header, and sha256
            write_checkpoint(path, tiny_model(seed), config, init='none', pairs=100)
        return path

    return write


def seeds_of(dataset, trained, out, *more):
    models = [trained(seed) for seed in range(3)]
    return [
        "stability", "--dataset", str(dataset), "--trackers", f"siamla:{models[0]}", "--quiet",
        "--seed-models", *map(str, models[1:]), "--output", str(out), "--option", "runtime=torch",
        "--option", "threads=1", "--device", "cpu", *more,
    ]  # fmt: skip


def test_seeds_of_training_are_a_group_of_their_own(moving_target, tmp_path, capsys, trained):
    pytest.importorskip('matplotlib')
    out = tmp_path / 'out'
    assert main(seeds_of(moving_target, trained, out, '--vary', 'training', 'boxes')) == 0
    content = json.loads((out / 'results.json').read_text())
    rows = [row for row in content['rows'] if row['group'] == 'seed of training']
    assert [row['name'] for row in rows] == ['0', '1', '2']
    assert rows[0]['auc'] == rows[0]['before'] == rows[1]['before']
    assert len({row['ece'] for row in rows}) == 3  # networks that answer differently
    spread = content['spread']['seed of training']
    aucs = [row['auc'] for row in rows]
    assert (spread['variants'], spread['mean AUC']) == (3, pytest.approx(sum(aucs) / 3))
    assert set(content['spread']) == {'seed of training', 'first box'}
    assert set(content['setup']['models']) == {'0', '1', '2'}
    assert '| seed of training | 2 ' in capsys.readouterr().out.replace('  ', '')
    with (out / 'stability.csv').open(newline='') as file:
        lines = list(csv.DictReader(file))
    assert [line['group'] for line in lines] == ['first box'] * 8 + ['seed of training'] * 3
    assert [float(line['auc']) for line in lines] == [row['auc'] for row in content['rows']]


def test_seeds_of_training_go_on_in_shards_and_processes(moving_target, tmp_path, trained):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    more = '--vary', 'training', '--no-plots'
    assert main(seeds_of(moving_target, trained, whole, *more, '--jobs', '2')) == 0
    for shard in ('1/2', '2/2'):
        assert main(seeds_of(moving_target, trained, parts, *more, '--shard', shard)) == 0
    assert main(seeds_of(moving_target, trained, parts, *more, '--resume')) == 0
    rows = [json.loads((out / 'results.json').read_text())['rows'] for out in (whole, parts)]
    assert rows[0] == rows[1]


def test_models_that_differ_in_more_than_their_seed_are_refused(
    moving_target, tmp_path, capsys, trained
):
    words = seeds_of(moving_target, trained, tmp_path / 'out', '--no-plots')
    at = words.index('--seed-models')

    def refused(*models):
        assert main([*words[: at + 1], *map(str, models), *words[at + 3 :]]) == 1
        return capsys.readouterr().err

    found = refused(trained(4, init='none'))
    assert 'seed4init.safetensors: was not trained as ' in found and found.count('\n') == 1
    assert "init: 'tracker' and 'none'); only the seed may differ" in found
    assert 'seed1.safetensors: seed = 1: must be another than that of' in refused(
        trained(1), trained(1)
    )
    assert 'seed0.safetensors: seed = 0: must be another' in refused(trained(0))
    assert 'no such weights file' in refused(tmp_path / 'none.safetensors')
    assert 'provenance.recipe.seed is missing' in refused(note(tmp_path))
    assert not (tmp_path / 'out' / 'results.json').exists()


def note(folder):
    from support.networks import tiny_checkpoint

    return tiny_checkpoint(folder).path


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--vary', 'training'], '--vary training needs --seed-models'),
        (['--seed-models', 'a'], "--seed-models: the tracker is 'identity', must be siamla"),
        (['--vary', 'parameters'], '--vary parameters: identity has none, must be siamla'),
        (['--vary', 'boxes', '--seeds', '2'], '--seeds has no effect without --vary seeds'),
        (
            ['--vary', 'boxes', '--seed-models', 'a'],
            '--seed-models has no effect without --vary training',
        ),
        (['--vary', 'frames'], '--vary frames: no target has frames enough'),
    ],
)
def test_what_would_be_idle_is_refused(moving_target, tmp_path, capsys, more, message):
    words = ['stability', '--dataset', str(moving_target), '--trackers', 'identity', '--no-plots']
    assert main([*words, '--quiet', '--output', str(tmp_path / 'out'), *more]) == 1
    assert capsys.readouterr().err == f'siamla stability: {message}\n'


def test_a_sequence_whose_images_are_damaged_is_left_out_by_name(
    tmp_path, damaged_set, capsys, parametric
):
    line = damaged_set(12)
    out = tmp_path / 'out'
    assert call(*words(tmp_path / 'set', parametric, out, '--no-plots')) == 0
    assert capsys.readouterr().err.splitlines().count(line) == 1
    content = json.loads((out / 'results.json').read_text())
    assert list(content['setup']['sequences']) == ['a', 'c']
    named = words(tmp_path / 'set', parametric, out, '--no-plots', '--sequences', 'b')
    with pytest.raises(DatasetError, match=r'0003\.png is not a readable image'):
        call(*named)
