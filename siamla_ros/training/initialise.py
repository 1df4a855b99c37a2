"""Initial weights for training: a published FEAR-XS tracker (ONNX, MIT). Needed for training only.

The ONNX file is a straight line of convolutions, so that its weights are taken in the order of the
graph; every shape is checked against ours, and ``test/training/test_initialise.py`` compares the
outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from siamla_ros.model import build_model
from siamla_ros.model.layers import SeparableConv
from siamla_ros.model.siamla import Branch, SiamLA
from siamla_ros.training.config import TrainConfig
from siamla_ros.weights import load_model, read_checkpoint


def load_fear(model: SiamLA, path: str | Path, heads: bool = True) -> None:
    """Copy backbone, neck and, with ``heads``, both branches from ``fear_xs_track.onnx`` into
    ``model``.

    :raises ValueError: the file has other shapes than the model
    """
    import onnx

    graph = onnx.load(str(path)).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    with torch.no_grad():
        model.backbone.scale.copy_(torch.from_numpy(arrays["scale_layer_s"].copy()))
        convolutions = [node for node in graph.node if node.op_type == "Conv"]
        layers = list(_backbone_convolutions(model)) + (
            list(_head_convolutions(model)) if heads else []
        )
        if len(convolutions) < len(layers):
            raise ValueError(
                f"{path}: {len(convolutions)} convolutions, the model needs {len(layers)}"
            )
        ordered = convolutions if not heads else _reorder_heads(convolutions, len(layers))
        for node, layer in zip(ordered, layers, strict=False):
            _copy(node, layer, arrays, str(path))


def _copy(node: object, layer: nn.Conv2d, arrays: dict[str, np.ndarray], path: str) -> None:
    weight, expected = arrays[node.input[1]], tuple(layer.weight.shape)
    if tuple(weight.shape) != expected:
        raise ValueError(f"{path}: {node.input[1]} has shape {weight.shape}, expected {expected}")
    layer.weight.copy_(torch.from_numpy(weight.copy()))
    bias = arrays[node.input[2]] if len(node.input) > 2 else np.zeros(layer.bias.shape, np.float32)
    layer.bias.copy_(torch.from_numpy(bias.copy()))


def _backbone_convolutions(model: SiamLA) -> Iterator[nn.Conv2d]:
    yield from (m for m in model.backbone.modules() if isinstance(m, nn.Conv2d))
    yield model.neck


def _head_convolutions(model: SiamLA) -> Iterator[nn.Conv2d]:
    """In the order: both adjusts, classification branch and head, regression branch and head."""
    yield from _pair(model.cls_branch.adjust)
    yield from _pair(model.reg_branch.adjust)
    for branch, head in ((model.cls_branch, model.cls_head), (model.reg_branch, model.reg_head)):
        yield from _branch_rest(branch)
        yield from _pair(head)


def _pair(layer: SeparableConv) -> tuple[nn.Conv2d, nn.Conv2d]:
    return layer.depthwise, layer.pointwise


def _branch_rest(branch: Branch) -> Iterator[nn.Conv2d]:
    yield from _pair(branch.encode)
    for layer in branch.tower:
        yield from _pair(layer)


def _reorder_heads(convolutions: list, count: int) -> list:
    """FEAR's graph order is adjusts, cls encode, reg encode, reg tower and head, cls tower and
    head: make it ours.
    """
    start = count - 20
    body, heads = convolutions[:start], convolutions[start:]
    adjusts, cls_encode, rest = heads[:4], heads[4:6], heads[6:]
    regression, classification = rest[:8], rest[8:]
    return body + adjusts + cls_encode + classification + regression


def build_initial(config: TrainConfig, init: str | Path) -> SiamLA:
    """The network that a run starts from, seeded.

    ``config.init`` says what is taken: ``none`` (random weights), ``backbone`` or ``tracker``
    (backbone, or also the heads, of ``init``: a published FEAR-XS ``.onnx`` or a checkpoint of
    ours, whose quality branch is taken as well).

    :raises ValueError: an unknown word
    :raises WeightsError: no such checkpoint
    """
    if config.init not in ("none", "backbone", "tracker"):
        raise ValueError(f"init = {config.init!r}: must be one of none, backbone, tracker")
    torch.manual_seed(config.seed)
    model = build_model(config.model)
    if config.init == "none":
        return model
    heads = config.init == "tracker"
    if str(init).endswith(".onnx"):
        load_fear(model, init, heads)
        return model
    source = load_model(read_checkpoint(init)).state_dict()
    own = model.state_dict()
    wanted = {k: v for k, v in source.items() if heads or k.startswith(("backbone.", "neck."))}
    model.load_state_dict(
        {**own, **{k: v for k, v in wanted.items() if k in own and own[k].shape == v.shape}}
    )
    return model
