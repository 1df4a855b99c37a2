"""The recipes in config/training: they load, and those of full data sets begin to train."""

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('yaml')

from support.networks import tiny_config  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.datasets.training_pack import load_pack  # noqa: E402
from siamla_ros.training import optimize  # noqa: E402
from siamla_ros.training.config import TrainConfig, load_config  # noqa: E402
from siamla_ros.training.initialize import build_initial  # noqa: E402
from siamla_ros.training.loop import Trainer  # noqa: E402
from siamla_ros.training.pairs import PairSource  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')
FOLDER = Path(__file__).resolve().parents[2] / 'config/training'
KINDS = ('light', 'full', 'paper', 'seeds')  # other files name scenes, or variants
RECIPES = sorted(path for path in FOLDER.glob('*.yaml') if path.stem.startswith(KINDS))


@pytest.fixture(scope='module')
def pack(tmp_path_factory):
    folder = write_pack(tmp_path_factory.mktemp('data') / 'pack')
    return load_pack(folder, 'train', {}, val_fraction=0.0)


def begin(pack, folder, config: TrainConfig) -> Trainer:
    source = PairSource(pack, config.model, config.data, config.seed)
    return Trainer(config, build_initial(config, ''), source, folder, 'cpu')


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_recipes_load(path):
    assert isinstance(load_config(path), TrainConfig)


@pytest.mark.parametrize('name', ['paper', 'full_light'])
def test_recipes_of_full_data_sets_begin(name, pack, tmp_path):
    config = load_config(FOLDER / f'{name}.yaml')
    schedule = replace(config.schedule, pairs=2, batch=2, bf16=False, backbone_from=0.0)
    run = begin(pack, tmp_path, replace(config, init='none', schedule=schedule))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    assert run.run(workers=0)
    moved = {n.split('.')[0] for n, v in run.model.state_dict().items() if not v.equal(before[n])}
    assert {'backbone', 'cls_branch', 'reg_head', 'quality'} <= moved


@pytest.mark.parametrize('accumulate', [1, 2])
def test_no_gradient_is_made_for_a_backbone_that_is_held(accumulate, pack, tmp_path, monkeypatch):
    """The weights are those of a run that makes them and drops them."""
    config = TrainConfig(model=tiny_config(), init='none')
    schedule = replace(config.schedule, pairs=8, batch=2, lr_backbone=1e-3, backbone_from=0.5)
    config = replace(config, schedule=replace(schedule, accumulate=accumulate))

    def trained(folder, made):
        run = begin(pack, tmp_path / folder, config)
        deep = run.optimizer.groups[0].parameters

        def note(module, crops, features):
            if torch.is_grad_enabled():
                made.append((run.step, features.requires_grad))

        run.model.backbone.register_forward_hook(note)
        if folder == 'dropped':
            run.optimizer.prepare = lambda step, steps: None

            def drop(parameters):
                for parameter in deep if run.step < 2 else ():
                    parameter.grad = None

            monkeypatch.setattr(optimize, 'average_gradients', drop)
        assert run.run(workers=0)
        return run.model.state_dict()

    made, dropped = [], []
    held, other = trained('held', made), trained('dropped', dropped)
    steps = [step for step in range(4) for _ in range(2 * accumulate)]  # template and search
    assert made == [(step, step >= 2) for step in steps]
    assert dropped == [(step, True) for step in steps]
    assert all(torch.equal(value, other[name]) for name, value in held.items())


def test_the_backbone_learns_from_its_share_of_the_steps_on(pack, tmp_path):
    config = TrainConfig(model=tiny_config(), init='none')
    schedule = replace(
        config.schedule, pairs=8, batch=2, lr_backbone=1e-3, backbone_from=0.5, weight_decay=0.1
    )
    run = begin(pack, tmp_path, replace(config, schedule=schedule))
    deep = run.optimizer.groups[0].parameters
    before = [p.detach().clone() for p in deep]
    moved = []
    for batch in run._batches(0):
        run._train_step(batch)
        run.step += 1
        moved.append(any(not p.detach().equal(b) for p, b in zip(deep, before)))
    assert moved == [False, False, True, True]
