"""The training loop on a tiny pack: it learns, resumes as if never stopped, and keeps its log."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.model import build_model  # noqa: E402
from siamla_ros.training import loop as training  # noqa: E402
from siamla_ros.training import losses  # noqa: E402
from siamla_ros.training.config import DataConfig, ScheduleConfig, TrainConfig  # noqa: E402
from siamla_ros.training.initialize import build_initial  # noqa: E402
from siamla_ros.training.optimize import parameter_groups, rate  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def pack(tmp_path_factory):
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack')
    return load_pack(folder, 'train', {}, val_fraction=0.0)


def config(pairs: int = 16, batch: int = 4, init: str = 'none', model=None, **schedule):
    schedule = {'lr_backbone': 1e-4, 'checkpoint_every': 2, **schedule}
    return TrainConfig(
        model=tiny_config(**(model or {})),
        data=DataConfig(degrade=0.3),
        schedule=ScheduleConfig(pairs=pairs, batch=batch, **schedule),
        init=init,
    )


def trainer(pack, folder, chosen: TrainConfig, model=None) -> training.Trainer:
    model = build_initial(chosen, '') if model is None else model
    source = PairSource(pack, chosen.model, chosen.data, chosen.seed)
    return training.Trainer(chosen, model, source, folder, 'cpu')


def test_resuming_equals_never_having_stopped(pack, tmp_path):
    whole = trainer(pack, tmp_path / 'whole', config(pairs=6, batch=2))
    assert whole.run(workers=0)
    for _ in range(3):
        part = trainer(pack, tmp_path / 'parts', config(pairs=6, batch=2))
        assert part.resume() == (tmp_path / 'parts/checkpoint.pt').is_file()
        done = part.run(workers=0, max_minutes=0.0)  # out of time after one step
    assert done
    assert part.step == whole.step == 3
    for one, other in ((whole.model, part.model), (whole.ema, part.ema)):
        for name, value in other.state_dict().items():
            assert torch.equal(value, one.state_dict()[name]), name


def test_a_run_of_another_configuration_is_not_resumed(pack, tmp_path):
    assert trainer(pack, tmp_path, config(pairs=2, batch=2)).run(workers=0)
    before = (tmp_path / 'config.json').read_text()
    other = trainer(pack, tmp_path, config(pairs=4, batch=2, lr_heads=0.5))
    with pytest.raises(ValueError, match=r'checkpoint\.pt: was trained with another') as refused:
        other.resume()
    assert '(schedule.pairs: 2, now 4; schedule.lr_heads: 0.0015, now 0.5)' in str(refused.value)
    assert (tmp_path / 'config.json').read_text() == before
    assert trainer(pack, tmp_path, config(pairs=2, batch=2)).resume()


def test_a_network_of_another_shape_is_named_before_its_weights_are_loaded(pack, tmp_path):
    assert trainer(pack, tmp_path, config(pairs=2, batch=2)).run(workers=0)
    other = trainer(pack, tmp_path, config(pairs=2, batch=2, model={'quality': 'none'}))
    with pytest.raises(ValueError, match=r"model\.quality: '\w+', now 'none'"):
        other.resume()


def test_a_checkpoint_without_its_configuration_is_not_resumed(pack, tmp_path):
    run = trainer(pack, tmp_path, config(pairs=2, batch=2))
    run.save()
    path = tmp_path / 'checkpoint.pt'
    saved = torch.load(path, weights_only=True)
    del saved['config']
    torch.save(saved, path)
    with pytest.raises(ValueError, match='holds no configuration to compare with: delete it'):
        run.resume()


@pytest.mark.parametrize('content', [b'', b'xx', None])
def test_a_damaged_checkpoint_is_named(pack, tmp_path, content):
    run = trainer(pack, tmp_path, config())
    path = tmp_path / 'checkpoint.pt'
    torch.save({'model': {}}, path)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r'checkpoint\.pt: damaged \(.*\): delete it') as refused:
        run.resume()
    assert '\n' not in str(refused.value)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r'checkpoint\.pt: damaged'):
        run.resume()


def test_a_run_without_a_checkpoint_starts_anew(pack, tmp_path):
    run = trainer(pack, tmp_path, config())
    assert not run.resume()
    run.run(workers=0)
    assert json.loads((tmp_path / 'config.json').read_text())['schedule']['batch'] == 4


def test_training_makes_the_loss_smaller(pack, tmp_path):
    chosen = config(lr_heads=3e-5, lr_backbone=0.0, warmup=0.0)
    run = trainer(pack, tmp_path, chosen, tiny_model())
    batch = next(iter(run._batches(workers=0)))
    assert torch.isfinite(batch[2]).any()
    parts = [run._train_step(batch) for _ in range(40)]
    for name in ('total', 'classification', 'regression', 'quality'):
        before, after = (getattr(parts[i], name).item() for i in (0, -1))
        assert after < 0.9 * before, name
    assert parts[-1].mean_iou > parts[0].mean_iou


def test_the_average_follows_what_trains(pack, tmp_path):
    run = trainer(pack, tmp_path, config())
    start = {k: v.clone() for k, v in run.model.state_dict().items()}
    run.run(workers=0)
    moved = {k for k, v in run.model.state_dict().items() if not torch.equal(v, start[k])}
    assert moved == {k for k, v in run.ema.state_dict().items() if not torch.equal(v, start[k])}
    assert 'reg_head.pointwise.weight' in moved
    assert 'backbone.stem.weight' not in moved  # only the last four blocks
    assert 'backbone.blocks.15.project.weight' in moved
    assert 'backbone.blocks.15.depthwise.weight' in moved  # cached pairs alone leave it
    assert 'neck.weight' in moved


def test_log_lines_hold_every_part_of_the_loss(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(training, 'REPORT_EVERY', 2)
    trainer(pack, tmp_path, config()).run(workers=0)
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [2, 4]
    assert set(lines[0]) == {'step', 'lr', 'pairs_per_s', *losses.Losses._fields}


def test_a_loss_that_is_no_number_stops_the_run(pack, tmp_path):
    run = trainer(pack, tmp_path, config())
    with torch.no_grad():
        run.model.cls_head.pointwise.bias.fill_(float('nan'))
    with pytest.raises(FloatingPointError, match='step 0: loss = nan; lower the learning rate'):
        run.run(workers=0)
    assert not (tmp_path / 'checkpoint.pt').exists()


def names_of(model, parameters) -> set[str]:
    table = {id(p): n.split('.')[0] for n, p in model.named_parameters()}
    return {table[id(p)] for p in parameters}


@pytest.mark.parametrize(
    ('init', 'backbone', 'lr_backbone', 'with_heads'),
    [
        ('tracker', 'fbnet', 0.0, set()),
        ('backbone', 'fbnet', 0.0, set()),  # its neck is published too, and stays
        ('backbone', 'efficientnet_lite0', 0.0, {'neck'}),
        ('backbone', 'resnet50_conv4', 0.0, {'neck', 'backbone'}),  # the reduction
        ('none', 'fbnet', 1e-4, {'neck'}),
    ],
)
def test_what_trains_and_how_fast(init, backbone, lr_backbone, with_heads):
    rates = {'lr_backbone': lr_backbone, 'lr_init': 2e-4, 'lr_heads': 1e-3}
    chosen = config(init=init, model={'backbone': backbone}, **rates)
    model = build_model(chosen.model)
    groups = parameter_groups(model, chosen)
    trained = [p for g in groups for p in g.parameters]
    assert len({id(p) for p in trained}) == len(trained)  # none twice
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in trained}
    fast = {n for g in groups if g.peak == 1e-3 for n in names_of(model, g.parameters)}
    assert fast >= {'quality', *with_heads}
    assert fast & {'neck', 'backbone'} == with_heads
    heads = {g.peak for g in groups if 'cls_head' in names_of(model, g.parameters)}
    assert heads == {2e-4 if init == 'tracker' else 1e-3}


def test_a_run_in_which_nothing_would_train_is_refused(pack, tmp_path):
    chosen = config(init='none', lr_heads=0.0, lr_backbone=0.0)
    with pytest.raises(ValueError, match=r'schedule.lr_heads = 0, .*: nothing would train'):
        trainer(pack, tmp_path, chosen)


def test_the_rate_warms_up_and_falls():
    assert rate(0.0, 0.1) == pytest.approx(0.01)
    assert rate(0.05, 0.1) == pytest.approx(0.51)
    assert rate(0.1, 0.1) == pytest.approx(1.0)
    assert rate(0.55, 0.1) == pytest.approx(0.505)
    assert rate(1.0, 0.1) == pytest.approx(0.01)


@pytest.mark.parametrize('backbone', ['efficientnet_lite0', 'resnet50_conv4'])
def test_other_backbones_train_frozen(pack, tmp_path, backbone):
    """The neck learns below the heads though the backbone does not; statistics stay."""
    size = {'template_size_px': 95, 'search_size_px': 95, 'correlation': 'depthwise'}
    model = {'backbone': backbone, **(size if backbone != 'efficientnet_lite0' else {})}
    chosen = config(pairs=4, batch=2, init='backbone', model=model, lr_backbone=0.0)
    torch.manual_seed(0)
    run = trainer(pack, tmp_path, chosen, build_model(chosen.model))
    start = {k: v.clone() for k, v in run.model.state_dict().items()}
    run.run(workers=0)
    moved = {k for k, v in run.model.state_dict().items() if not torch.equal(v, start[k])}
    assert 'neck.weight' in moved
    backbone_moved = {k for k in moved if k.startswith('backbone.')}
    assert all(k.startswith('backbone.reduce.') for k in backbone_moved)
    assert bool(backbone_moved) == (backbone == 'resnet50_conv4')
    for name, value in run.ema.named_buffers():
        assert torch.equal(value, dict(run.model.named_buffers())[name]), name
