"""Lines of a run's figures, as JSON and as CSV, and what is left of them after a kill."""

import csv
import json
import math

import pytest

from siamla_ros.training.run_log import RunLog


def logged(folder, *steps):
    log = RunLog(folder)
    for step in steps:
        log.write(step, {'total': step / 3, 'lr': 1e-3}, 'train')
    log.write(steps[-1], {'auc': 0.5}, 'validation')
    return log


def rows(folder, name):
    with (folder / name).open(newline='') as file:
        return list(csv.DictReader(file))


def test_tables_hold_what_the_lines_do(tmp_path):
    logged(tmp_path, 50, 100)
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    table = [{k: float(v) for k, v in row.items()} for row in rows(tmp_path, 'train.csv')]
    assert table == lines[:2]
    assert rows(tmp_path, 'validation.csv') == [{'step': '100', 'auc': '0.5'}]


def test_what_is_not_defined_is_null_for_strict_readers(tmp_path):
    def refused(text):
        raise AssertionError(f'{text} is no JSON')

    log = RunLog(tmp_path)
    log.write(50, {'total': math.nan, 'lr': math.inf, 'auc': -math.inf, 'note': 1.0}, 'train')
    line = json.loads((tmp_path / 'log.jsonl').read_text(), parse_constant=refused)
    assert line == {'step': 50, 'total': None, 'lr': None, 'auc': None, 'note': 1.0}
    assert rows(tmp_path, 'train.csv')[0]['total'] == 'nan'


def test_what_was_written_after_the_checkpoint_is_taken_back(tmp_path):
    logged(tmp_path, 50, 100, 150)
    with (tmp_path / 'log.jsonl').open('a') as file:
        file.write('{"step": 2')  # cut short by a kill
    log = RunLog(tmp_path)
    log.begin(100)
    log.write(150, {'total': 1.0, 'lr': 2e-3}, 'train')
    assert [row['step'] for row in rows(tmp_path, 'train.csv')] == ['50', '100', '150']
    assert rows(tmp_path, 'train.csv')[-1]['total'] == '1.0'
    assert rows(tmp_path, 'validation.csv') == []
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [50, 100, 150]


def test_a_run_that_begins_anew_has_no_lines_of_another(tmp_path):
    logged(tmp_path, 50)
    RunLog(tmp_path).begin(0)
    assert (tmp_path / 'log.jsonl').read_text() == '' and rows(tmp_path, 'train.csv') == []
    RunLog(tmp_path / 'none').begin(0)
    with pytest.raises(FileNotFoundError):
        RunLog(tmp_path / 'none').write(1, {}, 'train')
