"""Weights between two networks."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402

from siamla_ros.model.checkpoint import read_checkpoint  # noqa: E402
from siamla_ros.training.checkpointing import (  # noqa: E402
    scale_boxes,
    wise_ft,
    write_checkpoint,
)
from siamla_ros.training.config import TrainConfig  # noqa: E402


def distance(model, start, part: str) -> float:
    """How far the weights of a part have gone from those of ``start``, of 1 between both."""
    own, other = model.state_dict(), start.state_dict()
    names = [n for n in own if n.startswith(part)]
    return max(float((own[n] - other[n]).abs().max()) for n in names)


@pytest.mark.parametrize(
    'shares, expected',
    [
        ({}, {'cls_': 0.25, 'reg_': 0.25, 'backbone': 0.25, 'quality': 1.0}),
        ({'box_share': 0.0}, {'cls_': 0.25, 'reg_': 0.0, 'quality': 1.0}),
        ({'box_share': 1.0, 'quality_share': 0.5}, {'cls_': 0.25, 'reg_': 1.0, 'quality': 0.5}),
    ],
)
def test_each_part_goes_its_share_of_the_way(shares, expected):
    start, end = tiny_model(0), tiny_model(0)
    with torch.no_grad():
        for parameter in end.parameters():
            parameter.add_(1.0)
    before = {name: value.clone() for name, value in end.state_dict().items()}
    mixed = wise_ft(start, end, 0.25, **shares)
    for part, share in expected.items():
        assert distance(mixed, start, part) == pytest.approx(share, abs=1e-5), part
    assert all(torch.equal(before[n], v) for n, v in end.state_dict().items()), 'left as it was'


def test_boxes_grow_by_the_factors_and_nothing_else_changes():
    model = tiny_model(0)
    with torch.no_grad():
        model.reg_head.pointwise.weight.mul_(1e-3)  # boxes far from the clamp
    generator = torch.Generator().manual_seed(1)
    search, template = (torch.rand(1, 3, n, n, generator=generator) * 255 for n in (96, 64))
    with torch.no_grad():
        z = model.features(template)
        before, after = model(search, z), scale_boxes(model, 0.5, 2.0)(search, z)
    expected = before.ltrb * torch.tensor([0.5, 2.0, 0.5, 2.0]).view(1, 4, 1, 1)
    assert torch.allclose(after.ltrb, expected, rtol=1e-4)
    assert torch.equal(after.classification, before.classification)
    with pytest.raises(ValueError, match='box scale = 0, 1: both must be above 0'):
        scale_boxes(model, 0.0, 1.0)


def test_a_figure_that_is_not_defined_does_not_cost_the_weights(tmp_path):
    """A correlation of constant scores is NaN, which no header holds."""
    path, scores = tmp_path / 'model.safetensors', {'auc': 0.25, 'spearman': float('nan')}
    config = TrainConfig(model=tiny_config())
    write_checkpoint(path, tiny_model(), config, pairs=8, validation=scores)
    found = read_checkpoint(path).provenance
    assert found['validation'] == {'auc': 0.25, 'spearman': None}
    assert found['pairs'] == 8
