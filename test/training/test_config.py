"""Training configurations: one YAML file, and every mistake in it named."""

from __future__ import annotations

import pytest

pytest.importorskip('torch')

from siamla_ros.model import ModelConfig, preset
from siamla_ros.training import limits
from siamla_ros.training.config import (
    DataConfig,
    LossConfig,
    ScheduleConfig,
    TrainConfig,
    from_dict,
    load_config,
)


def written(tmp_path, text: str):
    path = tmp_path / 'run.yaml'
    path.write_text(text)
    return load_config(path)


def test_what_a_file_lacks_keeps_its_default(tmp_path):
    config = written(tmp_path, 'schedule: {batch: 8}\nloss:\nseed: 3\n')
    assert (config.schedule.batch, config.seed) == (8, 3)
    assert config.schedule.lr_heads == TrainConfig().schedule.lr_heads
    assert config.loss == TrainConfig().loss
    assert written(tmp_path, '') == TrainConfig()


def test_plain_values_come_back_the_same():
    assert from_dict(TrainConfig, TrainConfig().to_dict()) == TrainConfig()


def test_a_whole_number_is_a_fraction_too(tmp_path):
    config = written(tmp_path, 'loss: {smoothing: 0}\nmodel: {search_context: 4}\n')
    assert config.loss.smoothing == 0.0
    assert isinstance(config.model.search_context, float)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('lose: {}', "unknown key 'lose'"),
        ('loss: {smothing: 0.1}', "unknown key 'loss.smothing'"),
        ('schedule: {batch: many}', "schedule.batch = 'many': expected int"),
        ('schedule: {batch: 2.5}', 'expected int'),
        ('schedule: {bf16: 1}', 'expected bool'),
        ('seed: true', 'expected int'),
        ('model: {quality: best}', "quality = 'best'"),
        ('model: {preset: huge}', 'must be one of light, lite0, paper'),
        ('loss: {smoothing: 2.0}', 'loss.smoothing = 2: must lie in [0, 1]'),
        ('loss: {modulator: x}', "loss.modulator = 'x': must be one of none, quality_focal, vari"),
        ('data: {max_gap: -1}', 'data.max_gap = -1: must be >= 0'),
        ('data: {other: .nan}', 'data.other = nan: must lie in [0, 1]'),
        ('data: {other: 0.6, erased: 0.5}', 'data.other + data.erased = 1.1: must be <= 1'),
        ('data: {sampling: {a: many}}', "data.sampling: 'a': 'many': must be a name: number >= 0"),
        ('data: {sampling: {a: -1}}', "data.sampling: 'a': -1: must be a name: number >= 0"),
        ('schedule: {batch: 0}', 'schedule.batch = 0: must be >= 1'),
        ('schedule: {validate_every: 0}', 'schedule.validate_every = 0: must be >= 1'),
        ('schedule: {lr_heads: .inf}', 'schedule.lr_heads = inf: must lie in [0, 1]'),
        ('schedule: {lr_heads: 1e-3}', 'YAML takes 1e-3 for text, write 1.0e-3'),
        ('schedule: {clip_norm: 0.0}', 'schedule.clip_norm = 0: must lie in [1e-06, 1e+06]'),
        ('seed: -1', 'seed = -1: must lie in [0, 2147483647]'),
        ('init: best', "init = 'best': must be one of none, backbone, tracker"),
        ('data: [1]', 'data = [1]: must be a mapping'),
        ('[1, 2]', 'run.yaml: [1, 2]: must be a mapping'),
        ('data: [', 'run.yaml: not YAML: while parsing'),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    with pytest.raises(ValueError) as refused:
        written(tmp_path, text)
    assert words in str(refused.value) and '\n' not in str(refused.value)


def test_every_number_has_limits():
    parts = (
        (DataConfig, limits.DATA),
        (LossConfig, limits.LOSS),
        (ScheduleConfig, limits.SCHEDULE),
    )
    for part, known in parts:
        values = vars(part())
        numbers = {k for k, v in values.items() if type(v) in (int, float)}
        assert numbers == set(known)
        for name, (low, high) in known.items():
            assert low <= values[name] <= high


def test_a_preset_and_what_changes_of_it(tmp_path):
    config = written(tmp_path, 'model: {preset: paper, channels: 128, backbone: resnet50_conv4}')
    assert config.model.channels == 128
    assert config.model.search_size_px == 255
    assert config.model.template_cells == preset('paper').template_cells
    assert written(tmp_path, 'model: {preset: light}').model == preset('light')
    assert written(tmp_path, 'model: {channels: 128}').model == ModelConfig(channels=128)
