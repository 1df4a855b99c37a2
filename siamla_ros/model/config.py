"""Typed configuration of the network: everything the factory needs, and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from siamla_ros.model.grid import GRIDS, CellGrid

BACKBONES = tuple(GRIDS)
CORRELATIONS = ('pixelwise', 'depthwise')
QUALITIES = ('none', 'centerness', 'laqp', 'laqp_lafa')


@dataclass(frozen=True)
class ModelConfig:
    """One network.

    Attributes:
        backbone: See `BACKBONES`.
        channels: Width C of features, towers and heads.
        correlation: How the template meets the search region.
        template_cells: Side of the template's middle, in cells (odd), that is correlated; 0: all of
            it, or as much as lies symmetrically about the center where correlation is depth-wise.
        tower_depth: Separable convolutions in the classification and in the regression tower.
        quality: Third branch: none, a center-ness control, LAQP alone, or LAQP over LAFA.
        quality_channels: Width of the LAFA samples.
        fusion_exponent: Exponent a in the fused confidence `c = p^(1-a) Q^a`; 0 without
            a third branch.
        template_size_px: Side of the square template crop.
        template_context: Template side over box side (anisotropic) or over the context size
            (isotropic).
        search_size_px: Side of the square search crop.
        search_context: Search side over box side, as for the template.
        isotropic: 0: the crop has the aspect of the box (both become squares); 1: the crop is
            square in the image; between: the geometric mix.
    """

    backbone: str = 'fbnet'
    channels: int = 256
    correlation: str = 'pixelwise'
    tower_depth: int = 2
    quality: str = 'laqp_lafa'
    quality_channels: int = 32
    fusion_exponent: float = 0.5
    template_size_px: int = 128
    template_context: float = 1.4
    search_size_px: int = 256
    search_context: float = 5.0
    isotropic: float = 0.0
    template_cells: int = 0

    def __post_init__(self) -> None:
        _one_of('backbone', self.backbone, BACKBONES)
        _one_of('correlation', self.correlation, CORRELATIONS)
        _one_of('quality', self.quality, QUALITIES)
        for name, low, high in (
            ('channels', 8, 1024),
            ('tower_depth', 0, 8),
            ('quality_channels', 4, 512),
            ('fusion_exponent', 0.0, 1.0),
            ('template_size_px', 64, 512),
            ('template_context', 1.0, 4.0),
            ('search_size_px', 64, 1024),
            ('search_context', 1.5, 16.0),
            ('isotropic', 0.0, 1.0),
            ('template_cells', 0, 63),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f'{name} = {value}: must lie in [{low}, {high}]')
        self._check_template()

    @property
    def grid(self) -> CellGrid:
        """Where the cells of the backbone lie in a crop."""
        return GRIDS[self.backbone]

    @property
    def correlated_cells(self) -> slice:
        """Rows, and columns, of the template's features that are correlated."""
        cells = self.template_cells
        if cells == 0 and self.correlation == 'depthwise':
            cells = self.grid.widest_centerd(self.template_size_px)
        return self.grid.template_slice(self.template_size_px, cells)

    def _check_template(self) -> None:
        """A middle that is off the crop's center would shift every response by as much."""
        size, cells = self.template_size_px, self.template_cells
        widest = self.grid.widest_centerd(size)
        if cells and (cells % 2 == 0 or cells > widest):
            raise ValueError(
                f'template_cells = {cells}: must be 0, or odd and at most {widest} '
                f'for a template of {size} px'
            )
        middle = self.grid.middle(size)
        off = abs(middle - round(middle)) * self.grid.stride
        if self.correlation == 'depthwise' and off > 1.0:
            raise ValueError(
                f'template_size_px = {size}: its center lies {off:g} px off the nearest cell; '
                'depth-wise correlation needs it within 1 px'
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """From a checkpoint or a YAML file.

        Raises:
            ValueError: An unknown key, or a value out of range.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f'model configuration: unknown {unknown}; known are {sorted(known)}')
        return cls(**values)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{name} = {value!r}: must be one of {", ".join(choices)}')
