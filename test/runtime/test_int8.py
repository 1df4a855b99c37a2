"""The search graph in 8 bits: nearly the same maps, for whoever asks for it and nobody else."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from support.networks import TINY, textured_image, tiny_checkpoint  # noqa: E402

from siamla_ros.geometry.crops import context_window  # noqa: E402
from siamla_ros.model.checkpoint import WeightsError, int8_path, read_checkpoint, tensor_path  # noqa: E402
from siamla_ros.runtime.export import export_onnx  # noqa: E402
from siamla_ros.runtime.factory import build_runtime  # noqa: E402
from siamla_ros.runtime.quantize import export_int8  # noqa: E402

BOX, BORDER = (100.0, 60.0, 40.0, 30.0), (90.0, 100.0, 110.0)
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::UserWarning')


def crops(count: int):
    sizes = TINY['template_size_px'], TINY['search_size_px']
    for seed in range(count):
        yield tuple(textured_image(size, size, seed) for size in sizes)


def maps_of(checkpoint, name: str):
    runtime, reason = build_runtime(checkpoint, 'cpu', name, 1, half=False)
    image, config = textured_image(), runtime.config
    template = runtime.template(image, context_window(BOX, config.template_context), BORDER)
    window = context_window(BOX, config.search_context)
    return runtime, reason, runtime.respond(image, [window], [BORDER], [template])


def test_eight_bits_give_nearly_the_same_maps(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path)
    export_onnx(checkpoint)
    path = export_int8(checkpoint, crops(6))
    assert path == tmp_path / 'tiny.int8.onnx'
    chosen, _, expected = maps_of(checkpoint, 'float')
    assert chosen.name == 'onnxruntime'  # float, although the other lies there
    runtime, reason, found = maps_of(checkpoint, 'onnxruntime-int8')
    assert runtime.name == 'onnxruntime-int8'
    assert reason.endswith('the search in 8 bits')
    for a, b in zip(expected, found, strict=True):
        assert not np.array_equal(a, b)
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


def test_files_behind_symbolic_links_are_written_and_read(tmp_path):
    """As an installation for development has them."""
    real, linked = tmp_path / 'real', tmp_path / 'linked'
    for folder in (real, linked):
        folder.mkdir()
    export_onnx(tiny_checkpoint(real))
    for path in real.iterdir():
        (linked / path.name).symlink_to(path)
    path = tensor_path(real / 'tiny.safetensors')
    tensors = path.read_bytes()
    path.write_bytes(b'')
    checkpoint = read_checkpoint(linked / 'tiny.safetensors')
    export_onnx(checkpoint)
    assert path.read_bytes() == tensors
    export_int8(checkpoint, crops(1))
    assert maps_of(checkpoint, 'onnxruntime-int8')[0].name == 'onnxruntime-int8'


def test_what_is_missing_or_stale_is_refused(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path)
    with pytest.raises(WeightsError, match=r'tiny\.template\.onnx: missing; export in float first'):
        export_int8(checkpoint, crops(1))
    export_onnx(checkpoint)
    with pytest.raises(WeightsError, match=r"int8': tiny\.int8\.onnx not beside the weights"):
        build_runtime(checkpoint, 'cpu', 'onnxruntime-int8', 1, half=False)
    export_int8(checkpoint, crops(1))
    other = tiny_checkpoint(tmp_path, seed=1)
    export_onnx(other)
    assert int8_path(other.path).is_file()
    with pytest.raises(WeightsError, match=r'tiny\.int8\.onnx: exported from .* export again'):
        build_runtime(other, 'cpu', 'onnxruntime-int8', 1, half=False)


def test_only_layers_that_it_was_made_for(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path, backbone='efficientnet_lite0')
    with pytest.raises(ValueError, match="backbone = 'efficientnet_lite0': must be 'fbnet'"):
        export_int8(checkpoint, crops(1))
