"""A step in parts is the step of the whole batch: gradients, losses, statistics."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.training.config import DataConfig, ScheduleConfig, TrainConfig  # noqa: E402
from siamla_ros.training.loop import Trainer  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402
from siamla_ros.training.resuming import check_resumable  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')
BATCH = 6


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    pack = load_pack(write_pack(tmp_path_factory.mktemp('data') / 'pack'), 'train', {}, 0.0)
    return PairSource(pack, tiny_config(), DataConfig(other=0.3), 0)


def trainer(source, folder, accumulate, keep_boxes=0.0, lr_backbone=1e-4):
    schedule = ScheduleConfig(
        pairs=BATCH, batch=BATCH, accumulate=accumulate, lr_backbone=lr_backbone, warmup=0.0
    )
    chosen = TrainConfig(model=tiny_config(), schedule=schedule)
    chosen = replace(chosen, loss=replace(chosen.loss, keep_boxes=keep_boxes))
    return Trainer(chosen, tiny_model(), source, folder, 'cpu')


def stepped(run):
    """Losses and clipped gradients of a step, by parameter."""
    (batch,) = run._batches(0)
    loss = run._train_step(batch)
    names = {id(p): name for name, p in run.model.named_parameters()}
    return loss, {names[id(p)]: p.grad for p in run.optimizer.parameters}


@pytest.mark.parametrize(
    'options', [{}, {'keep_boxes': 1.0}, {'keep_boxes': 0.5, 'lr_backbone': 0.0}]
)
@pytest.mark.parametrize('accumulate', [2, 6])
def test_a_step_in_parts_is_that_of_the_whole_batch(source, tmp_path, accumulate, options):
    loss, gradients = stepped(trainer(source, tmp_path / 'whole', 1, **options))
    in_parts, added = stepped(trainer(source, tmp_path / 'parts', accumulate, **options))
    assert [float(v) for v in in_parts] == pytest.approx([float(v) for v in loss], rel=1e-5)
    assert added.keys() == gradients.keys() and len(added) > 20
    for name, gradient in gradients.items():
        scale = float(gradient.abs().max())
        assert float((added[name] - gradient).abs().max()) <= 2e-5 * scale + 1e-9, name


def test_it_takes_the_pairs_of_one_part_at_a_time(source, tmp_path):
    run = trainer(source, tmp_path, 3)
    seen = []
    features = run.model.features
    run.model.features = lambda crops: seen.append(len(crops)) or features(crops)
    stepped(run)
    assert set(seen) == {2} and len(seen) == 2 * 2 * 3, 'template and search, twice, in parts'


def test_a_part_counts_once_in_the_statistics_of_batch_norm(source, tmp_path):
    run = trainer(source, tmp_path, 3)
    norm = torch.nn.BatchNorm2d(3)
    features = run.model.features
    run.model.norm = norm
    run.model.features = lambda crops: features(crops + 0.0 * norm(crops))
    (batch,) = run._batches(0)
    run._train_step(batch)
    expected = torch.zeros(3)
    for template, search in zip(batch[0].float().split(2), batch[1].float().split(2)):
        for crops in (template, search):
            expected = 0.9 * expected + 0.1 * crops.mean((0, 2, 3))
    assert torch.allclose(norm.running_mean, expected, rtol=1e-4)
    assert norm.momentum == 0.1


def test_parts_must_be_equal(source, tmp_path):
    with pytest.raises(ValueError, match=r'accumulate = 4: must divide the 6 pairs that a process'):
        trainer(source, tmp_path, 4)
    with pytest.raises(ValueError, match=r'schedule\.accumulate = 0: must be >= 1'):
        ScheduleConfig(accumulate=0)


def test_a_run_goes_on_in_other_parts(tmp_path):
    config = TrainConfig()
    saved = replace(config, schedule=replace(config.schedule, accumulate=4)).to_dict()
    check_resumable(tmp_path, saved, config)
    before = config.to_dict()
    del before['schedule']['accumulate']  # of a checkpoint that is older than the option
    check_resumable(tmp_path, before, config)


def test_a_run_of_less_than_a_batch_is_refused():
    """It would end without a step, and `--dry-run` would have nothing to measure."""
    with pytest.raises(ValueError, match=r'schedule\.pairs = 3: must be at least a batch of 4'):
        ScheduleConfig(pairs=3, batch=4)
