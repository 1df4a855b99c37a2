"""The package's own tracker behind the evaluation's two calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from siamla_ros.evaluation.cells import Cells
from siamla_ros.evaluation.peers.base import Estimate, TrackerUnavailable
from siamla_ros.evaluation.peers.ort import THREADS
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import context_window
from siamla_ros.tracker.cell_boxes import cell_boxes
from siamla_ros.tracker.results import SCORES


class SiamlaTracker:
    """`siamla[:checkpoint]`: one target, the tracker alone (no supervisor, as in OPE).

    In float unless `runtime` says otherwise, so that a figure does not depend on the CPU.

    Attributes:
        weights: A shipped model or a file.
        options: For `load_tracker`.
    """

    def __init__(
        self, model: str = 'default', device: str = 'auto', name: str = 'siamla', **options: Any
    ) -> None:
        from siamla_ros.model.checkpoint import WeightsError
        from siamla_ros.runtime.device import DeviceError
        from siamla_ros.tracker.tracker import load_tracker

        self.name, self.weights = name, model
        self.options = options = {'threads': THREADS, 'runtime': 'float', **options}
        try:
            self.tracker = load_tracker(model, device=device, **options)
        except (DeviceError, WeightsError) as error:
            raise TrackerUnavailable(f'tracker {name!r}: {error}') from error
        self._given = {'model': model, 'device': device, 'options': options}
        self._state: Any = None
        self._last: tuple[np.ndarray, Any] | None = None

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Take the template."""
        self._state, self._last = self.tracker.init(image_bgr, box_xywh), None

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """Box and calibrated confidence; the other scores as extra."""
        result = self.tracker.update(image_bgr, [self._state])[0]
        self._last, self._state = (image_bgr, self._state), result.state
        extra = {name: getattr(result, name) for name in SCORES if name != 'confidence'}
        return Estimate(result.box_xywh, result.confidence, extra)

    def last_cells(self) -> Cells | None:
        """Every cell of the last update with its fused confidence; the network runs once more."""
        if self._last is None:
            return None
        image, state = self._last
        model, decode = self.tracker.model, self.tracker.decode
        window = context_window(state.box_xywh, model.search_context, model.isotropic)
        maps = self.tracker.runtime.respond(image, [window], [state.border_bgr], [state.template])
        found = cell_boxes(maps.ltrb[0], window, model.search_size_px, model.grid).reshape(-1, 4)
        # A box that reaches nowhere from its cell has its corner there.
        points = cell_boxes(np.zeros_like(maps.ltrb[0]), window, model.search_size_px, model.grid)
        a = decode.fusion_exponent
        score = maps.classification[0] ** (1 - a) * maps.quality[0] ** a
        return Cells(found, points.reshape(-1, 4)[:, :2], score.ravel())

    def describe(self) -> dict[str, Any]:
        """What was requested, what was chosen, and which weights they are."""
        return {
            'name': self.name,
            **self._given,
            'device': self.tracker.device,
            'device_reason': self.tracker.device_reason,
            'decode': asdict(self.tracker.decode),
            'network': asdict(self.tracker.model),
            **self.tracker.description,
        }
