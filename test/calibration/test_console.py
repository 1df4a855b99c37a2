"""Texts that commands hand over."""

import pytest

from siamla_ros.calibration.console import hand_over


def test_without_a_file_it_is_printed(capsys):
    assert hand_over(lambda: 'a: 1\n', None) == 0
    assert capsys.readouterr().out == 'a: 1\n'


def test_it_is_written_to_a_file_and_not_printed(tmp_path, capsys):
    path = tmp_path / 'out.yaml'
    assert hand_over(lambda: 'grün: 1\n', path) == 0
    assert path.read_text(encoding='utf-8') == 'grün: 1\n' and capsys.readouterr().out == ''


@pytest.mark.parametrize('error', [ValueError('no records'), FileNotFoundError('no records')])
def test_what_is_wrong_with_the_material_is_one_line(capsys, error):
    def make():
        raise error

    assert hand_over(make, None) == 2
    assert capsys.readouterr().err == 'no records\n'


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    assert hand_over(lambda: 'a', tmp_path / 'none' / 'out.yaml') == 2
    assert 'out.yaml' in capsys.readouterr().err
