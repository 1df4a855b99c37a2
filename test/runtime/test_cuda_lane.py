"""The CUDA runtime over a recorder that stands for `torch.cuda`: graphs, errors, and recovery."""

from __future__ import annotations

import gc

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from support.fake_cuda import Recorder  # noqa: E402
from support.networks import textured_image, tiny_model  # noqa: E402

from siamla_ros.model.decode_config import DecodeConfig  # noqa: E402
from siamla_ros.runtime import cuda_lane, torch_runtime  # noqa: E402
from siamla_ros.runtime import device as devices  # noqa: E402
from siamla_ros.runtime import step_layout as layout  # noqa: E402
from siamla_ros.runtime.cuda_errors import Fault, fault_of  # noqa: E402
from siamla_ros.runtime.cuda_lane import CudaLane  # noqa: E402
from siamla_ros.runtime.device import DeviceError, DeviceLostError, choose_device  # noqa: E402
from siamla_ros.runtime.device_step import DeviceStep  # noqa: E402
from siamla_ros.runtime.step_device import StepDevice  # noqa: E402
from siamla_ros.runtime.step_programs import all_keys  # noqa: E402
from siamla_ros.runtime.torch_runtime import TorchRuntime  # noqa: E402
from siamla_ros.tracker.tracker import Tracker  # noqa: E402

IMAGE = textured_image()
MOVED = np.roll(IMAGE, (3, 5), (0, 1))
BOXES = [(100.0, 60.0, 40.0, 30.0), (20.0, 80.0, 30.0, 55.0), (80.0, 40.0, 100.0, 90.0)]
STICKY = RuntimeError('CUDA error: an illegal memory access was encountered\nadvice')
FULL = torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')


@pytest.fixture(autouse=True)
def few_programs(monkeypatch):
    monkeypatch.setattr(cuda_lane, 'WARM_UP_RUNS', 1)
    monkeypatch.setattr(layout, 'BUCKETS', (1, 4))
    monkeypatch.setattr(layout, 'MAX_ROWS', 4)
    monkeypatch.setattr(layout, 'PIXEL_OFFSET', 4 * 16 * 5)
    monkeypatch.setattr(layout, 'TAPS', (1, 4))
    monkeypatch.setattr(devices, '_lost', {})


def tracker_on(cuda: Recorder) -> Tracker:
    runtime = TorchRuntime(tiny_model(), 'cpu', make_lane=lambda: CudaLane('cpu', cuda=cuda))
    return Tracker(runtime, runtime.config, DecodeConfig())


def alike(found, expected) -> bool:
    return all(
        np.allclose(a.box_xywh, b.box_xywh, atol=1e-3)
        and np.allclose(a.confidence, b.confidence, atol=1e-4)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.fixture
def eager():
    cuda = Recorder()
    runtime = TorchRuntime(
        tiny_model(), 'cpu', make_lane=lambda: CudaLane('cpu', graphs=False, cuda=cuda)
    )
    assert runtime.reason == 'float32, eager'
    return Tracker(runtime, runtime.config, DecodeConfig())


def test_replayed_graphs_give_what_eager_runs_give(eager):
    """With other images, windows, templates, settings and batches than those recorded."""
    cuda = Recorder()
    tracker = tracker_on(cuda)
    assert tracker.runtime.reason.startswith(f'float32, {len(list(all_keys()))} CUDA graphs, ')
    states = [tracker.init(IMAGE, box) for box in BOXES]
    for a, b in zip(states, [eager.init(IMAGE, box) for box in BOXES]):
        assert np.allclose(a.template, b.template, atol=1e-5)
    for image in (IMAGE, MOVED):
        for some in (states, states[:1], states[1:], states[::-1], states * 3):
            assert alike(tracker.update(image, some), eager.update(image, some))
    assert not alike(tracker.update(IMAGE, states), tracker.update(MOVED, states))
    found = tracker.similarity(MOVED, states[0], BOXES)
    assert found == pytest.approx(eager.similarity(MOVED, states[0], BOXES), abs=1e-5)
    for each in (tracker, eager):  # settings travel with the frame
        each.decode = DecodeConfig(0.2, 0.3, 0.6, 0.3, 0.9, 0.0, 2.0, 2.0, -1.0)
    assert alike(tracker.update(MOVED, states), eager.update(MOVED, states))


def test_larger_frames_are_recorded_anew(eager):
    """New memory holds neither templates nor graphs of the old one."""
    cuda = Recorder()
    lane = CudaLane('cpu', cuda=cuda)
    work = StepDevice(tiny_model(), lane, torch.float32, pixel_bytes=3 * 500)
    runtime = TorchRuntime(tiny_model(), 'cpu')
    runtime._work = work
    tracker = Tracker(runtime, runtime.config, DecodeConfig())
    states = [eager.init(IMAGE, box) for box in BOXES]
    graphs, alone = cuda.alive, (20.0, 20.0, 6.0, 6.0)
    tracker.update(IMAGE, [eager.init(IMAGE, alone)])
    assert work._staging.pixel_bytes == 3 * 500
    assert alike(tracker.update(MOVED, states), eager.update(MOVED, states))
    assert work._staging.pixel_bytes == 3 * 64_000
    assert cuda.alive == graphs
    assert work.programs.captured


def test_a_frame_is_two_replays_and_one_wait():
    """One graph cuts, one finds; the host waits once."""
    cuda = Recorder()
    tracker = tracker_on(cuda)
    states = [tracker.init(IMAGE, box) for box in BOXES]
    replays, waits = cuda.replays, cuda.waits
    for frame in range(1, 4):
        tracker.update(IMAGE, states)
        assert (cuda.replays - replays, cuda.waits - waits) == (2 * frame, frame)


def test_what_cannot_be_recorded_runs_eagerly_and_says_why(monkeypatch, eager):
    """As a read by the host in the step would be found on a GPU."""
    original = DeviceStep.maps_of

    def with_a_read(self, backbone, templates):
        if backbone.sum().item() < 0:
            raise AssertionError
        return original(self, backbone, templates)

    monkeypatch.setattr(DeviceStep, 'maps_of', with_a_read)
    cuda = Recorder()
    tracker = tracker_on(cuda)
    assert tracker.runtime.reason == (
        'float32, eager: CUDA graphs failed: CaptureError: CUDA error: operation not permitted '
        'when stream is capturing'
    )
    states = [tracker.init(IMAGE, box) for box in BOXES]
    assert alike(tracker.update(MOVED, states), eager.update(MOVED, states))
    assert (cuda.replays, cuda.alive) == (0, 0)


def failing(*whats: str, error: Exception = STICKY, times: int = 1):
    """A recorder that fails so many times at these calls, once `armed`."""
    left = [times]

    def fail(what: str) -> None:
        if recorder.armed and what in whats and left[0] > 0:
            left[0] -= 1
            raise error

    recorder = Recorder(fail)
    recorder.armed = False
    return recorder


def test_after_an_error_of_the_device_targets_go_on_from_their_templates(eager):
    cuda = failing('replay')
    tracker = tracker_on(cuda)
    states = [tracker.init(IMAGE, box) for box in BOXES]
    graphs = cuda.alive
    cuda.armed = True
    assert alike(tracker.update(MOVED, states), eager.update(MOVED, states))
    assert tracker.runtime.rebuilt == 1
    assert tracker.runtime.reason.endswith(
        'made anew after RuntimeError: CUDA error: an illegal memory access was encountered'
    )
    assert cuda.alive == graphs  # the old ones were freed
    assert alike(tracker.update(MOVED, states), eager.update(MOVED, states))
    assert tracker.runtime.rebuilt == 1


@pytest.mark.parametrize('again', ['replay', 'stream'])
def test_a_device_that_fails_again_is_given_up(again):
    cuda = failing('replay', again, times=9)
    tracker = tracker_on(cuda)
    state = tracker.init(IMAGE, BOXES[0])
    cuda.armed = True
    with pytest.raises(DeviceLostError, match='cpu is lost: RuntimeError: CUDA error: an illegal'):
        tracker.update(MOVED, [state])
    assert cuda.alive == 0
    cuda.armed = False
    with pytest.raises(DeviceLostError, match='cpu is lost: '):  # at once, without another try
        tracker.update(MOVED, [state])
    # Another runtime takes the target over.
    runtime = TorchRuntime(tiny_model(), 'cpu')
    other = Tracker(runtime, runtime.config, DecodeConfig())
    assert other.update(MOVED, [state])[0].confidence > 0


def test_memory_of_a_dead_context_is_left_alone(monkeypatch):
    """Its destructors may end the process."""
    abandoned: list = []
    monkeypatch.setattr(torch_runtime, '_abandoned', abandoned)
    cuda = failing('replay', 'synchronize', 'stream', times=9)
    tracker = tracker_on(cuda)
    state, graphs = tracker.init(IMAGE, BOXES[0]), cuda.alive
    cuda.armed = True
    with pytest.raises(DeviceLostError, match='is lost'):
        tracker.update(MOVED, [state])
    assert (cuda.alive, len(abandoned)) == (graphs, 1)


def test_too_little_memory_leaves_the_device_as_it_is():
    cuda = failing('replay', error=FULL)
    tracker = tracker_on(cuda)
    states = [tracker.init(IMAGE, box) for box in BOXES]
    cuda.armed = True
    with pytest.raises(torch.OutOfMemoryError):
        tracker.update(MOVED, states)
    assert len(tracker.update(MOVED, states)) == 3
    assert tracker.runtime.rebuilt == 0


def test_too_little_memory_for_graphs_leaves_eager_runs():
    cuda = failing('capture', error=FULL)
    cuda.armed = True
    tracker = tracker_on(cuda)
    assert 'eager: CUDA graphs failed: OutOfMemoryError' in tracker.runtime.reason
    assert cuda.alive == 0
    assert tracker.update(MOVED, [tracker.init(IMAGE, BOXES[0])])[0].confidence > 0


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def test_memory_is_given_back():
    cuda = Recorder()
    tracker = tracker_on(cuda)
    state = tracker.init(IMAGE, BOXES[0])
    assert cuda.alive == len(list(all_keys()))
    before = tensors()
    tracker.runtime.close()
    tracker.runtime.close()
    assert (cuda.alive, cuda.emptied) == (0, 1)
    assert tensors() < before - 100
    with pytest.raises(DeviceLostError, match='closed'):
        tracker.update(IMAGE, [state])


@pytest.mark.parametrize(
    ('error', 'fault'),
    [
        (FULL, Fault.MEMORY),
        (RuntimeError('CUDA error: out of memory'), Fault.MEMORY),
        (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling'), Fault.MEMORY),
        (STICKY, Fault.DEVICE),
        (RuntimeError('cuDNN error: CUDNN_STATUS_EXECUTION_FAILED'), Fault.DEVICE),
        (torch.AcceleratorError('CUDA error: device-side assert triggered'), Fault.DEVICE),
        (RuntimeError('shape mismatch'), Fault.OTHER),
        (ValueError('CUDA error'), Fault.OTHER),
    ],
    ids=str,
)
def test_errors_are_told_apart(error, fault):
    assert fault_of(error) is fault


def test_a_lost_device_is_not_chosen_again(monkeypatch):
    monkeypatch.setattr(devices, '_cuda_devices', lambda: (2, ''))
    assert choose_device('auto').device == 'cuda:0'
    devices.note_lost('cuda:0', 'it burned')
    assert choose_device('auto').device == 'cuda:1'
    with pytest.raises(DeviceError, match=r'cuda:0 was lost \(it burned\); restart the process'):
        choose_device('cuda')
    devices.note_lost('cuda:1', 'so did this')
    choice = choose_device('auto')
    assert choice.device == 'cpu'
    assert choice.reason == 'auto: cuda:0 was lost (it burned); cuda:1 was lost (so did this)'
