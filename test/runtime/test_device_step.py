"""One device program gives what OpenCV, the network and decoding in NumPy give, field by field."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.device_steps import packed  # noqa: E402
from support.networks import textured_image, tiny_model  # noqa: E402

from siamla_ros.geometry.crops import context_window  # noqa: E402
from siamla_ros.model.checkpoint import load_model, read_checkpoint  # noqa: E402
from siamla_ros.model.decode_config import DecodeConfig  # noqa: E402
from siamla_ros.runtime.base import BoxRuntime, Decided, Maps  # noqa: E402
from siamla_ros.runtime.device_step import DeviceStep  # noqa: E402
from siamla_ros.runtime.step_layout import BUCKETS  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402
from siamla_ros.tracker.results import SCORES  # noqa: E402
from siamla_ros.tracker.tracker import Tracker, load_tracker  # noqa: E402

IMAGE = textured_image(240, 320)
BOXES = [
    (100.0, 60.0, 40.0, 30.0),
    (20.0, 80.0, 30.0, 55.0),
    (150.0, 100.0, 35.0, 35.0),
    (-8.0, 150.0, 40.0, 70.0),  # beyond the border
    (60.0, 40.0, 200.0, 160.0),  # its window is averaged
    (300.0, 220.0, 12.0, 10.0),
]
FULL = DecodeConfig(
    fusion_exponent=0.4,
    penalty_k=0.1,
    window_influence=0.3,
    size_lr=0.6,
    vote_iou=0.55,
    agreement_exponent=1.5,
    calibration_scale=1.3,
    calibration_bias=0.7,
)
CONFIGURATIONS = {
    'all of it': FULL,
    'plain': DecodeConfig(0.5, 0.0, 0.0, 1.0, 1.0),
    'without a vote': replace(FULL, vote_iou=1.0),
    'classification alone': replace(FULL, fusion_exponent=0.0),
    'quality alone': replace(FULL, fusion_exponent=1.0),
}


class OnlyMaps:
    """A runtime that leaves the decision to the tracker: the reference."""

    device, name, gives_backbone = 'cpu', 'maps', True

    def __init__(self, runtime: TorchRuntime) -> None:
        self.template, self.respond = runtime.template, runtime.respond
        self.similarity, self.config = runtime.similarity, runtime.config


class WithBoxes(OnlyMaps):
    """The same, with the boxes of a step that cuts its own crops."""

    def __init__(self, runtime: TorchRuntime, step: DeviceStep) -> None:
        super().__init__(runtime)
        self.step, self.similarities = step, runtime.similarities

    def boxes(self, image, windows, borders, templates, last_boxes, config):
        inputs = packed(image, windows, borders, last_boxes, config, self.config.search_size_px)
        self.step.taps = inputs.taps
        spare = [templates[0]] * (len(inputs.rows) - len(templates))
        stacked = torch.from_numpy(np.stack([*templates, *spare]))
        with torch.inference_mode():
            crops = self.step.search_crops(inputs.pixels, inputs.rows, inputs.taps)
            found = self.step.answers(crops, inputs.rows, inputs.settings, stacked)
            alone = self.step(inputs.pixels, inputs.rows, inputs.settings, stacked)
        rows, backbone = found[: len(windows)].split([13, found.shape[1] - 13], 1)
        assert torch.equal(rows, alone[: len(windows)])
        shape = self.step.backbone_shape
        return Decided(rows.numpy(), backbone.reshape(-1, *shape).numpy() if shape[0] else None)


def trackers(model, config):
    """The reference, the step with its own crops, and the runtime as it is on the CPU."""
    runtime = TorchRuntime(model, 'cpu')
    assert isinstance(runtime, BoxRuntime)
    made = (OnlyMaps(runtime), WithBoxes(runtime, DeviceStep(model)), runtime)
    return [Tracker(each, model.config, config) for each in made]


def assert_alike(expected, found, box_px, score):
    assert len(expected) == len(found)
    for a, b in zip(expected, found):
        assert b.box_xywh == pytest.approx(a.box_xywh, abs=box_px)
        for name in (*SCORES, 'filter_response'):
            assert getattr(b, name) == pytest.approx(getattr(a, name), abs=score), name
        assert b.state.box_xywh == pytest.approx(a.state.box_xywh, abs=box_px)
        assert b.second_box_xywh == pytest.approx(a.second_box_xywh, abs=box_px)


@pytest.mark.parametrize('name', CONFIGURATIONS)
def test_every_field_is_that_of_the_reference(name):
    reference, step, runtime = trackers(tiny_model(), CONFIGURATIONS[name])
    used = [tracker._windows.box_runtime for tracker in (reference, step)]
    assert (used[0], used[1] is None) == (None, False)
    states = [reference.init(IMAGE, box) for box in BOXES]
    moved = np.roll(IMAGE, (3, 5), (0, 1))
    expected = reference.update(moved, states)
    assert len({round(result.confidence, 3) for result in expected}) > 1  # maps that say something
    # On equal crops only float32 instead of float64 differs.
    assert_alike(expected, runtime.update(moved, states), box_px=2e-3, score=2e-5)
    # Crops of their own differ by a gray level where OpenCV rounds the other way, to which an
    # untrained network is far more sensitive than a trained one (below).
    assert_alike(expected, step.update(moved, states), box_px=2.0, score=0.02)


@pytest.mark.parametrize(
    'changes',
    [
        {'quality': 'none'},
        {'correlation': 'depthwise'},
        {'backbone': 'efficientnet_lite0'},
        {'isotropic': 1.0},
    ],
    ids=str,
)
def test_other_networks(changes):
    reference, step, runtime = trackers(tiny_model(**changes), FULL)
    states = [reference.init(IMAGE, box) for box in BOXES[:3]]
    expected = reference.update(IMAGE, states)
    assert_alike(expected, runtime.update(IMAGE, states), box_px=2e-3, score=2e-5)
    assert_alike(expected, step.update(IMAGE, states), box_px=2.0, score=0.02)


def test_the_shipped_network_cuts_its_own_crops():
    checkpoint = read_checkpoint('default')
    reference, step, _ = trackers(load_model(checkpoint), checkpoint.decode)
    states = [reference.init(IMAGE, box) for box in BOXES]
    moved = np.roll(IMAGE, (3, 5), (0, 1))
    expected = reference.update(moved, states)
    assert_alike(expected, step.update(moved, states), box_px=0.3, score=5e-3)


def test_the_shipped_network_on_both_runtimes():
    """Decoding in NumPy behind ONNX Runtime, and the device program on torch."""
    pytest.importorskip('onnxruntime')
    graph = load_tracker(device='cpu', runtime='onnxruntime', threads=1)
    torch_tracker = load_tracker(device='cpu', runtime='torch', threads=1)
    states = [graph.init(IMAGE, box) for box in BOXES]
    # Templates are arrays on the host for both: a target may go on on another runtime.
    assert_alike(graph.update(IMAGE, states), torch_tracker.update(IMAGE, states), 0.05, 2e-3)
    alike = graph.similarity(IMAGE, states[0], BOXES)
    assert torch_tracker.similarity(IMAGE, states[0], BOXES) == pytest.approx(alike, abs=1e-3)
    assert alike[0] == pytest.approx(1.0, abs=1e-3)
    assert min(alike) < 0.9
    assert torch_tracker.similarity(IMAGE, states[0], []) == []


@pytest.mark.parametrize('bucket', BUCKETS)
def test_a_window_finds_the_same_in_every_bucket(bucket):
    """Also beside windows that a program computes for nobody, and in two runs of a large batch."""
    runtime = TorchRuntime(tiny_model(), 'cpu')
    tracker = Tracker(runtime, runtime.config, FULL)
    states = [tracker.init(IMAGE, box) for box in BOXES]
    alone = [tracker.update(IMAGE, [state])[0] for state in states]
    count = bucket + 1 if bucket == BUCKETS[-1] else max(bucket - 1, 1)
    batch = [states[i % len(states)] for i in range(count)]
    expected = [alone[i % len(states)] for i in range(count)]
    assert_alike(expected, tracker.update(IMAGE, batch), box_px=2e-3, score=2e-5)


def test_templates_in_the_memory_of_a_program_are_those_asked_for():
    """They stay where they are from frame to frame; another order, and dead ones, must not mix."""
    runtime = TorchRuntime(tiny_model(), 'cpu')
    tracker = Tracker(runtime, runtime.config, FULL)
    states = [tracker.init(IMAGE, box) for box in BOXES[:3]]
    first = tracker.update(IMAGE, states)
    assert_alike(first[::-1], tracker.update(IMAGE, states[::-1]), box_px=2e-3, score=2e-5)
    work = runtime._work
    assert len(work._uploaded) == 3
    del states
    del first
    assert len(work._uploaded) == 0  # freed with the targets
    for _ in range(4):  # new arrays take the addresses of old ones
        for box in BOXES[:3]:
            state = tracker.init(IMAGE, box)
            maps = Maps(*(m.copy() for m in runtime.respond(IMAGE, *_window(box, state))[:3]))
            fresh = TorchRuntime(tiny_model(), 'cpu').respond(IMAGE, *_window(box, state))
            assert maps.classification == pytest.approx(fresh.classification, abs=1e-6)


def _window(box, state):
    return [context_window(box, 3.0)], [state.border_bgr], [state.template]


def test_a_score_that_is_no_number_is_refused():
    model = tiny_model()
    model.cls_head.pointwise.bias.data.fill_(float('nan'))
    tracker = Tracker(TorchRuntime(model, 'cpu'), model.config, FULL)
    state = tracker.init(IMAGE, BOXES[0])
    with pytest.raises(ValueError, match='must lie in'):
        tracker.update(IMAGE, [state])


def test_it_exports_as_one_graph():
    """Without a break: no decision depends on data, none is made in Python while it runs."""
    step, bucket = DeviceStep(tiny_model(), taps=2), 2
    boxes = BOXES[:bucket]
    windows = [context_window(box, 3.0) for box in boxes]
    inputs = packed(IMAGE, windows, [(9.0, 9.0, 9.0)] * bucket, boxes, FULL, 96)
    template = torch.randn(bucket, 16, 4, 4)
    arguments = (inputs.pixels, inputs.rows, inputs.settings, template)
    with torch.inference_mode(False), torch.no_grad():
        program = torch.export.export(step, arguments, strict=True)
        assert torch.allclose(program.module()(*arguments), step(*arguments), atol=1e-5)
    names = {str(node.target) for node in program.graph.nodes if node.op == 'call_function'}
    assert not [name for name in names if 'local_scalar' in name or 'sym' in name or 'cond' in name]
