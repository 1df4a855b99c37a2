"""`siamla ablate`: what its command line takes and refuses, before anything is read."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.cli import ablate  # noqa: E402
from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.training import ablation  # noqa: E402


def command(folder, *options: str) -> list[str]:
    missing = ['--data', 'none', '--init', 'none', '--config', 'none.yaml']
    return ['ablate', *missing, '--output', str(folder / 'out'), *options]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--variants', '--rungs', 'ladl'], '--rungs has no effect with --variants'),
        (['--variants', '--dataset', 'x'], '--dataset has no effect with --variants'),
        (['--side', 'training'], '--side has no effect without --dataset'),
        (['--split', 'x'], '--split has no effect without --dataset'),
        (['--dataset', 'x', '--side', 'training'], '--side needs --split'),
        (['--dataset', 'x', '--split', 'x'], '--split needs --side'),
        (['--dataset', 'nowhere'], 'nowhere'),
        ([], 'none.yaml'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, capsys, options, message):
    assert main(command(tmp_path, *options)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / 'out').exists()


def test_rungs_are_those_of_the_ablation(tmp_path, capsys):
    assert tuple(variant.name for variant in ablation.VARIANTS) == ablate.RUNGS
    with pytest.raises(SystemExit):
        main(command(tmp_path, '--rungs', 'lala'))
    assert "invalid choice: 'lala'" in capsys.readouterr().err
