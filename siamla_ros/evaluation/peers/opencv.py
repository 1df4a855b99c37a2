"""OpenCV's trackers.

CSRT and KCF are in the contrib build only (`opencv-contrib-python-headless`); MIL, Nano and Vit are
in every build, Nano since 4.7 and Vit since 4.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from siamla_ros.evaluation.peers.base import Estimate, TrackerUnavailable, sha256_of
from siamla_ros.geometry.boxes import Box

CONTRIB = (
    'the contrib build of OpenCV: pip install opencv-contrib-python-headless, in place of '
    'opencv-python or opencv-python-headless'
)


class OpenCvTracker:
    """A cv2 tracker; each init makes a new native object, because several of them keep state."""

    def __init__(
        self, name: str, make: Callable[[], Any], models: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._scored = bool(models)
        self._make = make
        self._models = models or {}
        self._box: Box = (0.0, 0.0, 1.0, 1.0)
        self._tracker: Any = None

    def init(self, image_bgr: np.ndarray, box_xywh: Box) -> None:
        """Start; OpenCV takes whole pixels."""
        x, y, w, h = (int(round(v)) for v in box_xywh)
        self._box = box_xywh
        self._tracker = self._make()
        self._tracker.init(image_bgr, (x, y, max(1, w), max(1, h)))

    def update(self, image_bgr: np.ndarray) -> Estimate:
        """The found box, or the last one when OpenCV reports a failure."""
        found, box = self._tracker.update(image_bgr)
        if found:
            self._box = tuple(float(v) for v in box)  # type: ignore[assignment]
        # Newer versions of OpenCV give every tracker a score; that of the classic ones is always 0.
        if self._scored:
            return Estimate(self._box, float(np.clip(self._tracker.getTrackingScore(), 0.0, 1.0)))
        return Estimate(self._box, math.nan)

    def describe(self) -> dict[str, Any]:
        """Name, OpenCV version and model files."""
        models = {
            role: {'file': Path(p).name, 'sha256': sha256_of(p)} for role, p in self._models.items()
        }
        return {'name': self.name, 'runtime': f'opencv {cv2.__version__}', 'models': models}


def _factory(class_name: str) -> Any:
    """cv2.<class_name> or cv2.legacy.<class_name>; None when this build has neither."""
    for module in (cv2, getattr(cv2, 'legacy', None)):
        for attribute in (f'{class_name}_create', class_name):
            found = getattr(module, attribute, None)
            if found is not None:
                return found if attribute.endswith('_create') else found.create
    return None


def classic(name: str) -> OpenCvTracker:
    """`csrt`, `kcf` or `mil`; TrackerUnavailable names the package that has it."""
    class_name = {'csrt': 'TrackerCSRT', 'kcf': 'TrackerKCF', 'mil': 'TrackerMIL'}[name]
    make = _factory(class_name)
    if make is None:
        raise TrackerUnavailable(
            f'cv2.{class_name} is not in this OpenCV {cv2.__version__}; it needs {CONTRIB}'
        )
    return OpenCvTracker(name, make)


def nano(backbone: str, neckhead: str, name: str = 'nano') -> OpenCvTracker:
    """`nano:backbone.onnx,head.onnx`: cv2.TrackerNano (NanoTrack V2)."""
    params = _params('TrackerNano')
    params.backbone, params.neckhead = str(backbone), str(neckhead)
    models = {'backbone': backbone, 'neckhead': neckhead}
    return _network_tracker(name, 'TrackerNano', params, models)


def vit(net: str, name: str = 'vit') -> OpenCvTracker:
    """`vit:model.onnx`: cv2.TrackerVit."""
    params = _params('TrackerVit')
    params.net = str(net)
    return _network_tracker(name, 'TrackerVit', params, {'net': net})


def _params(class_name: str) -> Any:
    params = getattr(cv2, f'{class_name}_Params', None)
    if params is None:
        raise TrackerUnavailable(
            f'cv2.{class_name} is not in OpenCV {cv2.__version__}: 4.9 or newer is needed'
        )
    return params()


def _network_tracker(
    name: str, class_name: str, params: Any, models: dict[str, str]
) -> OpenCvTracker:
    for path in models.values():
        sha256_of(path)
    create = _factory(class_name)
    try:
        create(params)
    except cv2.error as error:
        raise TrackerUnavailable(
            f'tracker {name!r}: OpenCV refuses {list(models.values())}: {error.err}'
        ) from error
    return OpenCvTracker(name, lambda: create(params), models)
