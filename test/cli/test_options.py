"""Options that would have no effect are refused, not ignored without a word."""

import argparse

import pytest

from siamla_ros.cli.main import main
from siamla_ros.cli.options import typed

pytest.importorskip('scipy')
EVAL = ['eval', '--dataset', 'x']
TRAIN = ['train', '--output', 'x', '--data', 'x']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['bench', '--gpu-check', '--plot', 'x.png'], '--plot has no effect with --gpu-check'),
        (['bench', '--gpu-check', '--rounds', '7'], '--rounds has no effect with --gpu-check'),
        (['bench', '--gpu-check', '--ros'], '--ros has no effect with --gpu-check'),
        (['bench', '--ros', '--beside', '3'], '--beside has no effect with --ros'),
        (['bench', '--ros', '--trackers', 'mil'], '--trackers has no effect with --ros'),
        (['bench', '--targets', '2', '--stages'], '--stages has no effect with --targets'),
        (['bench', '--rate', '30'], '--rate has no effect without --ros'),
        (['bench', '--page', 'x.md'], '--page has no effect without --gpu-check'),
        (['bench', '--brief'], '--brief has no effect without --gpu-check'),
        (['bench', '--sequence', 'x'], '--sequence has no effect without --dataset'),
        ([*EVAL, '--lost', '--session'], '--session has no effect with --lost'),
        ([*EVAL, '--lost', '--confidence'], '--confidence has no effect with --lost'),
        ([*EVAL, '--crossings', '--format', 'otb'], '--format has no effect with --crossings'),
        ([*EVAL, '--session', '--seed', '0'], '--seed has no effect with --session'),
        ([*EVAL, '--supervised', '--search', 'off'], '--search has no effect with --supervised'),
        (
            [*EVAL, '--search', 'off'],
            '--search has no effect without --crossings or --lost or --session',
        ),
        ([*EVAL, '--eao-range', '5', '6'], '--eao-range has no effect without --supervised'),
        ([*EVAL, '--seed', '1'], '--seed has no effect without --lost or --confidence'),
        (['export', '--pairs', '5'], '--pairs has no effect without --int8'),
        ([*TRAIN, '--index', 'x'], '--index has no effect without --dataset'),
    ],
)
def test_an_option_without_effect_is_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[0] in ('train', 'export'):
        pytest.importorskip('torch')
    assert main(arguments) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f'siamla {arguments[0]}: {message}'
    assert not list(tmp_path.iterdir()), 'before anything is done'


@pytest.mark.parametrize('option', [['--option', 'threads=1'], ['--device', 'cpu']])
def test_options_of_siamla_need_siamla(option, moving_target, capsys):
    arguments = ['eval', '--quiet', '--dataset', str(moving_target), *option, '--trackers']
    assert main([*arguments, 'identity']) == 1
    assert f'{option[0]} is for siamla, which is not among' in capsys.readouterr().err
    assert main([*arguments, 'identity', 'mine=siamla']) == 0


def test_an_option_counts_as_typed_with_its_default_too():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rate', type=float, default=30.0)
    parser.add_argument('--init', action='append', default=[])
    parser.add_argument('--quiet', action='store_true')
    parser.add_argument('--frames', type=int, default=5)
    line = ['--rate', '30', '--init', 'a', '--init', 'b']
    names = vars(parser.parse_args(line))
    assert typed(parser, line, names) == {'rate', 'init'}
