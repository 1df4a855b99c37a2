"""How a forward pass is run: one small interface, so that the tracker does not know what
computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, Window
from siamla_ros.model.decode_config import DecodeConfig


class Maps(NamedTuple):
    """Response maps on the host, float32.

    Args:
        classification: P (B, H, W) in [0, 1].
        ltrb: (B, 4, H, W) distances from the cell to the box's sides, in search pixels.
        quality: Q (B, H, W) in [0, 1]; p itself when the network has no third branch.
        backbone: Features (B, D, H, W) of the search crops; None where they have too many channels
            for a filter (`model.siamla.FILTER_CHANNELS`).
    """

    classification: NDArray[np.float32]
    ltrb: NDArray[np.float32]
    quality: NDArray[np.float32]
    backbone: NDArray[np.float32] | None = None


class Decided(NamedTuple):
    """Boxes that a runtime has chosen, on the host, float32.

    Args:
        rows: (B, 13), `step_layout.RESULT_FIELDS`.
        backbone: See `Maps`.
    """

    rows: NDArray[np.float32]
    backbone: NDArray[np.float32] | None


class Runtime(Protocol):
    """Crops and network on one device.

    Attributes:
        device: `cpu` or `cuda:N`.
        name: What computes, for reports (`torch`, `onnxruntime`).
        gives_backbone: Whether `Maps.backbone` comes with the maps.
    """

    device: str
    name: str
    gives_backbone: bool

    def template(self, image_bgr: ImageArray, window: Window, border_bgr: Sequence[float]) -> Any:
        """Features of one template, in whatever form `respond` and `similarity` take
        them.
        """

    def respond(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[Any],
    ) -> Maps:
        """One batched forward pass: window `i` is searched for template `i`."""

    def similarity(self, first: Any, second: Any) -> float:
        """Cosine of two templates, cell by cell, averaged: in [-1, 1]."""


@runtime_checkable
class BoxRuntime(Runtime, Protocol):
    """A runtime that decides on the boxes itself, where the maps are."""

    def boxes(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[Any],
        last_boxes_xywh: Sequence[Box],
        config: DecodeConfig,
    ) -> Decided:
        """As `tracker.decode` finds them."""

    def similarities(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        template: Any,
    ) -> NDArray[np.float32]:
        """Cosines (B,) of what template windows show with a template, in [-1, 1]."""
