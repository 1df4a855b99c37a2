"""Where cells lie: the claims of the grid against what the backbones do."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from siamla_ros.model.factory import build_backbone  # noqa: E402
from siamla_ros.model.grid import GRIDS, CellGrid  # noqa: E402

KERNEL = {1: [1.0], 3: [1.0, 2.0, 1.0], 5: [1.0, 4.0, 6.0, 4.0, 1.0], 7: [1, 6, 15, 20, 15, 6, 1.0]}


def smoothing_backbone(name: str) -> torch.nn.Module:
    """The backbone with weights that only blur: what it shows is where it looks."""
    backbone = build_backbone(name).eval()
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, torch.nn.Conv2d):
                line = torch.tensor(KERNEL[module.kernel_size[0]])
                weight = torch.outer(line, line) / line.sum() ** 2 / module.weight.shape[1]
                module.weight.copy_(weight.expand_as(module.weight))
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
                module.bias.zero_()
    return backbone


def seen_at(backbone: torch.nn.Module, size: int, x: float, y: float) -> tuple[float, float]:
    """Column and row, in cells, of the features of a bright spot at the continuous (x, y)."""
    columns, rows = torch.arange(size) + 0.5, (torch.arange(size) + 0.5).view(-1, 1)
    light = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 10.0**2))
    dark = getattr(backbone, 'mean', torch.full((1, 3, 1, 1), 127.0))  # zero, once normalized
    with torch.no_grad():
        seen = backbone(dark + light.expand(1, 3, size, size)).sum((0, 1)).double()
    weight = torch.where(seen > 0.75 * seen.max(), seen, 0.0)
    weight = weight / weight.sum()
    columns, rows = torch.arange(seen.shape[1]), torch.arange(seen.shape[0]).view(-1, 1)
    return float((weight * columns).sum()), float((weight * rows).sum())


@pytest.mark.parametrize(
    ('name', 'size'),
    [('fbnet', 192), ('efficientnet_lite0', 192), ('resnet50', 127), ('resnet50_conv4', 127)],
)
def test_cells_look_where_the_grid_says(name, size):
    grid, backbone = GRIDS[name], smoothing_backbone(name)
    middle = round(grid.middle(size))
    for column, row in ((middle, middle), (middle - 1, middle + 1)):
        x, y = (grid.offset + grid.stride * cell for cell in (column, row))
        found = seen_at(backbone, size, x, y)
        error = [(f - cell) * grid.stride for f, cell in zip(found, (column, row), strict=True)]
        # fbnet's cells look half a pixel beyond what its published weights measure from.
        assert error == pytest.approx([0.0, 0.0], abs=0.5), (column, row)


@pytest.mark.parametrize('name', GRIDS)
@pytest.mark.parametrize('size', [64, 96, 127, 128, 192, 255])
def test_number_of_cells(name, size):
    with torch.device('meta'):
        features = build_backbone(name).eval()(torch.zeros(1, 3, size, size))
    assert features.shape[2:] == (GRIDS[name].cells(size),) * 2


@pytest.mark.parametrize(
    ('name', 'size', 'middle'),
    [
        ('fbnet', 256, 8.0),
        ('fbnet', 192, 6.0),
        ('efficientnet_lite0', 256, 7.03125),  # half a pixel off
        ('resnet50', 255, 15.0),
        ('resnet50', 127, 7.0),
    ],
)
def test_the_center_of_the_crop_lies_on_a_cell(name, size, middle):
    grid = GRIDS[name]
    assert grid.middle(size) == middle
    assert abs(grid.offset + grid.stride * round(middle) - size / 2) <= 0.5


def test_the_middle_of_a_template():
    grid = CellGrid(stride=16, offset=0.0, slack=15)
    assert grid.widest_centerd(128) == 7  # cell 4 of 8 is the center: cells 1 to 7
    assert grid.template_slice(128, 7) == slice(1, 8)
    assert grid.template_slice(128, 3) == slice(3, 6)
    assert grid.template_slice(128, 0) == slice(0, 8)
    assert GRIDS['resnet50'].template_slice(127, 7) == slice(4, 11)
    assert GRIDS['efficientnet_lite0'].template_slice(128, 7) == slice(0, 7)
