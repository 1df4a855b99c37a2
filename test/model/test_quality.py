"""LAFA samples the predicted box, and the quality branch does not pull at it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.model.quality import LAFA_POINTS, QualityBranch, lafa_points, sampling_matrix  # noqa: E402


def test_nine_points_of_a_box_by_hand():
    # A map of 5 x 9 cells, stride 16; at cell (row 2, column 4) a box reaching 16 px left, 32 up,
    # 48 right and 8 down: columns 3 to 7 and rows 0 to 2.5.
    ltrb = torch.ones(1, 4, 5, 9)
    ltrb[0, :, 2, 4] = torch.tensor([16.0, 32.0, 48.0, 8.0])
    points = lafa_points(ltrb, 16).view(LAFA_POINTS, 5, 9, 2)[:, 2, 4]
    columns, rows = (points[:, 0] + 1) * (9 - 1) / 2, (points[:, 1] + 1) * (5 - 1) / 2
    assert columns.tolist() == pytest.approx([3, 4, 7] * 3)
    assert rows.tolist() == pytest.approx([0] * 3 + [2] * 3 + [2.5] * 3)


def test_points_far_outside_are_held_near_the_map():
    points = lafa_points(torch.full((1, 4, 4, 4), 1e6), 16)
    assert points.abs().max() == 2.0


def branch(use_lafa: bool) -> QualityBranch:
    torch.manual_seed(0)
    return QualityBranch(8, 4, 16, use_lafa)


def test_samples_are_the_features_at_the_points():
    """With weights that pass the sample of one point on, the branch reads that point."""
    lafa = branch(True)
    x = torch.rand(1, 4, 6, 6)
    ltrb = torch.full((1, 4, 6, 6), 16.0)  # corners and edges are the neighboring cells
    for point, (dy, dx) in enumerate((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
        with torch.no_grad():
            lafa.aggregate.weight.zero_()
            lafa.aggregate.bias.zero_()
            for channel in range(4):  # samples are ordered channel by channel, points within
                lafa.aggregate.weight[channel, channel * LAFA_POINTS + point] = 1.0
            described = lafa._describe_boxes(x, ltrb)
        assert torch.allclose(described[0, :, 2, 3], x[0, :, 2 + dy, 3 + dx], atol=1e-5)


def test_the_matrix_of_exports_samples_as_grid_sample_does():
    torch.manual_seed(1)
    x, ltrb = torch.rand(2, 4, 5, 7), torch.rand(2, 4, 5, 7) * 90  # many points leave the map
    expected = torch.nn.functional.grid_sample(
        x, lafa_points(ltrb, 16), padding_mode='zeros', align_corners=True
    )
    found = torch.bmm(x.flatten(2), sampling_matrix(ltrb, 16))
    assert expected.eq(0).any()
    assert torch.allclose(found.view(expected.shape), expected, atol=1e-5)


def test_the_box_matters_with_lafa_only():
    torch.manual_seed(3)
    x = torch.rand(1, 8, 6, 6)
    near, far = (torch.full((1, 4, 6, 6), reach) for reach in (4.0, 40.0))
    for use_lafa in (True, False):
        quality = branch(use_lafa)
        same = torch.allclose(quality(x, near), quality(x, far), atol=1e-6)
        assert same == (not use_lafa)


def test_no_gradient_reaches_the_box():
    x = torch.rand(1, 8, 6, 6, requires_grad=True)
    ltrb = torch.full((1, 4, 6, 6), 10.0, requires_grad=True)
    branch(True)(x, ltrb).sum().backward()
    assert x.grad.abs().sum() > 0
    assert ltrb.grad is None
