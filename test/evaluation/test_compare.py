"""Two evaluations of the same targets: figures of each, and the interval of the difference."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from siamla_ros.cli import eval as cli
from siamla_ros.evaluation import compare
from siamla_ros.evaluation.compare import ONE_PASS, SESSION, Frames, differences
from siamla_ros.evaluation.session_metrics import TargetTally


def run(*pairs: tuple[float, float]) -> list[Frames]:
    """One run: (confidence, IoU) a frame."""
    return [Frames(*np.array(pairs, float).T)]


def by_name(rows):
    return {row.name: row for row in rows}


def test_figures_of_one_pass_runs():
    before = {'a': run((0.9, 0.8), (0.9, 0.0)), 'b': run((0.2, 0.6), (0.1, 0.05))}
    rows = by_name(differences(before, before, ONE_PASS))
    assert rows['SR0.5'].before == rows['SR0.5'].after == 0.5
    assert rows['SR0.75'].before == 0.25
    assert rows['IoU < 0.1'].before == 0.5
    assert rows['c > 0.5 where IoU < 0.1'].before == 0.5  # one of two
    assert rows['success AUC'].before == pytest.approx((16 + 0 + 12 + 1) / 4 / 21)
    # Both frames at 0.9 in one bin (right half of the time), those at 0.1 and 0.2 in bins of own.
    assert rows['ECE'].before == pytest.approx((2 * 0.4 + 0.8 + 0.1) / 4)


def test_the_interval_is_that_of_the_paired_difference():
    rng = np.random.default_rng(1)
    ious = rng.uniform(0.2, 0.9, 40)
    before = {str(k): run((0.5, v)) for k, v in enumerate(ious)}
    gain = rng.uniform(0.0, 0.2, 40)
    better = {str(k): run((0.5, v + g)) for k, (v, g) in enumerate(zip(ious, gain, strict=True))}
    figure = {'success AUC': ONE_PASS['success AUC']}
    auc = by_name(differences(before, better, figure))['success AUC']
    assert auc.after - auc.before == pytest.approx(gain.mean(), abs=0.01)
    # Targets differ by 0.2, gains by 0.06: unpaired, the interval would be four times as wide.
    assert 0.07 < auc.low < auc.after - auc.before < auc.high < 0.13
    assert 0.02 < auc.high - auc.low < 0.05


def test_starts_of_a_target_are_drawn_together_and_weigh_one_each():
    before = {'a': run((0.5, 0.8)) * 3, 'b': run((0.5, 0.0))}
    after = {'a': run((0.5, 0.8)) * 3, 'b': run((0.5, 0.8))}
    row = by_name(differences(before, after, ONE_PASS))['SR0.75']
    assert (row.before, row.after) == (0.75, 1.0)
    assert (row.low, row.high) == (0.0, 1.0)  # both draws of `a`, both draws of `b`


def test_figures_of_the_session():
    def tally(name, lost):
        return TargetTally(name, 8, 6.0, 10, 6.0, lost, 0, 1)

    before, after = ({n: [tally(n, lost)] for n in 'ab'} for lost in (4, 1))
    rows = by_name(differences(before, after, SESSION))
    assert set(rows) == set(SESSION)
    assert (rows['visible_lost'].before, rows['visible_lost'].after) == (0.4, 0.1)
    assert rows['visible_lost'].low == pytest.approx(-0.3)
    assert rows['f_score'].before == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert rows['f_score'].high == 0.0


def test_other_targets_cannot_be_compared():
    with pytest.raises(ValueError, match='targets differ: b only in one'):
        differences({'a': run((1, 1))}, {'a': run((1, 1)), 'b': run((1, 1))}, ONE_PASS)


def evaluate(dataset, output, *more):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    words = ['--dataset', dataset, '--quiet', '--no-plots', '--output', output, *more]
    return cli.run(parser.parse_args([str(word) for word in words]))


def test_it_reads_what_eval_writes(moving_target, tmp_path, capsys):
    for name in ('before', 'after'):
        more = ('--trackers', 'identity', '--starts', 'exact', 'careless')
        assert evaluate(moving_target, tmp_path / name, *more) == 0
    records = (tmp_path / 'before/records').glob('*.csv')
    assert [path.name for path in records] == ['identity.csv']
    setup = json.loads((tmp_path / 'before/results.json').read_text())['setup']
    assert setup['starts'] == ['exact', 'careless']
    assert set(setup['sequences']) == {'down', 'down@careless', 'right', 'right@careless'}


def test_folders_without_a_common_follower_are_refused(tmp_path):
    for name in 'ab':
        (tmp_path / name).mkdir()
        (tmp_path / name / 'results.json').write_text('{}')
    with pytest.raises(ValueError, match='no follower in common'):
        compare.compare(tmp_path / 'a', tmp_path / 'b')


def test_a_comparison_of_folders_prints_both_tables(tmp_path, capsys):
    tally = TargetTally('t', 8, 6.0, 10, 6.0, 2, 0, 1)
    for name, iou in (('before', 0.4), ('after', 0.8)):
        folder = tmp_path / name
        (folder / 'records').mkdir(parents=True)
        (folder / 'records/siamla.csv').write_text(
            f'sequence,frame,confidence,present,iou\nt,1,0.9,1,{iou}\nt@middle,1,0.8,1,{iou}\n'
            't,2,0.3,0,\n'
        )
        row = {**vars(tally), 'f_score': 0.6}
        if name == 'before':
            del row['bins']  # as an earlier version wrote it
        session = {'siamla, search local': {'targets': [row]}}
        content = {'session': {**session, 'notes': []}}
        (folder / 'results.json').write_text(json.dumps(content))
    assert compare.main([str(tmp_path / 'before'), str(tmp_path / 'after')]) == 0
    lines = [' '.join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert '| SR0.5 | 0.000 | 1.000 | +1.000 (+1.000, +1.000) |' in lines
    assert '| visible_lost | 0.200 | 0.200 | +0.000 (+0.000, +0.000) |' in lines
    assert '| ece | - | - | - |' in lines
    assert lines.index('siamla') < lines.index('siamla, search local')
