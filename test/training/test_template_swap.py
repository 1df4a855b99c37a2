"""Templates exchanged within a batch: those of other objects, and the boxes go."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from siamla_ros.training.template_swap import swap_templates  # noqa: E402


def batch(count: int = 8):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 16, 8, 8, generator=generator), torch.ones(count, 4)


@pytest.mark.parametrize(('share', 'swapped'), [(0.0, 0), (1.0, 8)])
def test_every_exchanged_pair_is_a_negative(share, swapped):
    template, box = batch()
    found, boxes = swap_templates(template, box, share, np.random.default_rng(0))
    changed = [not torch.equal(a, b) for a, b in zip(found, template, strict=True)]
    assert sum(changed) == swapped
    assert torch.isnan(boxes).all(1).tolist() == changed
    assert torch.equal(box, torch.ones(8, 4)), 'the batch itself stays'


def test_the_same_object_is_never_taken_for_another():
    template, box = batch(4)
    template[1] = template[0] * 1.01
    for seed in range(20):
        found, _ = swap_templates(template, box, 1.0, np.random.default_rng(seed))
        assert not torch.equal(found[0], template[1]) and not torch.equal(found[1], template[0])


def test_most_get_the_template_that_resembles_theirs():
    template, box = batch(8)
    template[3] = template[2] + 0.8 * template[3]
    taken = 0
    for seed in range(60):
        found, _ = swap_templates(template, box, 1.0, np.random.default_rng(seed))
        taken += torch.equal(found[2], template[3])
    assert 30 < taken < 60
