"""Calibration after training, as a command."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402
from support.packs import write_pack  # noqa: E402

from siamla_ros.calibration import tune  # noqa: E402
from siamla_ros.model.checkpoint import load_model, read_checkpoint, save_calibrated  # noqa: E402
from siamla_ros.training.checkpointing import write_checkpoint  # noqa: E402
from siamla_ros.training.config import TrainConfig  # noqa: E402
from siamla_ros.training.sequences import scenes  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp('data') / 'pack', tracks=10, frames=10)


def saved(path, seed: int):
    config = TrainConfig(model=tiny_config(), init='tracker')
    return write_checkpoint(path, tiny_model(seed), config).path


def test_the_mix_and_its_calibration_are_written(folder, tmp_path, capsys, monkeypatch):
    # Nothing can be calibrated of networks that have learnt nothing.
    monkeypatch.setattr(tune, 'fit_platt', lambda confidence, hit, weight: (1.5, 0.25))
    monkeypatch.setattr(tune, 'scenes', partial(scenes, frames=36))
    trained, start = saved(tmp_path / 'a.safetensors', 1), saved(tmp_path / 'b.safetensors', 2)
    source = read_checkpoint(trained)
    save_calibrated(source, trained, replace(source.decode, second_peak_weight=-3.0), {})
    output = tmp_path / 'c.safetensors'
    words = ['--data', folder, '--model', trained, '--blend', start, '--output', output]
    words += ['--share', 0.25, '--box-share', 0, '--scenes', 2]
    assert tune.main([str(word) for word in words]) == 0
    made = read_checkpoint(output)
    assert made.provenance["blend"] == {
        "with": "b.safetensors", "share": 0.25, "box_share": 0.0, "quality_share": 0.25,
    }  # fmt: skip
    said = json.loads(capsys.readouterr().out.splitlines()[0])
    assert said['calibration'] == [1.5, 0.25]
    assert (made.decode.calibration_scale, made.decode.calibration_bias) == (1.5, 0.25)
    assert made.decode.second_peak_weight == 0.0, 'of a scaling that was fitted without it'
    weights = [load_model(read_checkpoint(p)).state_dict() for p in (trained, start, output)]
    for name, share in (('cls_head.pointwise.weight', 0.25), ('reg_head.pointwise.weight', 0.0)):
        expected = torch.lerp(weights[1][name], weights[0][name], share)
        assert torch.allclose(weights[2][name], expected, atol=2e-3), name
