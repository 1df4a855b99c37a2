"""Where a network is divided between what is computed once and what trains."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.training import cut  # noqa: E402
from siamla_ros.training.config import (  # noqa: E402
    DataConfig,
    LossConfig,
    ScheduleConfig,
    TrainConfig,
)
from siamla_ros.training.feature_cache import HeadTrainer, cached_features  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


def recipe(blocks: int, **loss) -> TrainConfig:
    schedule = ScheduleConfig(
        pairs=8, batch=2, cached_pairs=4, lr_backbone=1e-4, lr_init=1e-4, backbone_blocks=blocks
    )
    data = DataConfig(other=0.0, erased=0.0)
    return TrainConfig(tiny_config(), data, LossConfig(**loss), schedule)


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack')
    config = recipe(1)
    pack = load_pack(folder, 'train', {}, val_fraction=0.0)
    return PairSource(pack, config.model, config.data, config.seed)


@pytest.mark.parametrize('blocks', [0, 1, 4, 16])
def test_both_parts_together_are_the_whole(blocks):
    model, pixels = tiny_model(), torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        parts = cut.behind(model, cut.before(model, pixels, blocks), blocks)
        assert torch.equal(parts, model.features(pixels))


def test_the_first_part_depends_on_its_own_weights_alone():
    model, pixels = tiny_model(), torch.rand(1, 3, 64, 64) * 255
    counted = sum(w.numel() for w in cut.weights_before(model, 3))
    deep = [*model.backbone.blocks[-3:].parameters(), *model.neck.parameters()]
    whole = sum(w.numel() for w in cut.weights_before(model, 0))
    assert counted == whole - sum(p.numel() for p in deep)
    before = cut.before(model, pixels, 3)
    with torch.no_grad():
        for parameter in deep:
            parameter.add_(1.0)
    assert torch.equal(cut.before(model, pixels, 3), before)


def test_a_cache_serves_one_cut(source, tmp_path):
    config, model = recipe(2), tiny_model()
    first = cached_features(tmp_path, model, source, config, 4, 'toy', workers=0)
    pixels = torch.from_numpy(source.pair(3).search)[None].float()
    with torch.no_grad():
        expected = cut.before(model, pixels, 2)[0]
        model.neck.weight.add_(1.0)  # behind the cut: the cache stays valid
    assert torch.allclose(first.search[3].float(), expected, rtol=2e-2, atol=2e-2 * expected.std())
    cached_features(tmp_path, model, source, config, 4, 'toy', workers=0)
    for schedule in ({'backbone_blocks': 3}, {'lr_backbone': 0.0}):
        other = replace(config, schedule=replace(config.schedule, **schedule))
        with pytest.raises(ValueError, match='pairs of another configuration'):
            cached_features(tmp_path, model, source, other, 4, 'toy', workers=0)


def test_the_teacher_keeps_the_features_that_its_boxes_were_learnt_on(source, tmp_path):
    config, model = recipe(2, keep_boxes=4.0), tiny_model()
    features = cached_features(tmp_path / 'features', model, source, config, 4, 'toy', workers=0)
    run = HeadTrainer(config, model, source, tmp_path, features)
    z, x, _ = (part.float() for part in features)
    with torch.no_grad():
        start = run.model.respond(*(cut.behind(model, part, 2) for part in (x, z))).ltrb.clone()
    assert run.run(workers=0)
    response, taught = run._respond(z, x)
    assert torch.allclose(taught, start, rtol=1e-4)
    assert not torch.allclose(response.ltrb, start, rtol=1e-3)
    moved = cut.behind(model, x, 2)
    assert not torch.allclose(moved, cut.behind(run.teacher.model, x, 2), rtol=1e-3)
