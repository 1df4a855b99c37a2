"""The boxes of the start as a teacher: followed where they are right, and only there."""

from __future__ import annotations

from math import log, nan

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_config, tiny_model  # noqa: E402

from siamla_ros.model.grid import CellGrid  # noqa: E402
from siamla_ros.training.box_teacher import BoxTeacher, keeping_loss  # noqa: E402
from siamla_ros.training.config import LossConfig, TrainConfig  # noqa: E402
from siamla_ros.training.loop import Trainer  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')
GRID = CellGrid(16, 0.0, 15)
TRUE = torch.tensor([[20.0, 20.0, 44.0, 44.0]])  # has one cell inside, (2, 2), 12 px from its sides


def cell(*distances: float) -> torch.Tensor:
    """A map of 5 x 5 cells, all with these distances."""
    return torch.tensor(distances).view(1, 4, 1, 1).expand(1, 4, 5, 5).clone()


def centered(scale: float = 1.0) -> torch.Tensor:
    """Distances to the sides of a box like the true one, or larger by a factor."""
    return cell(*[12.0 * scale] * 4)


def test_a_right_teacher_is_followed_by_the_difference_of_the_logarithms():
    taught = centered()
    student = taught.clone()
    student[:, 2] *= 1.5
    expected = log(1.5) / 4  # of one side in four
    assert keeping_loss(student, taught, TRUE, GRID).item() == pytest.approx(expected)


def test_a_wrong_teacher_is_not_followed():
    taught = centered(0.5)  # IoU 0.25
    assert keeping_loss(centered(), taught, TRUE, GRID).item() == 0.0


def test_trust_grows_with_the_overlap():
    found = []
    for side in (12.0, 9.0, 7.0, 4.0):  # IoU 1, 0.875, 0.79, 0.67
        taught = cell(12.0, 12.0, side, 12.0)
        student = taught.clone()
        student[:, 1] *= 2.0
        found.append(keeping_loss(student, taught, TRUE, GRID).item())
    assert found[0] == pytest.approx(log(2.0) / 4)
    assert found[1] == pytest.approx(found[0])
    assert 0.0 < found[2] < found[1]
    assert found[3] == 0.0


def test_negatives_teach_no_boxes():
    truth = torch.full((1, 4), nan)
    assert keeping_loss(centered(2.0), centered(), truth, GRID).item() == 0.0


def test_the_teacher_stays_and_answers_as_the_network_it_was_made_of():
    model = tiny_model().eval()
    teacher = BoxTeacher(model)
    z = model.features(
        torch.rand(2, 3, model.config.template_size_px, model.config.template_size_px)
    )
    x = model.features(torch.rand(2, 3, model.config.search_size_px, model.config.search_size_px))
    before = model.respond(x, z).ltrb.detach()
    with torch.no_grad():
        model.reg_head.pointwise.bias.add_(1.0)
    assert torch.allclose(teacher.ltrb(x, z), before)
    assert not torch.allclose(model.respond(x, z).ltrb, before)


def test_random_boxes_are_no_teacher():
    with pytest.raises(ValueError, match='keep_boxes = 1: needs init: tracker'):
        TrainConfig(loss=LossConfig(keep_boxes=1.0), init='backbone')


def test_training_with_a_teacher_keeps_the_boxes_nearer_to_the_start(tmp_path):
    moved = {}
    for weight in (0.0, 50.0):
        config = TrainConfig(model=tiny_config(), loss=LossConfig(keep_boxes=weight))
        model = tiny_model()
        with torch.no_grad():
            model.reg_head.pointwise.bias.fill_(3.0)  # boxes of 40 px
        run = Trainer(config, model, None, tmp_path / str(weight), 'cpu')
        sizes = model.config.template_size_px, model.config.search_size_px
        torch.manual_seed(3)
        z, x = (torch.randint(0, 255, (2, 3, s, s), dtype=torch.uint8) for s in sizes)
        with torch.no_grad():
            ltrb = model.respond(model.features(x.float()), model.features(z.float())).ltrb
        box = _teachers_box(ltrb, model.grid)
        box[:, 2] += 4.0
        for _ in range(10):
            run._train_step((z, x, box))
        with torch.no_grad():
            features = model.features(x.float()), model.features(z.float())
            moved[weight] = (model.respond(*features).ltrb.log() - ltrb.log()).abs().mean().item()
    assert moved[50.0] < 0.7 * moved[0.0]


def _teachers_box(ltrb: torch.Tensor, grid: CellGrid) -> torch.Tensor:
    """The box of the middle cell of each map (B, 4, H, W)."""
    row, column = ltrb.shape[2] // 2, ltrb.shape[3] // 2
    x, y = (n * grid.stride + grid.offset for n in (column, row))
    left, top, right, bottom = ltrb[:, :, row, column].unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)
