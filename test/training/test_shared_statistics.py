"""Batch norm that trains in several processes: of all of them on GPUs, refused elsewhere."""

import pytest

torch = pytest.importorskip('torch')

from torch import nn  # noqa: E402

from siamla_ros.model.backbones.resnet import AtrousResNet50  # noqa: E402
from siamla_ros.training.accumulation import unmoved_statistics  # noqa: E402
from siamla_ros.training.distributed import (  # noqa: E402
    ALONE,
    Processes,
    is_batch_norm,
    with_shared_statistics,
)

CPU, CUDA = torch.device('cpu'), torch.device('cuda:0')
TWO = Processes(0, 2)


@pytest.fixture
def resnet():
    """Its last stage trains, as in the recipe of the paper's size."""
    model = AtrousResNet50(levels=(2,)).requires_grad_(False)
    model.layer2.requires_grad_(True)
    return model.train()


def norms(model):
    return {name: m for name, m in model.named_modules() if is_batch_norm(m)}


def test_gpus_share_the_statistics_and_weights_stay(resnet):
    tensors = {n: id(t) for n, t in [*resnet.named_parameters(), *resnet.named_buffers()]}
    training = {name: m.training for name, m in norms(resnet).items()}
    assert set(training.values()) == {True, False}
    shared = with_shared_statistics(resnet, TWO, CUDA)
    assert {n: id(t) for n, t in [*shared.named_parameters(), *shared.named_buffers()]} == tensors
    assert {type(m) for m in norms(shared).values()} == {nn.SyncBatchNorm}
    assert {name: m.training for name, m in norms(shared).items()} == training
    shared.eval().train()  # what is frozen keeps its statistics, as before
    assert {name: m.training for name, m in norms(shared).items()} == training


def test_cpus_refuse_it(resnet):
    words = r'trains in 2 processes on cpu, .* set schedule\.lr_backbone = 0'
    with pytest.raises(ValueError, match=words):
        with_shared_statistics(resnet, TWO, CPU)


def test_one_process_and_frozen_batch_norm_stay_as_they_are(resnet):
    assert with_shared_statistics(resnet, ALONE, CPU) is resnet
    resnet.requires_grad_(False).train()
    assert with_shared_statistics(resnet, TWO, CPU) is resnet
    assert with_shared_statistics(resnet, TWO, CUDA) is resnet
    assert {type(m) for m in norms(resnet).values()} == {nn.BatchNorm2d}


def test_shared_statistics_stay_while_parts_are_passed_forward(resnet):
    layer = with_shared_statistics(resnet, TWO, CUDA).layer2[0].bn1
    with unmoved_statistics(resnet):
        assert layer.momentum == 0.0
    assert layer.momentum == 0.1
