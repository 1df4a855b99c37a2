"""`siamla eval` and `siamla bench` as a user calls them, on tiny videos."""

import argparse
import json
from zipfile import ZipFile

import numpy as np
import pytest
from support.evaluation_doubles import Doubtful

from siamla_ros.cli import bench as bench_cli
from siamla_ros.cli import eval as cli
from siamla_ros.evaluation import splice
from siamla_ros.evaluation.peers.arguments import option
from siamla_ros.evaluation.peers.base import Estimate
from siamla_ros.evaluation.peers.registry import MAKERS
from siamla_ros.evaluation.report import format_cell, markdown_table


def call(module, *arguments):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return module.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def doubtful(monkeypatch):
    monkeypatch.setitem(MAKERS, 'doubtful', lambda rest, label, **_: Doubtful())
    return 'doubtful'


def test_eval_writes_what_it_says(moving_target, tmp_path, capsys, doubtful):
    out = tmp_path / 'out'
    status = call(
        cli, "--dataset", moving_target, "--trackers", "identity", doubtful, "--confidence",
        "--quiet", "--no-plots", "--output", out,
    )  # fmt: skip
    assert status == 0
    printed = capsys.readouterr().out
    assert '| tracker ' in printed and 'AUROC painted_out' in printed
    assert (out / 'tables.md').read_text() == printed
    results = json.loads((out / 'results.json').read_text())
    assert results['scores']['identity']['mean']['frames'] == 22
    assert results['confidence']['identity']['cut'] is None
    assert 0 <= results['confidence']['doubtful']['cut']['auroc'] <= 1
    assert results['setup']['sequences'] == {'down': 12, 'right': 12}
    assert set(results['setup']['versions']) >= {'python', 'numpy', 'opencv'}
    boxes = np.loadtxt(out / 'got10k' / 'identity' / 'right' / 'right_001.txt', delimiter=',')
    assert boxes.tolist() == [[10, 12, 18, 14]] * 12
    assert len(np.loadtxt(out / 'got10k' / 'identity' / 'right' / 'right_time.txt')) == 12
    assert (out / 'records' / 'doubtful.csv').read_text().startswith('sequence,frame,confidence')


def scored(folder):
    rows = json.loads((folder / 'results.json').read_text())['scores']
    return {
        name: [{k: v for k, v in one.items() if k != 'median_ms'} for one in row['sequences']]
        for name, row in rows.items()
    }


def test_several_processes_give_what_one_gives(moving_target, tmp_path):
    words = (
        "--dataset", moving_target, "--trackers", "identity", "siamla", "--option", "threads=1",
        "--quiet", "--no-plots",
    )  # fmt: skip
    call(cli, *words, '--output', tmp_path / 'one')
    call(cli, *words, '--output', tmp_path / 'two', '--jobs', 2)
    assert scored(tmp_path / 'one') == scored(tmp_path / 'two')
    assert len(scored(tmp_path / 'one')['siamla']) == 2


def test_shards_are_put_together(moving_target, tmp_path, doubtful, monkeypatch):
    words = ('--dataset', moving_target, '--trackers', doubtful, '--quiet', '--no-plots')
    call(cli, *words, '--output', tmp_path / 'whole')
    for part in ('1/2', '2/2'):
        call(cli, *words, '--output', tmp_path / 'parts', '--shard', part, '--resume')
    monkeypatch.setattr(Doubtful, 'update', None)  # nothing is run again
    call(cli, *words, '--output', tmp_path / 'parts', '--resume')
    assert scored(tmp_path / 'parts') == scored(tmp_path / 'whole')
    monkeypatch.setattr(Doubtful, 'describe', lambda self: {'name': 'another'})
    with pytest.raises(ValueError, match='was made with another tracker'):
        call(cli, *words, '--output', tmp_path / 'parts', '--resume')


def test_a_run_that_was_stopped_goes_on(moving_target, tmp_path, doubtful, monkeypatch):
    words = ('--dataset', moving_target, '--trackers', doubtful, '--quiet', '--no-plots')
    update, calls = Doubtful.update, []

    def stopped(self, image_bgr):
        calls.append(1)
        if len(calls) > 13:  # in the second sequence of 12 frames
            raise KeyboardInterrupt
        return update(self, image_bgr)

    monkeypatch.setattr(Doubtful, 'update', stopped)
    with pytest.raises(KeyboardInterrupt):
        call(cli, *words, '--output', tmp_path / 'out')
    assert [path.name for path in (tmp_path / 'out').rglob('*.npz')] == ['down.npz']
    calls.clear()
    call(cli, *words, '--output', tmp_path / 'out', '--resume')
    assert len(calls) == 11 and len(scored(tmp_path / 'out')['doubtful']) == 2
    calls.clear()
    with pytest.raises(KeyboardInterrupt):  # all anew
        call(cli, *words, '--output', tmp_path / 'out')


@pytest.mark.parametrize('words', [('--shard', '3/2'), ('--shard', '1'), ('--jobs', '0')])
def test_limits_of_shards_and_jobs(moving_target, words, capsys):
    with pytest.raises(SystemExit):
        call(cli, '--dataset', moving_target, *words)
    assert 'must be' in capsys.readouterr().err


def test_shards_of_other_benchmarks_are_refused(moving_target, tmp_path):
    words = ('--dataset', moving_target, '--trackers', 'identity', '--output', tmp_path)
    with pytest.raises(ValueError, match='--shard is for one-pass scores, --lost and --session al'):
        call(cli, *words, '--supervised', '--shard', '1/2')
    for way in ('--session', '--supervised'):
        with pytest.raises(ValueError, match='--jobs is for one-pass scores alone'):
            call(cli, *words, way, '--jobs', '2')
    with pytest.raises(ValueError, match='--eao-range 4 2: LOW must be <= HIGH'):
        call(cli, *words, '--supervised', '--eao-range', '4', '2')
    with pytest.raises(ValueError, match='--resume and --shard need --output'):
        call(cli, *words[:-2], '--resume')
    with pytest.raises(ValueError, match='--shard 3/3: 2 sequences only'):
        call(cli, *words, '--shard', '3/3')


def test_hidden_truth_gives_files_for_the_server(tmp_path, write_images, capsys):
    for name in ('a', 'b'):
        write_images(tmp_path / 'TEST' / 'frames' / name, 3, '{}.jpg')
    (tmp_path / 'TEST' / 'anno').mkdir()
    for name in ('a', 'b'):
        (tmp_path / 'TEST' / 'anno' / f'{name}.txt').write_text('1,2,10,12\n')
    words = ('--dataset', tmp_path / 'TEST', '--trackers', 'identity', '--quiet', '--no-plots')
    with pytest.raises(ValueError, match='no sequence has ground truth after its first box'):
        call(cli, *words)
    assert call(cli, *words, '--output', tmp_path / 'out') == 0
    assert '2 sequences without ground truth' in capsys.readouterr().out
    with ZipFile(tmp_path / 'out' / 'trackingnet' / 'identity.zip') as archive:
        assert archive.namelist() == ['a.txt', 'b.txt']
        assert np.loadtxt(archive.open('b.txt'), delimiter=',').tolist() == [[1, 2, 10, 12]] * 3
    with ZipFile(tmp_path / 'out' / 'got10k' / 'identity.zip') as archive:
        assert archive.namelist() == [
            'a/a_001.txt', 'a/a_time.txt', 'b/b_001.txt', 'b/b_time.txt',
        ]  # fmt: skip


def test_results_for_a_server_are_of_this_run_alone(tmp_path, write_images, monkeypatch, doubtful):
    nowhere = Estimate((float('nan'), 1.0, float('inf'), 1.0))
    monkeypatch.setattr(Doubtful, 'update', lambda self, image_bgr: nowhere)
    for name in ('a', 'b'):
        write_images(tmp_path / name / 'frames' / name, 2, '{}.jpg')
        (tmp_path / name / 'anno').mkdir()
        (tmp_path / name / 'anno' / f'{name}.txt').write_text('1,2,10,12\n')
        words = ('--dataset', tmp_path / name, '--trackers', doubtful, '--quiet', '--no-plots')
        assert call(cli, *words, '--output', tmp_path / 'out') == 0
    with ZipFile(tmp_path / 'out' / 'got10k' / 'doubtful.zip') as archive:
        assert archive.namelist() == ['b/b_001.txt', 'b/b_time.txt']
        assert np.loadtxt(archive.open('b/b_001.txt'), delimiter=',')[1].tolist() == [0, 0, 0, 0]


def test_result_files_count_pixels_as_the_benchmark_does(tmp_path, write_images):
    write_images(tmp_path / 'Dog' / 'img', 3)
    (tmp_path / 'Dog' / 'groundtruth_rect.txt').write_text('1,2,10,12\n' * 3)
    out = tmp_path / 'out'
    words = ('--trackers', 'identity', '--quiet', '--no-plots', '--output', out)
    call(cli, '--dataset', tmp_path / 'Dog', *words)
    boxes = np.loadtxt(out / 'got10k' / 'identity' / 'Dog' / 'Dog_001.txt', delimiter=',')
    assert boxes.tolist() == [[1, 2, 10, 12]] * 3
    assert json.loads((out / 'results.json').read_text())['scores']['identity']['mean']['ao'] == 1


def test_a_tracker_without_a_score_has_no_confidence_figures(moving_target, tmp_path, monkeypatch):
    for name in ('VISIBLE_FRAMES', 'ABSENT_FRAMES'):
        monkeypatch.setattr(splice, name, 3)  # MIL is slow
    words = ('--dataset', moving_target, '--trackers', 'mil', '--confidence', '--no-plots')
    call(cli, *words, '--quiet', '--output', tmp_path)
    figures = json.loads((tmp_path / 'results.json').read_text())['confidence']['mil']
    assert all(value is None for value in figures.values()), figures


def test_eval_plots(moving_target, tmp_path, doubtful):
    pytest.importorskip('matplotlib')
    call(cli, '--dataset', moving_target, '--trackers', doubtful, '--quiet', '--output', tmp_path)
    plots = tmp_path / 'plots'
    names = {str(path.relative_to(plots)) for path in plots.rglob('*.png')}
    assert names == {
        "success.png", "precision.png", "normalized_precision.png", "reliability.png",
        "confidence/doubtful/down.png", "confidence/doubtful/right.png",
    }  # fmt: skip


def test_the_same_run_twice_gives_the_same_figures(moving_target, tmp_path, doubtful):
    found = []
    for name in ('a', 'b'):
        call(
            cli, "--dataset", moving_target, "--trackers", doubtful, "--confidence", "--quiet",
            "--no-plots", "--seed", "3", "--output", tmp_path / name,
        )  # fmt: skip
        results = json.loads((tmp_path / name / 'results.json').read_text())
        for row in results['scores']['doubtful']['sequences']:
            del row['median_ms']
        found.append((results['confidence'], results['scores']['doubtful']['sequences']))
    assert found[0] == found[1]


def test_lost_benchmark(moving_target, tmp_path, capsys, doubtful):
    call(
        cli, "--dataset", moving_target, "--trackers", "identity", doubtful, "--lost", "--quiet",
        "--output", tmp_path,
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert 'doubtful, score < ' in printed
    assert 'identity: no score' in printed
    results = json.loads((tmp_path / 'results.json').read_text())['lost']
    (name,) = (key for key in results if key.startswith('doubtful'))
    assert results[name]['all']['episodes'] == 16


def test_options_of_siamla():
    assert option('window_influence=0.3') == ('window_influence', 0.3)
    assert option('runtime=torch') == ('runtime', 'torch')
    for bad in ('x', '=1', 'a b=1'):
        with pytest.raises(argparse.ArgumentTypeError, match='KEY=VALUE'):
            option(bad)


def test_cells_of_tables():
    values = [0.12345, float('nan'), None, float('inf'), 3, 'x']
    assert [format_cell(value) for value in values] == ['0.123', '-', '-', 'never', '3', 'x']
    assert markdown_table(["a", "bb"], [[1, 2]]).splitlines() == [
        "| a | bb |", "|---|----|", "| 1 | 2  |",
    ]  # fmt: skip


def test_bench_on_drawn_frames(capsys, tmp_path, doubtful):
    out = tmp_path / 'bench.json'
    status = call(
        bench_cli, "--trackers", doubtful, "identity", "--frames", 4, "--rounds", 3,
        "--size", "96x64", "--quiet", "--output", out,
    )  # fmt: skip
    assert status == 0
    assert 'speed / identity' in capsys.readouterr().out
    assert np.array(json.loads(out.read_text())['milliseconds']['doubtful']).shape == (3, 4)


def test_bench_ratio_is_taken_within_a_round():
    # The machine is three times slower in the second round, for both alike.
    times = {'a': np.array([[1.0], [3.0]]), 'b': np.array([[2.0], [6.0]])}
    line = bench_cli.table(times).splitlines()[2]
    assert '2.00 (2.00-2.00)' in line


@pytest.mark.parametrize('text', ['640', '640x', '0x64', 'axb', '32x480'])
def test_bench_sizes(text):
    with pytest.raises(argparse.ArgumentTypeError, match='WxH'):
        bench_cli.size(text)


def test_drawn_clip_shows_its_target_where_it_says():
    clip = bench_cli.drawn_clip((320, 240), 3)
    x, y, w, h = (int(v) for v in clip.box_xywh)
    part = clip.images[0][y : y + h, x : x + w]
    assert (part != clip.images[1][y : y + h, x : x + w]).any()
    assert part.shape == (48, 48, 3)


def test_a_split_chooses_the_sequences(moving_target, tmp_path, capsys):
    split = tmp_path / 'split.yaml'
    split.write_text('development: [down]\n')
    words = ('--dataset', moving_target, '--trackers', 'identity', '--quiet', '--split', split)
    for side, name, other in (('development', 'down', 'right'), ('training', 'right', 'down')):
        assert call(cli, *words, '--side', side) == 0
        printed = capsys.readouterr().out
        assert f'| {name} ' in printed and f'| {other} ' not in printed
    with pytest.raises(ValueError, match='--split needs --side'):
        call(cli, *words)
    with pytest.raises(ValueError, match='--side needs --split'):
        call(cli, *words[:-2], '--side', 'training')
    with pytest.raises(ValueError, match='--crossings takes neither --split nor --starts'):
        call(cli, *words, '--side', 'training', '--crossings')


def test_matplotlib_is_asked_for_only_where_plots_are_drawn(
    moving_target, tmp_path, doubtful, monkeypatch, capsys
):
    monkeypatch.setattr(cli.importlib.util, 'find_spec', lambda name: None)
    arguments = ['--dataset', moving_target, '--trackers', doubtful, '--quiet', '--output']
    call(cli, *arguments, tmp_path, '--supervised')
    assert (tmp_path / 'tables.md').exists()
    with pytest.raises(ValueError, match='plots need matplotlib'):
        call(cli, *arguments, tmp_path)
