"""Which device is chosen, and the reason that is said aloud."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from support.networks import tiny_checkpoint, tiny_model  # noqa: E402

from siamla_ros import install_hint  # noqa: E402
from siamla_ros.runtime import device as device_choice  # noqa: E402
from siamla_ros.runtime.device import DeviceError, choose_device  # noqa: E402
from siamla_ros.runtime.factory import build_runtime  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402


def machine(monkeypatch, gpus: int, built: bool = True) -> None:
    """As torch would see a machine with so many GPUs."""
    monkeypatch.setattr(torch.version, 'cuda', '13.0' if built else None)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)


@pytest.mark.parametrize(
    ('gpus', 'request_', 'device', 'reason'),
    [
        (0, 'cpu', 'cpu', 'the CPU was requested'),
        (2, 'cpu', 'cpu', 'the CPU was requested'),
        (0, 'auto', 'cpu', 'finds no usable CUDA device or driver'),
        (2, 'auto', 'cuda:0', 'auto: torch sees 2 CUDA device'),
        (2, 'cuda', 'cuda:0', 'CUDA was requested'),
        (2, 'cuda:1', 'cuda:1', 'CUDA was requested'),
    ],
)
def test_choice_and_reason(monkeypatch, gpus, request_, device, reason):
    machine(monkeypatch, gpus)
    choice = choose_device(request_)
    assert choice.device == device
    assert reason in choice.reason


@pytest.mark.parametrize(
    ('gpus', 'built', 'request_', 'words'),
    [
        (0, True, 'cuda', "finds no usable CUDA device or driver; use device 'auto' or 'cpu'"),
        (0, False, 'cuda:0', "is built without CUDA; use device 'auto' or 'cpu'"),
        (2, True, 'cuda:2', "device = 'cuda:2': of 2 the last is cuda:1"),
    ],
)
def test_cuda_that_is_absent_is_an_error(monkeypatch, gpus, built, request_, words):
    machine(monkeypatch, gpus, built)
    with pytest.raises(DeviceError) as refused:
        choose_device(request_)
    assert words in str(refused.value)


@pytest.mark.parametrize('request_', ['gpu', '', 'cuda:', 'cuda:-1', 'cuda:x', 'CPU', 'mps'])
def test_other_words_are_refused(monkeypatch, request_):
    machine(monkeypatch, 2)
    with pytest.raises(ValueError, match='must be auto, cpu, cuda or cuda:N'):
        choose_device(request_)


def test_half_precision_is_refused_on_the_cpu(tmp_path):
    with pytest.raises(ValueError, match="half = True: needs a CUDA device, not 'cpu'"):
        TorchRuntime(tiny_model(), 'cpu', half=True)
    with pytest.raises(ValueError, match='half = True'):
        build_runtime(tiny_checkpoint(tmp_path), 'cpu', 'torch', 0, half=True)


def test_8_bits_do_not_go_to_the_gpu(monkeypatch, tmp_path):
    machine(monkeypatch, 1)
    with pytest.raises(ValueError, match='runs on the CPU, not on cuda:0'):
        build_runtime(tiny_checkpoint(tmp_path), 'auto', 'onnxruntime-int8', 0, half=False)


@pytest.mark.parametrize(
    ('version', 'found'), [('2.9.0+cpu', 'torch 2.9.0+cpu is built without CUDA'), ('2.9.0', '')]
)
def test_a_build_without_cuda_is_known_by_its_version(monkeypatch, version, found):
    monkeypatch.setattr(device_choice.importlib.metadata, 'version', lambda name: version)
    assert device_choice._certainly_absent() == found


def test_without_torch_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(device_choice.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.delitem(device_choice.sys.modules, 'torch')
    hint = install_hint('torch')
    assert choose_device('auto') == ('cpu', f'auto: torch is not installed ({hint})')
