"""The same maps from torch and from ONNX Runtime, and graphs of other weights refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.networks import textured_image, tiny_checkpoint, tiny_model  # noqa: E402

from siamla_ros.geometry.crops import context_window  # noqa: E402
from siamla_ros.model.checkpoint import (  # noqa: E402
    WeightsError,
    graph_paths,
    int8_path,
    load_model,
    read_checkpoint,
    tensor_path,
)
from siamla_ros.runtime.factory import build_runtime  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402

IMAGE = textured_image()
BOXES = [(100.0, 60.0, 40.0, 30.0), (20.0, 80.0, 30.0, 55.0), (150.0, 100.0, 35.0, 35.0)]
BORDER = (90.0, 100.0, 110.0)
CONFIGURATIONS = {
    'light': {},
    'without a third branch': {'quality': 'none'},
    'depth-wise': {'correlation': 'depthwise'},
    'lite0': {'backbone': 'efficientnet_lite0'},
    'resnet50': {
        'backbone': 'resnet50_conv4',
        'correlation': 'depthwise',
        'template_size_px': 95,
        'search_size_px': 95,
        'template_cells': 3,
    },
}


@pytest.fixture
def exported():
    """Export to ONNX; skips where the libraries are not installed."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from siamla_ros.runtime.export import export_onnx

    return export_onnx


def maps_of(runtime, boxes=BOXES):
    templates = [
        runtime.template(IMAGE, context_window(box, runtime.config.template_context), BORDER)
        for box in boxes
    ]
    windows = [context_window(box, runtime.config.search_context) for box in boxes]
    return templates, runtime.respond(IMAGE, windows, [BORDER] * len(boxes), templates)


@pytest.mark.parametrize('name', CONFIGURATIONS)
@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::UserWarning')
def test_both_runtimes_give_the_same_maps(exported, tmp_path, name):
    checkpoint = tiny_checkpoint(tmp_path, **CONFIGURATIONS[name])
    for path in exported(checkpoint):
        assert path.is_file()
    eager, reason = build_runtime(checkpoint, 'cpu', 'torch', 1, half=False)
    graph, graph_reason = build_runtime(checkpoint, 'cpu', 'auto', 1, half=False)
    assert (eager.name, graph.name) == ('torch', 'onnxruntime')
    assert 'ONNX Runtime on the exported graphs, in float: ' in graph_reason
    templates, expected = maps_of(eager)
    graph_templates, found = maps_of(graph)
    assert np.ptp(expected.classification) > 0.01  # maps that say something
    assert (expected.backbone is None) == (name == 'resnet50')  # too many channels for a filter
    for a, b in zip(expected, found, strict=True):
        if a is None:
            assert b is None
            continue
        assert b.shape == a.shape
        assert b.dtype == np.float32
        assert b == pytest.approx(a, abs=1e-3, rel=1e-3)
    # A batch of another size than the graph was traced with.
    alone = maps_of(graph, BOXES[:1])[1]
    assert alone.classification[0] == pytest.approx(expected.classification[0], abs=1e-3)
    assert graph.similarity(*graph_templates[:2]) == pytest.approx(
        eager.similarity(*templates[:2]), abs=1e-3
    )


@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::UserWarning')
def test_graphs_of_other_weights_are_refused(exported, tmp_path):
    exported(tiny_checkpoint(tmp_path, seed=0))
    other = tiny_checkpoint(tmp_path, seed=1)  # the same name: the graphs beside it are stale
    with pytest.raises(WeightsError, match=r'tiny\.template\.onnx: exported from .* export again'):
        build_runtime(other, 'cpu', 'auto', 0, half=False)
    assert build_runtime(other, 'cpu', 'torch', 0, half=False)[0].name == 'torch'
    first, second = graph_paths(other.path)
    tensors = tensor_path(other.path)
    exported(other)
    other.path.with_suffix('.sha256').unlink()  # of an older export: graphs were not listed
    tensors.write_bytes(tensors.read_bytes()[:-4] + b'\0\0\0\1')
    with pytest.raises(WeightsError, match='the tensors beside it are not those of its export'):
        build_runtime(other, 'cpu', 'auto', 0, half=False)
    for path in (first, second):
        path.write_bytes(b'no graph')
    with pytest.raises(WeightsError, match='ONNX Runtime cannot load it'):
        build_runtime(other, 'cpu', 'auto', 0, half=False)


@pytest.mark.parametrize('runtime', ['onnxruntime', 'onnxruntime-int8'])
def test_one_flipped_bit_in_any_file_that_ships_is_refused(runtime, tmp_path):
    """95 of 150 flips in the graph of 8 bits loaded, with other results."""
    source = read_checkpoint('default').path
    for path in source.parent.glob(f'{source.stem}.*'):
        shutil.copy(path, tmp_path)
    weights = tmp_path / source.name
    lines = weights.with_suffix('.sha256').read_text().splitlines()
    listed = {line.split()[1] for line in lines}
    search = int8_path(weights) if runtime.endswith('int8') else graph_paths(weights)[1]
    files = [weights, graph_paths(weights)[0], search, tensor_path(weights)]
    assert {path.name for path in files} <= listed
    build_runtime(read_checkpoint(weights), 'cpu', runtime, 1, half=False)
    for path in files:
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(WeightsError, match=f'{path.name}: sha256 is .*the file is damaged'):
            build_runtime(read_checkpoint(weights), 'cpu', runtime, 1, half=False)
        path.write_bytes(whole)


@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('runtime', ['onnxruntime', 'onnxruntime-int8'])
def test_many_windows_are_answered_as_each_alone(runtime, threads):
    """They go through the network in parts, one after another or side by side, to the bit."""
    pytest.importorskip('onnxruntime')
    from siamla_ros.runtime.onnx_runtime import IN_CACHE

    many, _ = build_runtime(read_checkpoint('default'), 'cpu', runtime, threads, half=False)
    count = 2 * IN_CACHE + 1
    places = [(20.0 + 9 * i, 70.0 - 5 * i, 20.0 + 4 * i, 60.0 - 4 * i) for i in range(count)]
    templates, found = maps_of(many, places)
    assert found.ltrb.shape == (count, 4, 12, 12)
    for i, box in enumerate(places):
        window = context_window(box, many.config.search_context)
        alone = many.respond(IMAGE, [window], [BORDER], [templates[i]])
        for whole, one in zip(found, alone, strict=True):
            np.testing.assert_array_equal(whole[i], one[0])


def test_without_graphs_torch_runs_and_says_why(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path)
    runtime, reason = build_runtime(checkpoint, 'cpu', 'auto', 0, half=False)
    assert runtime.name == 'torch'
    assert 'torch because' in reason
    with pytest.raises(WeightsError, match="runtime = 'onnxruntime': "):
        build_runtime(checkpoint, 'cpu', 'onnxruntime', 0, half=False)


def test_what_torch_returns():
    runtime = TorchRuntime(tiny_model(), 'cpu')
    templates, maps = maps_of(runtime)
    assert templates[0].shape == (16, 4, 4)
    assert [m.shape for m in maps] == [(3, 6, 6), (3, 4, 6, 6), (3, 6, 6), (3, 112, 6, 6)]
    for scores in (maps.classification, maps.quality):
        assert scores.dtype == np.float32
        assert (scores >= 0).all()
        assert (scores <= 1).all()
    assert not runtime._work.step.network.training


def test_without_a_third_branch_quality_is_classification():
    maps = maps_of(TorchRuntime(tiny_model(quality='none'), 'cpu'))[1]
    assert np.array_equal(maps.quality, maps.classification)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
@pytest.mark.parametrize('half', [False, True])
def test_cuda_gives_the_maps_of_the_cpu(half):
    expected = maps_of(TorchRuntime(tiny_model(), 'cpu'))[1]
    found = maps_of(TorchRuntime(tiny_model(), 'cuda:0', half))[1]
    for a, b in zip(expected, found, strict=True):
        assert b == pytest.approx(a, abs=0.05, rel=0.05)


@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::UserWarning')
def test_half_precision_files_load_in_full(tmp_path):
    from siamla_ros.model.checkpoint import save_checkpoint
    from siamla_ros.model.decode_config import DecodeConfig

    model = tiny_model()
    full = save_checkpoint(tmp_path / 'full.safetensors', model, DecodeConfig(), {})
    half = save_checkpoint(tmp_path / 'half.safetensors', model, DecodeConfig(), {}, half=True)
    assert half.path.stat().st_size < 0.65 * full.path.stat().st_size
    loaded = load_model(half)
    assert {v.dtype for v in loaded.state_dict().values()} == {torch.float32}
    for name, value in loaded.state_dict().items():
        assert torch.allclose(value, model.state_dict()[name], rtol=1e-3, atol=1e-4), name
