"""Export of a checkpoint to ONNX: one graph for features, one for the response, the template an
input of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from siamla_ros.model import SiamLA
from siamla_ros.weights import Checkpoint, graph_paths, load_model

OPSET = 17


class _Features(nn.Module):
    def __init__(self, model: SiamLA) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model.features(pixels)


class _Respond(nn.Module):
    """Maps packed as the torch runtime packs them: p, left, top, right, bottom, Q."""

    def __init__(self, model: SiamLA) -> None:
        super().__init__()
        self.model = model

    def forward(self, search: Tensor, template: Tensor) -> Tensor:
        response = self.model.respond(search, template)
        p = torch.sigmoid(response.classification)
        quality = p if response.quality is None else torch.sigmoid(response.quality)
        return torch.cat([p, response.ltrb, quality], 1)


def export_onnx(checkpoint: Checkpoint, weights: Path | None = None) -> tuple[Path, Path]:
    """Write both graphs beside the weights (or beside ``weights``) and return their paths.

    The graphs carry the checkpoint's sha256, so that a runtime can refuse graphs of other weights.
    The batch is free; crop sizes are those of the configuration.
    """
    model, config = load_model(checkpoint), checkpoint.model
    features_path, respond_path = graph_paths(weights or checkpoint.path)
    pixels = torch.zeros(2, 3, config.search_size_px, config.search_size_px)
    template_pixels = torch.zeros(2, 3, config.template_size_px, config.template_size_px)
    with torch.no_grad():
        search, template = model.features(pixels), model.features(template_pixels)
    _export(
        _Features(model),
        (pixels,),
        features_path,
        ["pixels"],
        ["features"],
        {
            "pixels": {0: "batch", 2: "height", 3: "width"},
            "features": {0: "batch", 2: "rows", 3: "columns"},
        },
        checkpoint,
    )
    _export(
        _Respond(model),
        (search, template),
        respond_path,
        ["search", "template"],
        ["maps"],
        {"search": {0: "batch"}, "template": {0: "batch"}, "maps": {0: "batch"}},
        checkpoint,
    )
    return features_path, respond_path


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    names: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
    checkpoint: Checkpoint,
) -> None:
    import onnx

    torch.onnx.export(
        module.eval(),
        inputs,
        str(path),
        input_names=names,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(str(path))
    onnx.helper.set_model_props(
        graph, {"sha256": checkpoint.sha256, "model": json.dumps(checkpoint.model.to_dict())}
    )
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))
