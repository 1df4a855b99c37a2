"""The network run by ONNX Runtime on the CPU: the fastest way without a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamla_ros.crops import ImageArray, Window, crop
from siamla_ros.runtime.base import Maps
from siamla_ros.weights import Checkpoint, WeightsError, graph_paths


class OnnxRuntime:
    """Implements :class:`siamla_ros.runtime.base.Runtime` on the graphs that ``siamla export``
    writes.

    :param threads: threads of one forward pass; 0 leaves the choice to the library
    :raises WeightsError: a graph cannot be loaded, or was exported from other weights
    """

    device = "cpu"
    name = "onnxruntime"

    def __init__(self, checkpoint: Checkpoint, threads: int = 0) -> None:
        self.config = checkpoint.model
        features, respond = graph_paths(checkpoint.path)
        self._features = _session(features, checkpoint.sha256, threads)
        self._respond = _session(respond, checkpoint.sha256, threads)

    def template(
        self, image_bgr: ImageArray, window: Window, border_bgr: Sequence[float]
    ) -> NDArray[np.float32]:
        """Features (C, h, w)."""
        pixels = _crops(image_bgr, [window], [border_bgr], self.config.template_size_px)
        return self._features.run(None, {"pixels": pixels})[0][0]

    def respond(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Sequence[NDArray[np.float32]],
    ) -> Maps:
        """See :class:`~siamla_ros.runtime.base.Runtime`."""
        pixels = _crops(image_bgr, windows, borders_bgr, self.config.search_size_px)
        search = self._features.run(None, {"pixels": pixels})[0]
        maps = self._respond.run(None, {"search": search, "template": np.stack(list(templates))})[0]
        return Maps(maps[:, 0], maps[:, 1:5], maps[:, 5])

    def similarity(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
        """See :class:`~siamla_ros.runtime.base.Runtime`."""
        norms = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
        return float(((first * second).sum(0) / np.maximum(norms, 1e-8)).mean())


def _session(path: Path, sha256: str, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # A spinning pool holds its cores between frames, which the rest of a robot's software needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the library raises its own types, private to its extension module
        raise WeightsError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    made_from = session.get_modelmeta().custom_metadata_map.get("sha256")
    if made_from != sha256:
        raise WeightsError(
            f"{path}: exported from weights {made_from}, the checkpoint is {sha256}: export again"
        )
    return session


def _crops(
    image_bgr: ImageArray,
    windows: Sequence[Window],
    borders: Sequence[Sequence[float]],
    size_px: int,
) -> NDArray[np.float32]:
    """Crops (B, 3, size, size), RGB in [0, 255]."""
    pixels = np.empty((len(windows), 3, size_px, size_px), np.float32)
    for target, window, border in zip(pixels, windows, borders, strict=True):
        target[:] = crop(image_bgr, window, size_px, border).transpose(2, 0, 1)[::-1]
    return pixels
