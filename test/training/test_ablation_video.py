"""The ablation with annotated video: trained on some scenes, measured on the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import yaml  # noqa: E402
from support.networks import TINY, tiny_checkpoint  # noqa: E402
from support.packs import write_pack  # noqa: E402
from support.videos import write_scene  # noqa: E402

from siamla_ros.cli.main import main  # noqa: E402
from siamla_ros.evaluation.confidence import reliability  # noqa: E402
from siamla_ros.evaluation.platt import fit_platt  # noqa: E402
from siamla_ros.evaluation.runner import Run  # noqa: E402
from siamla_ros.tracker.logistic import platt  # noqa: E402
from siamla_ros.training import ablation, ablation_table  # noqa: E402
from siamla_ros.training.ablation_sequences import figures  # noqa: E402
from siamla_ros.training.config import load_config  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')
RECIPES = Path(__file__).parents[2] / 'config/training'


@pytest.fixture(scope='module')
def place(tmp_path_factory) -> Path:
    """A pack with held-out tracks, two scenes, a split that holds one of them out, weights."""
    folder = tmp_path_factory.mktemp('place')
    write_pack(folder / 'pack', tracks=6, frames=10, masks=False)
    for name in ('one', 'two'):
        write_scene(folder / 'video' / name, frames=24)
    (folder / 'split.yaml').write_text('development: [two]\n')
    tiny_checkpoint(folder)
    return folder


def command(
    place: Path, output: Path, *others: str, video: bool = True, share: float = 0.5, **data
) -> list[str]:
    data = {'degrade': 0.3, 'video': share, 'tracked': 0.0, 'similar': 0.5, **data}
    train = {'init': 'backbone', 'model': dict(TINY), 'data': data}
    train['schedule'] = {'pairs': 8, 'cached_pairs': 8, 'batch': 4}
    output.mkdir(parents=True, exist_ok=True)
    recipe = output / 'recipe.yaml'
    recipe.write_text(yaml.safe_dump({'seeds': 2, 'probes': 1, 'train': train}))
    asked = ['ablate', '--data', str(place / 'pack'), '--init', str(place / 'tiny.safetensors')]
    asked += ['--config', str(recipe), '--output', str(output / 'out'), '--workers', '0']
    scenes = ['--video', str(place / 'video'), '--video-split', str(place / 'split.yaml')]
    return [*asked, *(scenes if video else []), *others]


def on(place: Path, side: str) -> list[str]:
    split = str(place / 'split.yaml')
    return ['--dataset', str(place / 'video'), '--split', split, '--side', side]


def test_it_trains_on_one_side_of_the_video_and_measures_on_the_other(place, tmp_path, capsys):
    asked = command(place, tmp_path, '--rungs', 'lals', 'ladl', '--seed', '1')
    document = tmp_path / 'document.md'
    document.write_text('<!-- ablation_video --><!-- /ablation_video -->')
    assert main([*asked, *on(place, 'development'), '--table', str(document)]) == 0
    out = tmp_path / 'out'
    assert [path.name for path in (out / 'frames').iterdir()] == ['one.npy']
    assert (out / 'similar_objects.json').is_file()
    found = {path.parent.name: path for path in out.glob('seed*/*/result.json')}
    assert sorted(found) == ['ladl', 'lals'] and not (out / 'seed0').exists()
    place_of = {'of': 'video, side development of split.yaml', 'asked': 1, 'targets': 1}
    results = {name: json.loads(path.read_text()) for name, path in found.items()}
    for result in results.values():
        assert result['sequences_of'] == place_of and result['seed'] == 1
        assert set(result['sequences']) == set(ablation_table.SEQUENCE_COLUMNS)
    text = (out / 'ablation_video.md').read_text()
    assert text in capsys.readouterr().out and text in document.read_text()
    assert 'Whole sequences of video, side development of split.yaml, 1 targets:' in text
    low, high = (results[name]['figures']['spearman'] for name in ('ladl', 'lals'))
    changes = [line for line in text.splitlines() if line.startswith('| lals - ladl | 1 ')]
    assert len(changes) == 2 and f' {high - low:+.3f} ' in changes[0]
    assert 'baseline' not in text

    stamps = {path: path.stat().st_mtime_ns for path in found.values()}
    assert main([*asked, *on(place, 'development')]) == 0
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}
    assert main([*asked, *on(place, 'training')]) == 0
    text = (out / 'ablation_video.md').read_text()
    assert 'side training' in text and 'side development' not in text


def test_a_recipe_and_a_video_belong_together(place, tmp_path, capsys):
    changes = (
        ({'video': False}, 'train.data.video = 0.5: must be above 0 with --video'),
        ({'share': 0.0}, 'train.data.video = 0: must be above 0 with --video'),
        ({'tracked': 0.3}, 'train.data.tracked = 0.3: must be 0, random heads follow no scene'),
    )
    for change, message in changes:
        assert main(command(place, tmp_path, **change)) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_features_of_other_scenes_are_not_gone_on_with(place, tmp_path, capsys):
    asked = command(place, tmp_path, '--rungs', 'ladl', '--seed', '0')
    assert main(asked) == 0
    next((tmp_path / 'out').glob('seed0/ladl/result.json')).unlink()
    assert main([*asked, '--video-split', str(empty_split(tmp_path))]) == 1
    assert 'holds pairs of another configuration' in capsys.readouterr().err


def empty_split(folder: Path) -> Path:
    path = folder / 'empty.yaml'
    path.write_text('development: []\n')
    return path


def test_the_recipe_differs_from_that_without_video_in_its_data_alone():
    still, video = (
        ablation.load_ablation(RECIPES / f'{name}.yaml') for name in ('ablation', 'ablation_video')
    )
    assert replace(video, train=replace(video.train, data=still.train.data)) == still
    pairs = vars(video.train.data)
    changed = {name for name in pairs if pairs[name] != getattr(still.train.data, name)}
    assert changed == {'video', 'tracked', 'other', 'similar', 'erased'}
    stage5 = load_config(RECIPES / 'light_stage5.yaml').data
    assert {name for name in changed if pairs[name] != getattr(stage5, name)} == {'tracked'}


def run_of(name: str, shift_px: list[float], confidence: list[float]) -> Run:
    """A target that stands still, and a box that lies ``shift_px`` beside it."""
    truth = np.tile([50.0, 50.0, 10.0, 10.0], (len(shift_px) + 1, 1))
    boxes, known = truth.copy(), np.array([np.nan, *confidence])
    boxes[1:, 0] += shift_px
    absent = np.zeros(len(truth), bool)
    return Run('siamla', name, boxes, known, np.zeros(len(truth)), truth, absent, {})


def test_figures_of_sequences():
    """IoU of a square moved by s of 10: (10 - s) / (10 + s)."""
    one = run_of('one', [0, 1, 2, 6, 8], [0.9, 0.8, 0.7, 0.2, 0.1])  # in order
    two = run_of('two', [1, 2, 4, 0, 9], [0.3, 0.4, 0.5, 0.2, 0.6])  # in reversed order
    flat = run_of('flat', [0, 0, 5, 9, 9], [0.5, 0.5, 0.5, 0.5, 0.5])  # says nothing
    runs = [one, two, flat]
    found = figures(runs)
    assert set(found) == set(ablation_table.SEQUENCE_COLUMNS)
    for key in ('success_auc', 'sr_050', 'sr_075'):
        expected = [getattr(run.scores, key) for run in runs]
        assert found[key] == pytest.approx(np.mean(expected)), key
    assert found['sr_075'] == pytest.approx((2 + 2 + 2) / 15)
    assert found['spearman_within'] == pytest.approx(0.0)  # +1, -1, unknown
    assert -1 < found['spearman'] < 1

    scaled, hits = [], []
    for run in runs:
        others = [other for other in runs if other is not run]
        confidence, hit = (
            np.concatenate(part)
            for part in ([o.confidence[1:] for o in others], [o.iou[1:] > 0.5 for o in others])
        )
        scaled.append(platt(run.confidence[1:], *fit_platt(confidence, hit)))
        hits.append(run.iou[1:] > 0.5)
    expected = reliability(np.concatenate(scaled), np.concatenate(hits)).ece
    assert found['ece_platt'] == pytest.approx(expected)
    assert found['ece'] == pytest.approx(
        reliability(np.concatenate([r.confidence[1:] for r in runs]), np.concatenate(hits)).ece
    )


def test_steps_are_told_seed_by_seed():
    values = {('ladl', 0): 0.5, ('ladl', 2): 0.6, ('lals', 0): 0.4, ('lals', 2): 0.65}
    values |= {('lals', 1): 0.9, ('lafa', 0): 0.7}
    found = [
        {'variant': name, 'seed': seed, 'sequences': {'spearman': value}}
        for (name, seed), value in values.items()
    ]
    found.append({'variant': 'baseline', 'seed': 0})  # not followed yet
    text = ablation_table.step_table(found, 'sequences', {'spearman': 'rank'})
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines()]
    assert rows[0] == ['', 'seeds', 'rank']
    assert rows[2:] == [['lals - ladl', '0, 2', '-0.100, +0.050']]
    table = ablation_table.variant_table(
        found, ablation.VARIANTS, 'sequences', {'spearman': 'rank'}
    )
    assert [line.split('|')[1].strip() for line in table.splitlines()[2:]] == [
        '+ LADL', '+ LALS', '+ LAFA: full SiamLA',
    ]  # fmt: skip
    assert '0.550 ± 0.071' in table
