"""Forward passes in bfloat16 on processors that have it, and in float32 on others."""

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.training import precision  # noqa: E402


@pytest.mark.parametrize(
    ('has', 'wanted', 'kind'),
    [
        (True, True, torch.bfloat16),
        (False, True, torch.float32),
        (True, False, torch.float32),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(monkeypatch, has, wanted, kind):
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: has)
    layer = torch.nn.Linear(2, 2)
    with precision.mixed(torch.device('cpu'), wanted):
        assert layer(torch.ones(1, 2)).dtype is kind
    assert precision.has_bf16(torch.device('cpu')) is has


def test_graphics_processors_have_it():
    assert precision.has_bf16(torch.device('cuda'))
