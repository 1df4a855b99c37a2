"""`siamla train` as a user runs it, on a tiny pack: new pairs every step, or cached ones under
frozen boxes.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
yaml = pytest.importorskip('yaml')

from safetensors.torch import load_file  # noqa: E402
from support.networks import tiny_checkpoint, tiny_config  # noqa: E402
from support.packs import write_pack  # noqa: E402
from support.videos import write_scene  # noqa: E402

from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.model import ModelConfig  # noqa: E402
from siamla_ros.model.checkpoint import load_model, read_checkpoint  # noqa: E402
from siamla_ros.training.config import ScheduleConfig, TrainConfig  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')
BOXES = ('reg_branch.', 'reg_head.')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp('data') / 'pack', tracks=6, frames=10, masks=False)


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('start')).path


def command(data, start, folder, **schedule):
    schedule = {'pairs': 8, 'batch': 2, 'lr_init': 1e-3, 'checkpoint_every': 2, **schedule}
    content = {
        "model": asdict(tiny_config()), "schedule": schedule, "init": "tracker",
        "data": {"degrade": 0.3, "similar": 0.5, "other": 0.5},
    }  # fmt: skip
    path = folder / 'recipe.yaml'
    path.write_text(yaml.safe_dump(content))
    return [
        "train", "--data", str(data), "--init", str(start), "--config", str(path),
        "--output", str(folder / "run"), "--workers", "0", "--device", "cpu",
    ]  # fmt: skip


def moved_between(start, end) -> set[str]:
    before, after = (load_model(read_checkpoint(path)).state_dict() for path in (start, end))
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_scores_learn_on_cached_pairs_and_the_boxes_stay(data, start, tmp_path, capsys):
    asked = command(data, start, tmp_path, cached_pairs=4, freeze_boxes=True)
    assert main([*asked, '--minutes', '0']) == 0
    assert 'stopped at step 1 of 4' in capsys.readouterr().out
    assert main(asked) == 0
    assert 'resumed at step 1 of 4' in capsys.readouterr().out
    moved = moved_between(start, tmp_path / 'run/model.safetensors')
    assert {name.split('.')[0] for name in moved} == {'cls_branch', 'cls_head', 'quality'}
    assert len(list((tmp_path / 'run/features').glob('*.safetensors'))) == 1


def test_fresh_pairs_train_the_boxes_too(data, start, tmp_path):
    assert main(command(data, start, tmp_path)) == 0
    moved = moved_between(start, tmp_path / 'run/model.safetensors')
    assert any(name.startswith(BOXES) for name in moved)
    assert not (tmp_path / 'run/features').exists()


def test_the_last_blocks_train_on_pairs_that_were_cached_before_them(data, start, tmp_path, capsys):
    asked = command(data, start, tmp_path, cached_pairs=4, lr_backbone=1e-4, backbone_blocks=2)
    assert main([*asked, '--minutes', '0']) == 0
    assert main(asked) == 0
    assert 'resumed at step 1 of 4' in capsys.readouterr().out
    moved = moved_between(start, tmp_path / 'run/model.safetensors')
    deep = {f'backbone.blocks.{n}.{part}' for n in (14, 15) for part in ('expand', 'project')}
    assert {n.rpartition('.')[0] for n in moved if n.startswith('backbone')} == deep
    assert {'neck.weight', 'cls_head.pointwise.weight', 'reg_head.pointwise.weight'} <= moved
    shard = load_file(str(next((tmp_path / 'run/features').glob('*.safetensors'))))
    assert shard['search'].shape == (4, 112, 6, 6)  # what block 14 takes


def test_only_a_backbone_that_can_be_cut_trains_on_cached_pairs():
    schedule = ScheduleConfig(cached_pairs=64, lr_backbone=1e-4)
    assert TrainConfig(schedule=schedule).schedule is schedule
    with pytest.raises(ValueError, match=r'lr_backbone = 0\.0001: must be 0 .* only fbnet'):
        TrainConfig(model=ModelConfig(backbone='efficientnet_lite0'), schedule=schedule)
    with pytest.raises(ValueError, match=r'backbone_blocks = 0: must lie in \[1, 16\]'):
        ScheduleConfig(backbone_blocks=0)


def test_what_makes_no_sense_together_is_refused_at_once(data, start, tmp_path, capsys):
    assert main(command(data, start, tmp_path, cached_pairs=1)) == 1
    assert 'cached_pairs = 1: must be 0, or at least a batch of 2' in capsys.readouterr().err
    with pytest.raises(ValueError, match='freeze_boxes: needs init: tracker'):
        TrainConfig(schedule=ScheduleConfig(freeze_boxes=True), init='backbone')


def test_scenes_of_video_are_trained_on_and_held_out_ones_are_not(data, start, tmp_path, capsys):
    for name in ('one', 'two'):
        write_scene(tmp_path / 'video' / name, frames=24)
    split = tmp_path / 'split.yaml'
    split.write_text('development: [two]\n')
    asked = command(data, start, tmp_path, cached_pairs=4, template_swap=0.5)
    assert main([*asked, '--video', str(tmp_path / 'video')]) == 1
    assert 'data.video = 0: must be above 0 with --video' in capsys.readouterr().err
    recipe = yaml.safe_load((tmp_path / 'recipe.yaml').read_text())
    recipe['data']['video'] = 0.5
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    assert main([*asked, '--video', str(tmp_path / 'video'), '--video-split', str(split)]) == 0
    assert [path.name for path in (tmp_path / 'run/frames').iterdir()] == ['one.npy']
    assert set(np.load(tmp_path / 'run/tracked_windows.npz')['names']) == {'one/target'}
    assert moved_between(start, tmp_path / 'run/model.safetensors')


def test_a_run_does_not_go_on_from_other_weights_or_data(data, start, tmp_path, capsys):
    asked = command(data, start, tmp_path)
    assert main([*asked, '--minutes', '0']) == 0
    other = tiny_checkpoint(tmp_path / 'other').path
    others = {'--init': other, '--data': write_pack(tmp_path / 'pack', tracks=6, frames=10)}
    for option, value in others.items():
        place = asked.index(option) + 1
        changed = [*asked[:place], str(value), *asked[place + 1 :]]
        capsys.readouterr()
        assert main(changed) == 1
        said = capsys.readouterr().err
        assert f'({option}: {asked[place]!r}, now {str(value)!r})' in said
    assert main([*asked, '--video', str(tmp_path)]) == 1
    assert f'(--video: None, now {str(tmp_path)!r})' in capsys.readouterr().err
    assert main(asked) == 0, 'with its own inputs it goes on'
    assert 'resumed at step 1 of 4' in capsys.readouterr().out


def test_the_seed_of_the_recipe_can_be_replaced(data, start, tmp_path, capsys):
    words = command(data, start, tmp_path)
    assert main([*words, '--seed', '7']) == 0
    saved = read_checkpoint(tmp_path / 'run/model.safetensors')
    assert saved.provenance['recipe']['seed'] == 7
    for value in ('-1', 'x', '1.5'):
        with pytest.raises(SystemExit):
            main([*words, '--seed', value])
        assert f"--seed: '{value}': must be a whole number >= 0" in capsys.readouterr().err


def test_an_unknown_layout_is_named(data, start, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*command(data, start, tmp_path), '--dataset', f'a={tmp_path}:otbb'])
    assert "layout 'otbb': must be one of auto, video, " in capsys.readouterr().err


def test_a_damaged_note_of_the_inputs_is_named(data, start, tmp_path, capsys):
    words = command(data, start, tmp_path)
    folder = Path(words[words.index('--output') + 1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'inputs.json').write_text('{')
    assert main(words) == 1
    assert re.search(r'inputs\.json: damaged \(.*\): delete it', capsys.readouterr().err)


def test_benchmarks_alone_or_beside_a_pack(data, start, tmp_path, write_images, capsys):
    for number in range(3):
        folder = tmp_path / 'got10k' / f'GOT_{number}'
        write_images(folder, 4)
        (folder / 'groundtruth.txt').write_text('4,5,20,16\n' * 4)
    own = command(data, start, tmp_path)
    alone = [*own[:1], *own[3:], '--dataset', f'got10k={tmp_path / "got10k"}:got10k']
    assert main([*own[:1], *own[3:]]) == 1
    assert 'name --data or --dataset' in capsys.readouterr().err
    assert main([*alone, '--dataset', f'got10k={tmp_path}']) == 1
    assert "data set 'got10k': given twice" in capsys.readouterr().err
    recipe = yaml.safe_load((tmp_path / 'recipe.yaml').read_text())
    recipe['data'] |= {'similar': 0.0, 'max_gap': 2, 'sampling': {'got10k+gotl0k': 4.0, '*': 1.0}}
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    assert main(alone) == 0
    said = capsys.readouterr()
    assert 'got10k: 3 objects, 12 boxes' in said.out
    assert 'data.sampling: no data set is called gotl0k; there are: got10k\n' in said.err
    both = [*own, *alone[-2:]]
    assert main(both) == 1
    assert f'--data: None, now {str(data)!r}' in capsys.readouterr().err
    both[both.index('--output') + 1] = str(tmp_path / 'both')
    assert main(both) == 0
    assert moved_between(start, tmp_path / 'both/model.safetensors')
