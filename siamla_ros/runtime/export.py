"""Export of a checkpoint to ONNX: one graph from a template's crop to its features, one from search
crops and templates to the response maps. Both share one file of tensors.

Crops go in as they are cut, bytes in BGR: the change to centerd RGB is folded into the first
convolution where the backbone allows it.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from siamla_ros.model import SiamLA
from siamla_ros.model.backbones.fbnet import FBNetBackbone
from siamla_ros.model.checkpoint import (
    Checkpoint,
    file_digest,
    graph_paths,
    load_model,
    note_digests,
    tensor_path,
)

OPSET = 17
AXES = {
    'crops': {0: 'batch', 1: 'height', 2: 'width'},
    'template': {0: 'batch'},
    'features': {0: 'batch', 2: 'rows', 3: 'columns'},
    'maps': {0: 'batch'},
    'backbone': {0: 'batch'},
}
BACKBONE = 'backbone'  # the output that a target's filter is learned from
SHARED_BYTES = 256  # smaller tensors stay in the graphs


class _Graph(nn.Module):
    """Maps packed as the torch runtime packs them: p, left, top, right, bottom, Q."""

    def __init__(self, model: SiamLA) -> None:
        super().__init__()
        self.model = model
        self.stem = self.mean_bgr = None
        if isinstance(model.backbone, FBNetBackbone):
            self._fold_pixels(model.backbone)

    def _fold_pixels(self, backbone: FBNetBackbone) -> None:
        stem = backbone.stem
        self.stem = nn.Conv2d(3, stem.out_channels, stem.kernel_size, stem.stride, stem.padding)
        self.stem.load_state_dict(
            {'weight': (stem.weight * backbone.scale).flip(1), 'bias': stem.bias}
        )
        # Not folded: a bias would be wrong where the convolution sees its zero padding.
        self.mean_bgr = backbone.mean.flip(1)

    def features(self, crops: Tensor) -> Tensor:
        """Features of crops (B, S, S, 3), uint8 BGR."""
        return self.model.neck(self.backbone(crops))

    def backbone(self, crops: Tensor) -> Tensor:
        """What the backbone makes of them."""
        pixels = crops.permute(0, 3, 1, 2).float()
        if self.stem is None:
            return self.model.backbone(pixels.flip(1))
        return self.model.backbone.after_stem(self.stem(pixels - self.mean_bgr))

    def forward(self, crops: Tensor, template: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        backbone = self.backbone(crops)
        search = self.model.neck(backbone)
        response = self.model.respond(search, template)
        p = torch.sigmoid(response.classification)
        quality = p if response.quality is None else torch.sigmoid(response.quality)
        return search, torch.cat([p, response.ltrb, quality], 1), backbone


def export_onnx(checkpoint: Checkpoint, weights: Path | None = None) -> tuple[Path, Path]:
    """Write both graphs and their tensors beside the weights (or beside `weights`).

    The graphs carry the checkpoint's sha256, so that a runtime can refuse graphs of other weights.
    The batch is free; the size of search crops is that of the configuration.

    Returns:
        Paths of the graphs of the template and of the search.
    """
    weights = weights or checkpoint.path
    written = (*graph_paths(weights), tensor_path(weights))
    # onnx refuses tensors behind symbolic links, as an installation for development has them: all
    # is made elsewhere.
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / path.name for path in written]
        outputs = _trace(checkpoint, Path(folder) / 'whole.onnx')
        _split(Path(folder) / 'whole.onnx', made, checkpoint, outputs)
        for source, path in zip(made, written, strict=True):
            _replace(path.resolve(), source.read_bytes())
    note_digests(weights, *written)
    return graph_paths(weights)


def _replace(path: Path, content: bytes) -> None:
    """A new file under the old name: a tracker that runs has mapped the old one into its memory."""
    new = path.with_name(f'{path.name}.new')
    new.write_bytes(content)
    new.replace(path)


def _split(
    whole: Path, made: list[Path], checkpoint: Checkpoint, search_outputs: list[str]
) -> None:
    """Write the graphs of template and search, and the tensors of both."""
    import onnx

    template, search, tensors = made
    graph = onnx.load(str(whole))
    onnx.external_data_helper.convert_model_to_external_data(
        graph, location=tensors.name, size_threshold=SHARED_BYTES
    )
    onnx.external_data_helper.write_external_data_tensors(graph, str(tensors.parent))
    description = {
        'sha256': checkpoint.sha256,
        'tensors_sha256': file_digest(tensors),
        'model': json.dumps(checkpoint.model.to_dict()),
    }
    for path, inputs, outputs in (
        (template, ['crops'], ['features']),
        (search, ['crops', 'template'], search_outputs),
    ):
        part = onnx.utils.Extractor(graph).extract_model(inputs, outputs)
        onnx.helper.set_model_props(part, description)
        path.write_bytes(part.SerializeToString())
        onnx.checker.check_model(str(path))


def _trace(checkpoint: Checkpoint, path: Path) -> list[str]:
    """The graph of both, with its tensors, as one file; returns outputs of a search."""
    graph, config = _Graph(load_model(checkpoint)).eval().requires_grad_(False), checkpoint.model
    crops, template = (
        torch.zeros(2, size, size, 3, dtype=torch.uint8)
        for size in (config.search_size_px, config.template_size_px)
    )
    with warnings.catch_warnings():
        # It warns of sizes that become constants, which is what `fixed_size` is for.
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        torch.onnx.export(
            graph,
            (crops, graph.features(template)),
            str(path),
            input_names=['crops', 'template'],
            output_names=['features', 'maps', BACKBONE],
            dynamic_axes=AXES,
            opset_version=OPSET,
            dynamo=False,
        )
    return ['maps', BACKBONE] if graph.model.filter_channels else ['maps']
