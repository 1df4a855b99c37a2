"""The network: shapes, the template as an input, the fusion, the presets."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402

from siamla_ros.model import ModelConfig, build_model, fuse, preset  # noqa: E402
from siamla_ros.model.factory import PRESETS  # noqa: E402


def crops(model, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    t, s = model.config.template_size_px, model.config.search_size_px
    return torch.rand(batch, 3, t, t) * 255, torch.rand(batch, 3, s, s) * 255


@pytest.mark.parametrize('correlation', ['pixelwise', 'depthwise'])
@pytest.mark.parametrize('quality', ['none', 'centerness', 'laqp', 'laqp_lafa'])
def test_maps_of_every_configuration(correlation, quality):
    model = tiny_model(correlation=correlation, quality=quality)
    template, search = crops(model)
    with torch.no_grad():
        response = model(search, model.features(template))
    assert response.classification.shape == (2, 1, 6, 6)
    assert response.ltrb.shape == (2, 4, 6, 6)
    assert (response.ltrb > 0).all()
    assert (response.quality is None) == (quality == 'none')
    if response.quality is not None:
        assert response.quality.shape == (2, 1, 6, 6)


@pytest.mark.parametrize(
    ('name', 'template', 'search'), [('light', 8, 12), ('lite0', 8, 16), ('paper', 15, 31)]
)
def test_presets(name, template, search):
    config = preset(name)
    with torch.device('meta'):
        model = build_model(config)
        pixels = torch.zeros(1, 3, config.template_size_px, config.template_size_px)
        features = model.features(pixels)
        pixels = torch.zeros(1, 3, config.search_size_px, config.search_size_px)
        response = model(pixels, features)
    assert features.shape == (1, config.channels, template, template)
    assert response.ltrb.shape == (1, 4, search, search)
    # As many crop pixels a pixel of the target in both crops, so that features can be compared.
    scales = [
        config.template_size_px / config.template_context,
        config.search_size_px / config.search_context,
    ]
    assert scales[0] / scales[1] == pytest.approx(1.0, abs=0.8 if name != 'paper' else 1e-6)


def test_an_unknown_preset_lists_what_there_is():
    with pytest.raises(ValueError, match="preset = 'huge': must be one of light, lite0, paper"):
        preset('huge')
    assert preset('light') == ModelConfig(search_size_px=192, search_context=3.75)
    assert set(PRESETS) == {'light', 'lite0', 'paper'}


def test_the_template_is_an_input():
    model = tiny_model()
    template, search = crops(model)
    with torch.no_grad():
        x, z = model.features(search[:1]), model.features(template)
        first, second = model.respond(x, z[:1]), model.respond(x, z[1:])
        again = model.respond(x, z[:1])
    assert not torch.allclose(first.classification, second.classification, atol=1e-3)
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)


def test_only_the_middle_of_the_template_is_correlated():
    model = tiny_model(template_size_px=128, template_cells=3)
    template, search = crops(model, 1)
    with torch.no_grad():
        x, z = model.features(search), model.features(template)
        expected = model.respond(x, z).classification
        border, middle = z.clone(), z.clone()
        border[..., :3, :] = border[..., :, 6:] = 9.0  # the middle is cells 3, 4 and 5
        middle[..., 3, 3] = 9.0
        assert torch.equal(model.respond(x, border).classification, expected)
        assert not torch.allclose(model.respond(x, middle).classification, expected, atol=1e-3)


def test_boxes_are_taught_by_their_own_loss_alone():
    model = tiny_model()
    template, search = crops(model)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    response = model(search, model.features(template))
    response.quality.sum().backward()
    assert all(p.grad is None for p in model.reg_head.parameters())
    assert model.quality.logit.weight.grad.abs().sum() > 0
    assert model.reg_branch.encode.pointwise.weight.grad.abs().sum() > 0  # shared tower features


@pytest.mark.parametrize(
    ('p', 'q', 'a', 'c'),
    [(0.81, 0.49, 0.5, 0.63), (0.81, 0.49, 0.0, 0.81), (0.81, 0.49, 1.0, 0.49), (0.0, 0.9, 0.5, 0)],
)
def test_fusion(p, q, a, c):
    assert float(fuse(torch.tensor(p), torch.tensor(q), a)) == pytest.approx(c, abs=1e-6)


def test_without_a_third_branch_the_confidence_is_p():
    p = torch.tensor([0.2, 0.7])
    assert torch.equal(fuse(p, None, 0.5), p)


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('backbone', 'vgg', 'must be one of fbnet'),
        ('correlation', 'circular', 'pixelwise, depthwise'),
        ('quality', 'best', 'must be one of none'),
        ('channels', 4, 'must lie in'),
        ('fusion_exponent', 1.5, 'must lie in'),
        ('search_size_px', 32, 'must lie in'),
        ('template_context', float('nan'), 'must lie in'),
        ('template_cells', 2, 'odd and at most'),
        ('template_cells', 5, 'at most 3'),
    ],
)
def test_bad_values_are_named(name, value, words):
    with pytest.raises(ValueError, match=name) as refused:
        tiny_config(**{name: value})
    assert words in str(refused.value)


def test_depthwise_correlation_needs_its_template_centerd():
    with pytest.raises(ValueError, match='template_size_px = 144.* 8 px off'):
        ModelConfig(correlation='depthwise', template_size_px=144)
    ModelConfig(correlation='pixelwise', template_size_px=144)


def test_configurations_survive_as_plain_values():
    config = tiny_config(backbone='resnet50', correlation='depthwise', template_size_px=127)
    assert ModelConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match='chanels'):
        ModelConfig.from_dict({'chanels': 64})
