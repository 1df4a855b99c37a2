"""Programs that are started as modules: what a user can mend is one line, as for `siamla`."""

import runpy
import sys

import pytest

from siamla_ros.evaluation.command_line import guarded


@pytest.mark.parametrize(
    ('module', 'arguments'),
    [
        ('siamla_ros.cli.vot_workspace', ['--dataset', 'nowhere', '--output', 'x']),
        (
            'siamla_ros.calibration.tune',
            ['--data', 'nowhere', '--model', 'default', '--output', 'x.safetensors'],
        ),
        ('siamla_ros.calibration.confusion', ['--data', 'nowhere']),
        ('siamla_ros.training.preview', ['--data', 'nowhere', '--output', 'x.png']),
        ('siamla_ros.evaluation.compare', ['nowhere', 'nowhere']),
    ],
)
@pytest.mark.filterwarnings('ignore:.*found in sys.modules')
def test_a_wrong_path_is_one_line(module, arguments, capsys, monkeypatch, tmp_path):
    pytest.importorskip('torch')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [module, *arguments])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(module, run_name='__main__')
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'{module.rpartition(".")[2]}: ') and 'nowhere' in line


def test_a_fault_of_ours_keeps_its_traceback():
    def fail() -> int:
        raise RuntimeError('shapes do not match')

    with pytest.raises(RuntimeError, match='shapes'):
        guarded('siamla', fail)
