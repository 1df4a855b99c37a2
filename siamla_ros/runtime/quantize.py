"""The search graph in 8 bits: faster where the CPU multiplies bytes (VNNI, dot product), and as
accurate (docs/research/runtime_log.md). `int8_check` decides on its use.

Backbone and towers are quantized; the first, wide and thin layers stay in float, being faster so,
and everything after the towers does, so that boxes and confidence keep their resolution. Templates
come from the float graph.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamla_ros.model.checkpoint import (
    Checkpoint,
    WeightsError,
    graph_paths,
    int8_path,
    note_digests,
)

OPERATORS = ('Conv', 'Relu', 'Add', 'Concat')
QUANTIZED = re.compile(r'^/(blocks/blocks\.(?!0/)|neck/|(cls|reg)_branch/)')

CropPair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def export_int8(checkpoint: Checkpoint, pairs: Iterable[CropPair]) -> Path:
    """Quantize the exported search graph and write it beside the weights.

    Args:
        pairs: Crops of a template and of a search region, (S, S, 3) BGR, whose activations set the
            ranges; a hundred, of training data.

    Returns:
        Path of the graph.

    Raises:
        ValueError: Another backbone than `fbnet`, whose layers these rules were made for.
        WeightsError: The float graphs are missing.
    """
    import onnx

    if checkpoint.model.backbone != 'fbnet':
        raise ValueError(f"int8: backbone = {checkpoint.model.backbone!r}: must be 'fbnet'")
    template, search = graph_paths(checkpoint.path)
    for graph in (template, search):
        if not graph.is_file():
            raise WeightsError(f'{graph}: missing; export in float first')
    path = int8_path(checkpoint.path)
    with tempfile.TemporaryDirectory() as folder:
        _quantize(search, Path(folder) / 'prepared.onnx', path, _feeds(template, pairs))
    graph = onnx.load(str(path))
    onnx.helper.set_model_props(graph, {'sha256': checkpoint.sha256})
    onnx.save(graph, str(path))
    note_digests(checkpoint.path, path)
    return path


def _quantize(search: Path, prepared: Path, path: Path, feeds: Iterator[dict]) -> None:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict | None:
            return next(feeds, None)

    # Loaded here: given a path it would expect the tensors beside its own copy of the graph; and
    # from where the files are, since onnx refuses tensors behind symbolic links.
    quant_pre_process(onnx.load(str(search.resolve())), str(prepared), skip_symbolic_shape=True)
    nodes = [
        node.name
        for node in onnx.load(str(prepared)).graph.node
        if node.op_type in OPERATORS and QUANTIZED.match(node.name)
    ]
    quantization.quantize_static(
        str(prepared),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=list(OPERATORS),
        nodes_to_quantize=nodes,
        # The mean of the extremes of each picture instead of the extreme of all: rare peaks are
        # cut, and all else gets finer steps.
        extra_options={'CalibMovingAverage': True},
    )


def _feeds(template: Path, pairs: Iterable[CropPair]) -> Iterator[dict]:
    """Inputs of the search graph, batches of one."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(template), providers=['CPUExecutionProvider'])
    for first, second in pairs:
        features = session.run(None, {'crops': np.ascontiguousarray(first)[None]})[0]
        yield {'crops': np.ascontiguousarray(second)[None], 'template': features}
