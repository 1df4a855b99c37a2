"""The ablation on a tiny pack: it measures what validation measures, goes on where it stopped, and
says what it found.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import TINY, tiny_checkpoint, tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402
from siamla_ros.tracker.decode import DecodeConfig  # noqa: E402
from siamla_ros.tracker.tracker import Tracker  # noqa: E402
from siamla_ros.training import ablation, ablation_table  # noqa: E402
from siamla_ros.training.ablation_measure import answers_of, report_of, views_of  # noqa: E402
from siamla_ros.training.config import DataConfig, ScheduleConfig, TrainConfig  # noqa: E402
from siamla_ros.training.feature_cache import cached_features, pairs_of_step  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402
from siamla_ros.training.validate import validate, validation_tracks  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Six objects of ten frames: enough frames to hold objects out of training."""
    return write_pack(tmp_path_factory.mktemp('data') / 'pack', tracks=6, frames=10, masks=False)


def mild_model():
    """Scores that differ from 0 and 1."""
    model = tiny_model()
    with torch.no_grad():
        model.cls_head.pointwise.weight.mul_(0.05)
    return model


def recipe(**schedule) -> TrainConfig:
    return TrainConfig(tiny_config(), DataConfig(degrade=0.3), schedule=ScheduleConfig(**schedule))


def test_the_pack_has_both_sides(data):
    assert 0 < len(validation_tracks(data)) < 6


def test_views_give_the_figures_of_validation(data):
    """Cut once and decoded apart, or through the tracker: the same answers."""
    model, tracks, decode = mild_model(), validation_tracks(data)[:1], DecodeConfig()
    views = views_of(model, tracks, probes=2)
    found = report_of(views, answers_of(model, views), model.config, decode)
    expected = validate(Tracker(TorchRuntime(model, 'cpu'), model.config, decode), tracks, probes=2)
    assert len(found.iou) == 2 * 9
    assert found.iou == pytest.approx(expected.iou, abs=1e-4)
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-4)
    assert found.confidence_erased == pytest.approx(expected.confidence_erased, abs=1e-4)


def test_the_exponent_decides_what_is_measured(data):
    model, tracks = mild_model(), validation_tracks(data)[:1]
    views = views_of(model, tracks, probes=1)
    answers = answers_of(model, views)
    silent = [
        a._replace(present=a.present._replace(quality=np.full_like(a.present.quality, 0.5)))
        for a in answers
    ]
    by_q = DecodeConfig(fusion_exponent=1.0, window_influence=0.0, penalty_k=0.0)
    report = report_of(views, silent, model.config, by_q)
    assert report.confidence == pytest.approx(np.full(len(report.confidence), 0.5))
    by_p = replace(by_q, fusion_exponent=0.0)
    seen = report_of(views, answers, model.config, by_p).confidence
    peaks = np.concatenate([a.present.classification.max((1, 2)) for a in answers])
    assert seen == pytest.approx(peaks, abs=1e-6)


def test_every_pass_sees_every_pair_once():
    passes = [
        torch.cat([pairs_of_step(step, 4, 14, seed=5) for step in range(first, first + 3)])
        for first in (0, 3)
    ]
    for chosen in passes:
        assert len(set(chosen.tolist())) == 12
        assert set(chosen.tolist()) <= set(range(14))
    assert passes[0].tolist() != passes[1].tolist()
    assert torch.equal(pairs_of_step(4, 4, 14, seed=5), passes[1][4:8])
    with pytest.raises(ValueError, match='cached pairs = 3: fewer than a batch of 4'):
        pairs_of_step(0, 4, 3, seed=0)


def test_the_cache_holds_what_the_network_says_and_goes_on(data, tmp_path):
    model, chosen = tiny_model(), recipe()
    source, held_out = (
        PairSource(load_pack(data, split, {}), chosen.model, chosen.data, chosen.seed)
        for split in ('train', 'val')
    )
    arguments = (model, source, chosen, 6, 'toy.onnx')
    first = cached_features(tmp_path, *arguments, workers=0)
    shard = next(tmp_path.glob('*.safetensors'))
    stamp = shard.stat().st_mtime_ns
    again = cached_features(tmp_path, *arguments, workers=0)
    assert shard.stat().st_mtime_ns == stamp
    for one, other in zip(first, again):
        assert torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
    pair = source.pair(4)
    with torch.no_grad():
        expected = model.features(torch.from_numpy(pair.search)[None].float())[0]
    assert first.search[4].float().numpy() == pytest.approx(expected.numpy(), abs=2e-2)
    other = tiny_model(seed=7)
    for arguments_of_another in (
        (other, source, chosen, 6, 'toy.onnx'),  # other weights of the same name
        (model, held_out, chosen, 6, 'toy.onnx'),
    ):
        with pytest.raises(ValueError, match='pairs of another configuration'):
            cached_features(tmp_path, *arguments_of_another, workers=0)
    with pytest.raises(ValueError, match='pairs of another configuration'):
        cached_features(tmp_path, *arguments[:2], replace(chosen, seed=1), 6, 'toy.onnx', workers=0)


def test_variants_change_one_part_each():
    base = TrainConfig()
    configs = [variant.config(base, seed=2) for variant in ablation.LADDER]
    assert [c.model.quality for c in configs] == ['none', 'none', 'none', 'laqp', 'laqp_lafa']
    assert [c.loss.dynamic_labels for c in configs] == [False, True, True, True, True]
    assert [c.loss.smoothing for c in configs] == [0.0, 0.0, 0.2, 0.2, 0.2]
    assert all(c.seed == 2 and c.data == base.data for c in configs)
    assert ablation.CONTROLS[0].config(base, 0).model.quality == 'centerness'


def settings(folder, **train) -> str:
    import yaml

    train = {'init': 'backbone', 'model': dict(TINY), 'data': {'degrade': 0.3}, **train}
    schedule = {'pairs': 8, 'cached_pairs': 8, 'batch': 4}
    train['schedule'] = {**schedule, **train.get('schedule', {})}
    path = folder / 'ablation.yaml'
    path.write_text(yaml.safe_dump({'seeds': 1, 'probes': 1, 'train': train}))
    return str(path)


def test_one_command_trains_measures_and_goes_on(data, tmp_path, capsys, monkeypatch):
    init = str(tiny_checkpoint(tmp_path).path)
    output = tmp_path / 'out'
    command = ['ablate', '--data', str(data), '--init', init, '--output', str(output)]
    command += ['--workers', '0', '--config', settings(tmp_path)]
    document = tmp_path / 'document.md'
    document.write_text('Above\n<!-- ablation -->\nold\n<!-- /ablation -->\nBelow\n')
    command += ['--table', str(document)]
    monkeypatch.setattr(ablation, 'VARIANTS', (ablation.LADDER[0], ablation.LADDER[-1]))
    assert main(command) == 0
    text = capsys.readouterr().out
    found = ablation.results(output)
    assert {r['variant'] for r in found} == {'baseline', 'lafa'}
    full = next(r for r in found if r['variant'] == 'lafa')
    assert full['exponents']['0.5'] == full['figures']
    assert full['exponents']['0'] != full['figures']
    assert 'exponents' not in next(r for r in found if r['variant'] == 'baseline')
    assert '| lafa - baseline | 0 ' in text
    assert (output / 'ablation.md').read_text() in text
    written = document.read_text()
    assert (output / 'ablation.md').read_text() in written
    assert written.startswith('Above\n<!-- ablation -->\n')
    assert written.endswith('\n<!-- /ablation -->\nBelow\n')
    assert 'old' not in written

    lost = output / 'seed0/lafa/result.json'
    kept = output / 'seed0/baseline/result.json'
    before, stamp = json.loads(lost.read_text()), kept.stat().st_mtime_ns
    lost.unlink()
    assert main(command) == 0
    assert kept.stat().st_mtime_ns == stamp
    assert json.loads(lost.read_text())['figures'] == before['figures']

    settings(tmp_path, loss={'quality_weight': 3.0})
    assert main(command) == 1
    assert 'holds results of other settings' in capsys.readouterr().err


def test_variants_have_a_table_of_their_own(data, tmp_path, capsys, monkeypatch):
    document = tmp_path / 'document.md'
    ladder = '<!-- ablation -->\nkept\n<!-- /ablation -->\n'
    document.write_text(f'{ladder}<!-- variants --><!-- /variants -->')
    command = ['ablate', '--data', str(data), '--init', str(tiny_checkpoint(tmp_path).path)]
    command += ['--output', str(tmp_path / 'out'), '--workers', '0', '--variants']
    command += ['--config', settings(tmp_path), '--table', str(document)]
    monkeypatch.setattr(ablation, 'ALTERNATIVES', ablation.ALTERNATIVES[:2])
    monkeypatch.setattr(ablation_table, 'ALTERNATIVES', ablation.ALTERNATIVES[:2])
    assert main(command) == 0
    full, other = (
        next(r['figures'] for r in ablation.results(tmp_path / 'out') if r['variant'] == name)
        for name in ('lafa', 'eps_0')
    )
    text = capsys.readouterr().out
    assert f'{other["spearman"] - full["spearman"]:+.3f}' in text
    written = document.read_text()
    assert written.startswith(ladder) and written.endswith('<!-- /variants -->')
    assert 'no smoothing' in written


def test_each_variant_makes_one_choice_otherwise():
    base = TrainConfig()
    full, *others = (variant.config(base, seed=0) for variant in ablation.ALTERNATIVES)
    for other in others:
        assert other.model == full.model
        changes = set(vars(other.loss).items()) - set(vars(full.loss).items())
        assert len(changes) == 1, changes


def test_a_document_without_a_place_for_the_table_is_refused_at_once(tmp_path, capsys):
    document = tmp_path / 'document.md'
    document.write_text('<!-- /ablation --> <!-- ablation -->')
    command = ['ablate', '--data', 'x', '--init', 'x', '--config', 'x', '--output', str(tmp_path)]
    assert main([*command, '--table', str(document)]) == 1
    assert 'lacks <!-- ablation -->' in capsys.readouterr().err


def test_a_backbone_that_trains_is_refused(data, tmp_path, capsys):
    config = settings(tmp_path, schedule={'lr_backbone': 1e-4})
    command = ['ablate', '--data', str(data), '--init', 'x', '--output', str(tmp_path / 'out')]
    assert main([*command, '--config', config]) == 1
    assert 'schedule.lr_backbone = 0.0001: must be 0' in capsys.readouterr().err


def test_an_ablation_without_cached_pairs_is_refused(data, tmp_path, capsys):
    config = settings(tmp_path, schedule={'cached_pairs': 0})
    command = ['ablate', '--data', str(data), '--init', 'x', '--output', str(tmp_path / 'out')]
    assert main([*command, '--config', config]) == 1
    assert 'train.schedule.cached_pairs: must be above 0' in capsys.readouterr().err


def test_tables_give_mean_spread_and_difference():
    def result(variant: str, seed: int, value: float) -> dict:
        found = {'variant': variant, 'seed': seed}
        found['figures'] = dict.fromkeys(ablation_table.COLUMNS, value)
        if variant == 'lafa':
            found['exponents'] = {f'{a:g}': found['figures'] for a in ablation.EXPONENTS}
        return found

    found = [result('baseline', 0, 0.5), result('baseline', 1, 0.7), result('lafa', 1, 0.9)]
    ladder = ablation_table.variant_table(found, ablation.VARIANTS)
    assert '0.600 ± 0.141' in ladder
    assert '| 0.900 ' in ladder
    changes = ablation_table.step_table(found, 'figures', ablation_table.COLUMNS)
    assert '| lafa - baseline | 1 ' in changes and '| +0.200 ' in changes
    assert 'ladl' not in changes
    assert changes in ablation_table.tables(found)
    assert 'a = 0.25' in ablation_table.tables(found)
    assert 'a = 0.25' not in ablation_table.tables(found[:2])
