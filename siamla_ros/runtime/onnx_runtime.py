"""The network run by ONNX Runtime on the CPU: the fastest way without a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamla_ros.geometry.crops import ImageArray, Window, crops
from siamla_ros.model.checkpoint import (
    Checkpoint,
    WeightsError,
    graph_paths,
    int8_path,
    tensor_path,
    verified_digest,
)
from siamla_ros.runtime.base import Maps
from siamla_ros.runtime.side_by_side import SideBySide, thread_count

IN_CACHE = 4
"""Crops of one pass: the maps of more leave the cache, and each crop then takes longer."""
Templates = Sequence[NDArray[np.float32]]
Answer = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Maps (B, 6, H, W): p, left, top, right, bottom, Q; and `Maps.backbone`."""


class OnnxRuntime:
    """Implements `Runtime` on the graphs that `siamla export`
    writes.

    Args:
        threads: Threads of one forward pass; 0 leaves the choice to the library.
        int8: Search by the graph in 8 bits that `siamla export --int8` writes.

    Raises:
        WeightsError: A graph cannot be loaded, or was exported from other weights.
    """

    device = 'cpu'
    providers: tuple[Any, ...] = ('CPUExecutionProvider',)

    def __init__(self, checkpoint: Checkpoint, threads: int = 0, int8: bool = False) -> None:
        self.name = 'onnxruntime-int8' if int8 else 'onnxruntime'
        self.config = checkpoint.model
        tensors = tensor_path(checkpoint.path)
        template, search = graph_paths(checkpoint.path)
        # A flipped bit in a graph mostly loads, with other results.
        for path in (template, int8_path(checkpoint.path) if int8 else search):
            verified_digest(checkpoint.path, path)
        digests = {
            'sha256': checkpoint.sha256,
            'tensors_sha256': verified_digest(checkpoint.path, tensors),
        }
        self._template = _session(template, digests, threads, self.providers)
        if int8:  # its tensors lie in the graph itself
            search, digests = int8_path(checkpoint.path), {'sha256': checkpoint.sha256}
        self._search = _session(search, digests, threads, self.providers)
        self.gives_backbone = len(self._search.get_outputs()) > 1
        # Without a reference to this object: a cycle would keep its memory until it is collected.
        self._open_alone = partial(_session, search, digests, 1, self.providers)
        self._threads = thread_count(threads)
        self._side_by_side: SideBySide | None = None

    def prepare_batches(self) -> None:
        """Run as many windows as threads, or more, side by side from now on.

        The graph is loaded once more, which takes 50 ms in float, 130 ms in 8 bits, and 8 MB.
        """
        if self._threads > 1 and self._side_by_side is None:
            self._alone = self._open_alone()
            self._side_by_side = SideBySide(self._threads)

    def close(self) -> None:
        """End the threads of the sessions and free their memory; the runtime cannot be used any
        more. Whoever still holds it, a cycle that is not collected yet, holds no more than itself.
        """
        del self._template, self._search
        if self._side_by_side is not None:
            self._side_by_side.close()
            del self._alone

    def template(
        self, image_bgr: ImageArray, window: Window, border_bgr: Sequence[float]
    ) -> NDArray[np.float32]:
        """Features (C, h, w)."""
        cut = crops(image_bgr, [window], self.config.template_size_px, [border_bgr])
        return self._template.run(None, {'crops': cut})[0][0]

    def respond(
        self,
        image_bgr: ImageArray,
        windows: Sequence[Window],
        borders_bgr: Sequence[Sequence[float]],
        templates: Templates,
    ) -> Maps:
        """See `Runtime`."""
        if self._side_by_side is not None and len(windows) >= self._side_by_side.threads:
            found = self._maps_side_by_side(image_bgr, windows, borders_bgr, templates)
        else:
            cut = crops(image_bgr, windows, self.config.search_size_px, borders_bgr)
            found = self._maps(cut, templates)
        maps, backbone = found
        return Maps(maps[:, 0], maps[:, 1:5], maps[:, 5], backbone)

    def _maps(self, crops: NDArray[np.uint8], templates: Templates) -> Answer:
        """Of crops (B, S, S, 3)."""
        parts = _parts(len(crops), IN_CACHE)
        return _joined([_run(self._search, crops[some], templates[some]) for some in parts])

    def _maps_side_by_side(
        self,
        image: ImageArray,
        windows: Sequence[Window],
        borders: Sequence[Sequence[float]],
        templates: Templates,
    ) -> Answer:
        """Each thread cuts and runs a part of the windows after another."""
        assert self._side_by_side is not None, 'prepare_batches made it'
        share = -(-len(windows) // self._side_by_side.threads)
        parts = _parts(len(windows), min(share, IN_CACHE))
        found: list[Any] = [None] * len(parts)

        def work(number: int) -> None:
            some, size = parts[number], self.config.search_size_px
            cut = crops(image, windows[some], size, borders[some])
            found[number] = _run(self._alone, cut, templates[some])

        self._side_by_side.run(work, len(parts))
        return _joined(found)

    def similarity(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
        """See `Runtime`."""
        norms = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
        return float(((first * second).sum(0) / np.maximum(norms, 1e-8)).mean())


def _parts(count: int, most: int) -> list[slice]:
    """0 to count - 1 in slices of at most `most`."""
    return [slice(first, min(first + most, count)) for first in range(0, count, most)]


def _run(session: Any, crops: NDArray[np.uint8], templates: Templates) -> Answer:
    feed = {'crops': crops, 'template': np.stack(list(templates))}
    maps, *backbone = session.run(None, feed)
    return maps, backbone[0] if backbone else None


def _joined(parts: list[Answer]) -> Answer:
    if len(parts) == 1:
        return parts[0]
    backbones = [found for _, found in parts if found is not None]
    return np.concatenate([maps for maps, _ in parts]), (
        np.concatenate(backbones) if backbones else None
    )


def _session(path: Path, digests: dict[str, str], threads: int, providers: Sequence[Any]):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # A spinning pool holds its cores between frames, which the rest of a robot's software needs.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # the library raises its own types, private to its extension module
        raise WeightsError(f'{path}: ONNX Runtime cannot load it: {error}') from error
    noted = session.get_modelmeta().custom_metadata_map
    if noted.get('sha256') != digests['sha256']:
        raise WeightsError(
            f'{path}: exported from weights {noted.get("sha256")}, the checkpoint is '
            f'{digests["sha256"]}: export again'
        )
    if noted.get('tensors_sha256') != digests.get('tensors_sha256'):
        raise WeightsError(
            f'{path}: the tensors beside it are not those of its export: export again'
        )
    return session
