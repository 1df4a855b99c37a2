"""What a machine without a GPU can prove of the CUDA path: everything stays on the device, nothing
is read before the one copy at the end, and graphs replayed on changed inputs give what eager runs
give.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.fake_cuda import DEVICE, FakeCuda, FakeLane  # noqa: E402
from support.networks import textured_image, tiny_model  # noqa: E402
from torch._subclasses.fake_tensor import (  # noqa: E402
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorDeviceMismatchError,
)

from siamla_ros.geometry.crops import context_window  # noqa: E402
from siamla_ros.model.decode_config import DecodeConfig  # noqa: E402
from siamla_ros.runtime import step_layout as layout  # noqa: E402
from siamla_ros.runtime.device_step import DeviceStep  # noqa: E402
from siamla_ros.runtime.step_device import StepDevice  # noqa: E402
from siamla_ros.runtime.step_layout import BUCKETS, Batch  # noqa: E402

IMAGE = textured_image()
FIELDS = len(layout.RESULT_FIELDS)
BACKBONE = (112, 6, 6)  # of the tiny model's search crops
SETTINGS = layout.settings_row(DecodeConfig())
DEPTHWISE = {
    'backbone': 'resnet50_conv4',
    'correlation': 'depthwise',
    'template_size_px': 95,
    'search_size_px': 95,
    'template_cells': 3,
}


def batch_of(count: int, side: float = 60.0, context: float = 3.0) -> Batch:
    boxes = [(30.0 + i, 40.0, side, side) for i in range(count)]
    windows = [context_window(box, context) for box in boxes]
    return Batch(windows, [(90.0, 100.0, 110.0)] * count, [(side, side)] * count)


def work_on(lane: FakeLane, dtype=torch.float32, **changes) -> StepDevice:
    return StepDevice(tiny_model(**changes), lane, dtype)


def templates_of(work: StepDevice, count: int) -> list[np.ndarray]:
    shape = work._memory.templates.shape[1:]
    return [np.zeros(tuple(shape), np.float32) for _ in range(count)]


def test_the_fake_device_would_notice():
    """The test of the tests: a read by the host, a shape by data and a mix of devices raise."""
    mode = FakeCuda()
    with mode.active():
        there, here = torch.empty(4, device=DEVICE), torch.zeros(4)
        for read in (lambda: there.sum().item(), lambda: bool(there.sum() > 0)):
            with pytest.raises(DataDependentOutputException):
                read()
        with pytest.raises(DynamicOutputShapeException):
            there[there > 0]
        with pytest.raises(FakeTensorDeviceMismatchError):
            there + here
        there.copy_(here)
        here.copy_(there)
        there.cpu()
        here.to(DEVICE)
        torch.tensor([1.0, 2.0], device=DEVICE)
    assert [name for name, _ in mode.transfers] == ['h2d', 'd2h', 'd2h', 'h2d', 'h2d']


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16], ids=str)
def test_a_frame_is_one_copy_up_and_one_back(dtype):
    """In every bucket, with and without averaged windows."""
    lane = FakeLane()
    work = work_on(lane, dtype)
    templates = templates_of(work, BUCKETS[-1])
    work.boxes(IMAGE, batch_of(BUCKETS[-1]), templates, SETTINGS)  # brings the templates up
    for count in BUCKETS:
        for side in (20.0, 200.0)[: 2 if count == 2 else 1]:
            batch = batch_of(count, side)
            lane.mode.transfers.clear()
            waits = lane.waits
            found = work.boxes(IMAGE, batch, templates[:count], SETTINGS)
            assert found.rows.shape == (count, FIELDS)
            assert found.backbone.shape == (count, *BACKBONE)
            parts = layout.seen_parts(batch.windows, 96, IMAGE.shape)
            up, back = layout.needed_bytes(parts), count * (FIELDS + math.prod(BACKBONE))
            assert lane.mode.transfers == [('h2d', up), ('d2h', back)], (count, side)
            assert lane.waits == waits + 1
    assert batch_of(2, 200.0).taps(96) == 8


def test_many_windows_are_as_many_operations_as_one():
    """No loop over windows; docs/research/gpu.md states the number for the shipped weights."""
    lane = FakeLane()
    work = work_on(lane)
    templates = templates_of(work, 32)
    counts = []
    for count in (1, 32):
        # The first run also counts how shapes of composite operations are worked out.
        work.boxes(IMAGE, batch_of(count), templates[:count], SETTINGS)
        lane.mode.kernels.clear()
        work.boxes(IMAGE, batch_of(count), templates[:count], SETTINGS)
        counts.append(dict(lane.mode.kernels))
    assert counts[0] == counts[1]
    assert counts[0]['conv2d'] == 67


@pytest.mark.parametrize('changes', [{'quality': 'none'}, {'correlation': 'depthwise'}, DEPTHWISE])
def test_other_networks_stay_on_the_device(changes):
    lane = FakeLane()
    work = work_on(lane, torch.float16, **changes)
    templates = templates_of(work, 2)
    work.boxes(IMAGE, batch_of(2), templates, SETTINGS)
    lane.mode.transfers.clear()
    work.boxes(IMAGE, batch_of(2), templates, SETTINGS)
    assert [name for name, _ in lane.mode.transfers] == ['h2d', 'd2h']


def test_verification_of_many_boxes_is_one_copy_up_and_one_back():
    lane = FakeLane()
    work = work_on(lane)
    (template,) = templates_of(work, 1)
    work.similarities(IMAGE, batch_of(1, context=1.4), template)
    for count in BUCKETS:
        lane.mode.transfers.clear()
        assert work.similarities(IMAGE, batch_of(count, context=1.4), template).shape == (count,)
        assert [name for name, _ in lane.mode.transfers] == ['h2d', 'd2h']


def test_a_template_goes_up_once():
    lane = FakeLane()
    work = work_on(lane)
    templates = templates_of(work, 3)
    size = templates[0].size
    for order, uploads in ((templates, 3), (templates, 0), (templates[::-1], 0)):
        lane.mode.transfers.clear()
        work.boxes(IMAGE, batch_of(3), order, SETTINGS)
        assert lane.mode.transfers[1:-1] == [('h2d', size)] * uploads


def test_more_windows_than_a_program_takes():
    """Two runs whose copies overlap: the second block is filled before the first result is read."""
    lane = FakeLane()
    work = work_on(lane)
    templates = templates_of(work, 40)
    work.boxes(IMAGE, batch_of(40), templates, SETTINGS)
    lane.mode.transfers.clear()
    work.boxes(IMAGE, batch_of(40), templates, SETTINGS)
    assert [name for name, _ in lane.mode.transfers] == ['h2d', 'd2h', 'h2d', 'd2h']


def test_a_host_read_in_the_step_is_found(monkeypatch):
    lane = FakeLane()
    work = work_on(lane)
    templates = templates_of(work, 1)
    original = DeviceStep.maps_of

    def with_a_read(self, backbone, given):
        if backbone.sum() > 0:
            backbone = backbone + 1
        return original(self, backbone, given)

    monkeypatch.setattr(DeviceStep, 'maps_of', with_a_read)
    with pytest.raises(DataDependentOutputException):
        work.boxes(IMAGE, batch_of(1), templates, SETTINGS)


def test_frames_that_need_more_memory_get_it():
    lane = FakeLane()
    work = StepDevice(tiny_model(), lane, torch.float32, pixel_bytes=3 * 1000)
    templates = templates_of(work, 1)
    work.boxes(IMAGE, batch_of(1), templates, SETTINGS)
    assert work._staging.pixel_bytes == 3 * 32_000  # 151 x 161 pixels; doubled from 1000
    assert work._memory.pixels.shape == (32_000, 3)
