"""Where the cells of a feature map lie in the crop: for decoding, labels and losses.

Coordinates are continuous, as everywhere: pixel `i` covers `[i, i+1)`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellGrid:
    """Cells of a backbone along one axis; both axes are alike.

    Attributes:
        stride: Crop pixels from one cell to the next.
        offset: Crop pixels from the crop's left or top edge to the center of cell 0.
        slack: A crop of side S has `(S + slack) // stride` cells; negative where convolutions are
            not padded.
    """

    stride: int
    offset: float
    slack: int

    def cells(self, size_px: int) -> int:
        """Cells on a side of the map of a crop."""
        return (size_px + self.slack) // self.stride

    def middle(self, size_px: int) -> float:
        """Position of the crop's center, counted in cells."""
        return (size_px / 2.0 - self.offset) / self.stride

    def template_slice(self, size_px: int, cells: int) -> slice:
        """The `cells` (odd) cells round the crop's center; 0: all of them."""
        if cells == 0:
            return slice(0, self.cells(size_px))
        start = round(self.middle(size_px)) - cells // 2
        return slice(start, start + cells)

    def widest_centerd(self, size_px: int) -> int:
        """The largest odd number of cells that lie symmetrically round the crop's center."""
        middle = round(self.middle(size_px))
        return 2 * min(middle, self.cells(size_px) - 1 - middle) + 1


GRIDS = {
    # Padded by half a kernel, cell i sees the crop round pixel 16 i. Its center is 16 i + 0.5; the
    # published weights (FEAR-XS: "(col - 8) * 16 + 128") were trained to measure from 16 i.
    'fbnet': CellGrid(16, 0.0, 15),
    # TensorFlow's padding puts the odd pixel behind: each of the five halvings moves the center on.
    'efficientnet_lite0': CellGrid(16, 15.5, 0),
    # Halvings without padding: 127 px give 15 cells and 255 px 31, symmetric about the center.
    'resnet50': CellGrid(8, 7.5, -7),
    'resnet50_conv4': CellGrid(8, 7.5, -7),
}
"""Cells by name of the backbone; `test/model/test_grid.py` measures them."""
