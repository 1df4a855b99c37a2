"""Correlation against loops that say what it is."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.model import correlation  # noqa: E402


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 3, 5, 6), torch.randn(2, 3, 3, 3)


def test_pixelwise(features):
    search, template = features
    found = correlation.pixelwise_correlation(search, template)
    assert found.shape == (2, 9, 5, 6)
    for b, (i, j), (y, x) in ((0, (0, 0), (0, 0)), (1, (2, 1), (4, 5)), (0, (1, 2), (3, 2))):
        expected = (search[b, :, y, x] * template[b, :, i, j]).sum()
        assert torch.isclose(found[b, i * 3 + j, y, x], expected, atol=1e-6)


def naive_depthwise(search: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = search.shape
    h, w = template.shape[-2:]
    out = torch.zeros_like(search)
    for y in range(height):
        for x in range(width):
            for i in range(h):
                for j in range(w):
                    yy, xx = y + i - h // 2, x + j - w // 2
                    if 0 <= yy < height and 0 <= xx < width:
                        out[:, :, y, x] += search[:, :, yy, xx] * template[:, :, i, j]
    return out / (h * w)


@pytest.mark.parametrize('correlate', ['depthwise_correlation', '_shifted_sum'])
def test_depthwise(features, correlate):
    """As a grouped convolution, and as what exported graphs do."""
    search, template = features
    found = getattr(correlation, correlate)(search, template)
    assert torch.allclose(found, naive_depthwise(search, template), atol=1e-6)


def test_depthwise_answers_where_the_template_is():
    torch.manual_seed(2)
    search = torch.randn(1, 32, 9, 9)
    template = search[..., 2:5, 4:7]
    response = correlation.depthwise_correlation(search, template).sum(1)[0]
    assert divmod(int(response.argmax()), 9) == (3, 5)  # the center of rows 2-4, columns 4-6


def test_depthwise_refuses_a_template_without_a_middle(features):
    with pytest.raises(ValueError, match='2 x 3 cells'):
        correlation.depthwise_correlation(features[0], features[1][..., :2, :])


@pytest.mark.parametrize('name', ['pixelwise_correlation', 'depthwise_correlation'])
def test_members_of_a_batch_do_not_mix(features, name):
    search, template = features
    correlate = getattr(correlation, name)
    together = correlate(search, template)
    for b in range(2):
        alone = correlate(search[b : b + 1], template[b : b + 1])
        assert torch.allclose(alone[0], together[b], atol=1e-6)
