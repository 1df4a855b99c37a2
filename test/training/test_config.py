"""Training configurations: one YAML file, and every mistake in it named."""

from __future__ import annotations

import pytest

pytest.importorskip('torch')

from siamla_ros.model import ModelConfig, preset
from siamla_ros.training.config import TrainConfig, from_dict, load_config


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
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    with pytest.raises(ValueError) as refused:
        written(tmp_path, text)
    assert words in str(refused.value)


def test_a_preset_and_what_changes_of_it(tmp_path):
    config = written(tmp_path, 'model: {preset: paper, channels: 128, backbone: resnet50_conv4}')
    assert config.model.channels == 128
    assert config.model.search_size_px == 255
    assert config.model.template_cells == preset('paper').template_cells
    assert written(tmp_path, 'model: {preset: light}').model == preset('light')
    assert written(tmp_path, 'model: {channels: 128}').model == ModelConfig(channels=128)
