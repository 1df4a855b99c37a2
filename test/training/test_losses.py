"""The losses on one or two cells, by hand; overlap against the product's own."""

from __future__ import annotations

from math import exp, log, nan

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.geometry import boxes  # noqa: E402
from siamla_ros.model import Response  # noqa: E402
from siamla_ros.model.grid import CellGrid  # noqa: E402
from siamla_ros.training import losses  # noqa: E402
from siamla_ros.training.config import LossConfig  # noqa: E402
from siamla_ros.training.labels import Assignment  # noqa: E402

GRID = CellGrid(16, 0.0, 15)
BOX = [12.0, 22.0, 52.0, 42.0]  # see test_labels: positive (2, 2), ignored (2, 1) and (2, 3)


def line(*values: float) -> torch.Tensor:
    """A map of one row."""
    return torch.tensor([[list(values)]])


def row(positive: str, inside: str) -> Assignment:
    masks = [torch.tensor([[[c == 'x' for c in text]]]) for text in (positive, inside)]
    return Assignment(*masks, torch.ones(1, 1, len(positive)))


def sigmoid(v: float) -> float:
    return 1 / (1 + exp(-v))


def bce(logit: float, y: float) -> float:
    return -(y * log(sigmoid(logit)) + (1 - y) * log(1 - sigmoid(logit)))


def response(batch: int = 1, height: int = 5, width: int = 6, seed: int = 0) -> Response:
    torch.manual_seed(seed)
    maps = [torch.randn(batch, n, height, width) for n in (1, 4, 1)]
    maps[1] = (maps[1] * 4 + 15).clamp(min=1.0)
    return Response(*(m.requires_grad_(True) for m in maps))


def test_overlap_is_that_of_the_boxes():
    maps = response(batch=2)
    truth = torch.tensor([BOX, [0.0, 5.0, 90.0, 60.0]])
    iou, giou = losses.box_overlap(maps.ltrb.detach(), truth, GRID)
    for b, row_, column in ((0, 2, 2), (0, 0, 5), (1, 1, 3), (1, 4, 0)):
        left, top, right, bottom = maps.ltrb[b, :, row_, column].tolist()
        x, y = column * 16, row_ * 16
        box = (x - left, y - top, left + right, top + bottom)
        corners = truth[b].numpy()
        expected = boxes.iou(box, (*corners[:2], *(corners[2:] - corners[:2])))
        assert iou[b, row_, column].item() == pytest.approx(float(expected), abs=1e-6)
    assert (giou <= iou + 1e-6).all()
    assert (giou >= -1.0).all()


def test_giou_of_boxes_apart_by_hand():
    # At cell (0, 0): predicted 0..10, truth 20..30 along x, both 0..10 along y.
    ltrb = torch.tensor([0.0, 0.0, 10.0, 10.0]).view(1, 4, 1, 1)
    iou, giou = losses.box_overlap(ltrb, torch.tensor([[20.0, 0.0, 30.0, 10.0]]), GRID)
    assert iou.item() == 0.0
    assert giou.item() == pytest.approx(-(300 - 200) / 300)


def test_classification_is_half_of_each_side_and_ignores_what_lies_between():
    logits, y = line(1.0, 5.0, -2.0, 0.5), line(0.7, 0.0, 0.0, 0.0)
    found = losses.classification_loss(logits, y, row('x---', 'xx--'), 'none')
    negatives = (bce(-2.0, 0.0) + bce(0.5, 0.0)) / 2
    assert found.item() == pytest.approx(0.5 * bce(1.0, 0.7) + 0.5 * negatives)


@pytest.mark.parametrize(
    ('kind', 'positive', 'negative'),
    [
        ('none', 1.0, 1.0),
        ('quality_focal', (0.7 - sigmoid(1.0)) ** 2, sigmoid(-2.0) ** 2),
        ('varifocal', 0.7, 0.75 * sigmoid(-2.0) ** 2),
    ],
)
def test_modulators(kind, positive, negative):
    logits, y = line(1.0, -2.0).requires_grad_(True), line(0.7, 0.0)
    found = losses.classification_loss(logits, y, row('x-', 'x-'), kind)
    expected = 0.5 * positive * bce(1.0, 0.7) + 0.5 * negative * bce(-2.0, 0.0)
    assert found.item() == pytest.approx(expected)
    found.backward()  # the modulator is a weight, not a term to be minimised
    expected = 0.5 * positive * (sigmoid(1.0) - 0.7)
    assert logits.grad[0, 0, 0].item() == pytest.approx(expected, rel=1e-4)


def test_an_unknown_modulator_is_named():
    with pytest.raises(ValueError, match='focall'):
        losses.modulate(line(0.5), line(0.5), line(1.0) > 0, 'focall')


def test_regression_is_weighted_by_the_label():
    giou, y = line(0.8, 0.2, -0.5), line(0.9, 0.3, 0.0)
    positive = row('xx-', 'xx-').positive
    weighted = losses.regression_loss(giou, y, positive, weighted=True)
    assert weighted.item() == pytest.approx((0.9 * 0.2 + 0.3 * 0.8) / 1.2)
    plain = losses.regression_loss(giou, y, positive, weighted=False)
    assert plain.item() == pytest.approx((0.2 + 0.8) / 2)


def test_quality_learns_the_overlap_inside_and_zero_on_hard_negatives():
    logits, target = line(0.5, -1.0, 2.0, 3.0), line(0.8, 0.6, 0.9, 0.9)
    inside = row('x---', 'xx--')
    found = losses.quality_loss(logits, target, inside, None)
    positives = (bce(0.5, 0.8) + bce(-1.0, 0.6)) / 2
    assert found.item() == pytest.approx(positives)
    hard = torch.tensor([[[False, False, True, False]]])
    found = losses.quality_loss(logits, target, inside, hard)
    assert found.item() == pytest.approx(positives + 0.5 * bce(2.0, 0.0))


def test_hard_negatives_are_the_highest_outside():
    p, cells = line(0.9, 0.8, 0.7, 0.1, 0.6), row('x----', 'xx---')
    hard = losses._hard_negatives(p, cells, per_map=2)
    assert hard[0, 0].tolist() == [False, False, True, False, True]


def test_centerness():
    distances = losses.true_distances(torch.tensor([BOX]), 5, 6, GRID)
    assert distances[0, :, 2, 2].tolist() == [20.0, 10.0, 20.0, 10.0]
    assert distances[0, :, 2, 3].tolist() == [36.0, 10.0, 4.0, 10.0]
    found = losses.centerness(distances)
    assert found[0, 2, 2].item() == pytest.approx(1.0)
    assert found[0, 2, 3].item() == pytest.approx((4 / 36) ** 0.5)
    assert found[0, 0, 0].item() == 0.0


def test_the_total_is_the_weighted_sum():
    config = LossConfig(regression_weight=3.0, quality_weight=0.5)
    found = losses.compute(response(), torch.tensor([BOX]), config, GRID, label_warmup=1.0)
    parts = found.classification + 3.0 * found.regression + 0.5 * found.quality
    assert found.total.item() == pytest.approx(parts.item())
    assert found.mean_iou.item() == pytest.approx(
        losses.box_overlap(response().ltrb, torch.tensor([BOX]), GRID)[0][0, 2, 2].item()
    )


def test_boxes_learn_from_regression_alone():
    """No gradient through q, neither from LADL's label nor from the quality's target."""
    for weights, reached in (((0.0, 1.0), False), ((1.0, 0.0), True)):
        maps = response()
        config = LossConfig(regression_weight=weights[0], quality_weight=weights[1])
        losses.compute(maps, torch.tensor([BOX]), config, GRID, 1.0).total.backward()
        grad = maps.ltrb.grad
        assert (grad is not None and grad.abs().sum().item() > 0) == reached
        if reached:  # and the positive cell alone
            assert grad.abs().sum(1)[0].nonzero().tolist() == [[2, 2]]
        assert maps.classification.grad.abs().sum() > 0


def test_negative_pairs_teach_zeros():
    maps = response(batch=2)
    box = torch.tensor([[nan] * 4] * 2)
    found = losses.compute(maps, box, LossConfig(), GRID, 1.0)
    assert found.regression.item() == 0.0
    expected = torch.nn.functional.softplus(maps.classification).mean() / 2
    assert found.classification.item() == pytest.approx(expected.item(), abs=1e-6)
    assert found.quality.item() > 0.0
    found.total.backward()
    for gradient in (maps.classification.grad, maps.quality.grad):
        assert torch.isfinite(gradient).all()
        assert (gradient >= 0).all()  # every step makes scores smaller
    silent = losses.compute(maps, box, LossConfig(negative_quality=False), GRID, 1.0)
    assert silent.quality.item() == 0.0


def test_centerness_is_learnt_where_the_control_asks_for_it():
    maps = response()
    box = torch.tensor([BOX])
    iou = losses.compute(maps, box, LossConfig(negative_quality=False), GRID, 1.0)
    control = losses.compute(
        maps, box, LossConfig(negative_quality=False), GRID, 1.0, use_centerness=True
    )
    logits = [maps.quality[0, 0, 2, c].item() for c in (1, 2, 3)]
    expected = [bce(v, y) for v, y in zip(logits, (1 / 3, 1.0, 1 / 3), strict=True)]
    assert control.quality.item() == pytest.approx(sum(expected) / 3, abs=1e-5)
    assert iou.quality.item() != pytest.approx(control.quality.item(), abs=1e-3)
