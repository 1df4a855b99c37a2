"""`siamla doctor`: what this machine has of what the tracker needs; each problem with its fix."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from siamla_ros import install_hint
from siamla_ros.online.dds_profile import profile_variables

OK, NOTE, PROBLEM = 'ok', 'note', 'problem'
NEEDED = {
    'numpy': 'numpy',
    'cv2': 'opencv-python-headless',
    'onnxruntime': 'onnxruntime',
    'safetensors': 'safetensors',
    'tqdm': 'tqdm',
}
OPTIONAL = {
    'torch': ('CUDA, training, export', 'torch'),
    'scipy': ('evaluation', 'eval'),
    'rosbags': ('siamla bag', 'bags'),
    'av': ('H.264, which browsers play', 'video'),
    'matplotlib': ('--plot', 'plot'),
}
SHM = Path('/dev/shm')
ROS_ROOT = Path('/opt/ros')
NVIDIA_DRIVER = Path('/proc/driver/nvidia/version')
IMAGE_BYTES = 1920 * 1080 * 3


class Finding(NamedTuple):
    """One check: ok, note (nothing is broken) or problem, what was found, and the fix."""

    level: str
    topic: str
    text: str
    fix: str = ''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `siamla doctor`."""
    parser.add_argument('--json', action='store_true', help='findings as JSON')


def run(args: argparse.Namespace) -> int:
    """Check and print; 0, or 1 if there is a problem."""
    findings = list(check_all())
    if args.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for item in findings:
            print(f'{item.level:8}{item.topic:15}{item.text}')
            if item.fix:
                print(f'{"":23}fix: {item.fix}')
        count = sum(item.level == PROBLEM for item in findings)
        print(f'{count} problem{"s" * (count != 1)}')
    return int(any(item.level == PROBLEM for item in findings))


def check_all() -> Iterator[Finding]:
    """Every check, in the order in which a user would fix what they find."""
    yield check_python(sys.version_info[:2])
    yield from check_packages()
    yield check_weights()
    yield check_cuda()
    yield check_runtime()
    yield from check_ros()
    yield check_cameras(Path('/dev'))


def check_python(version: tuple[int, ...]) -> Finding:
    """Python 3.10 or newer."""
    text = f'{platform.python_version()} ({sys.executable})'
    if version >= (3, 10):
        return Finding(OK, 'python', text)
    return Finding(PROBLEM, 'python', f'{text}, must be >= 3.10', 'install Python 3.10 to 3.13')


def check_packages() -> Iterator[Finding]:
    """The packages of the runtime, which must import, and those of extras."""
    for module, package in NEEDED.items():
        yield _check_import(module, package)
    for module, (purpose, extra) in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            yield Finding(NOTE, module, f'not installed; for {purpose}: {install_hint(extra)}')
        else:
            yield Finding(OK, module, _version(module))
    yield _check_providers()


def _check_import(module: str, package: str) -> Finding:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return Finding(PROBLEM, module, 'not installed', f'pip install {package}')
    except (ImportError, AttributeError, SystemError) as error:
        # A compiled module that was made for another NumPy says so in one of these ways.
        fix = "pip install 'numpy<2' (OpenCV from apt is compiled against NumPy 1)"
        return Finding(PROBLEM, module, f'cannot be imported: {error}', fix)
    return Finding(OK, module, str(getattr(found, '__version__', _version(package))))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'version unknown'


def _check_providers() -> Finding:
    try:
        import onnxruntime
    except ImportError:
        return Finding(NOTE, 'onnxruntime', 'execution providers unknown')
    providers = onnxruntime.get_available_providers()
    if 'CPUExecutionProvider' not in providers:
        fix = 'pip install --force-reinstall onnxruntime'
        return Finding(PROBLEM, 'onnxruntime', f'has no CPU provider: {providers}', fix)
    return Finding(OK, 'onnxruntime', f'execution providers {", ".join(providers)}')


def check_weights() -> Finding:
    """The shipped weights are whole."""
    try:
        from siamla_ros.model.checkpoint import WeightsError, read_checkpoint
    except ImportError as error:
        return Finding(PROBLEM, 'weights', f'cannot be read: {error}', 'install what is missing')
    try:
        checkpoint = read_checkpoint('default')
    except (WeightsError, ImportError) as error:
        return Finding(PROBLEM, 'weights', str(error), 'reinstall siamla-ros')
    return Finding(OK, 'weights', f'{checkpoint.path.name}, sha256 {checkpoint.sha256[:16]}')


def check_runtime() -> Finding:
    """What runs the shipped weights on the CPU, in 8 bits or in float, and why."""
    try:
        from siamla_ros.tracker.tracker import load_tracker

        tracker = load_tracker(device='cpu')
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises
        return Finding(NOTE, 'runtime', f'not tried: {error}')
    return Finding(OK, 'runtime', f'{tracker.runtime.name}: {tracker.device_reason}')


def check_cuda() -> Finding:
    """Whether the network can run on a GPU, and what keeps it from that where there is one."""
    from siamla_ros.runtime.device import choose_device

    choice = choose_device('auto')
    if choice.device != 'cpu':
        return Finding(OK, 'cuda', f'{choice.device}: {choice.reason}')
    if not NVIDIA_DRIVER.exists():
        return Finding(NOTE, 'cuda', f'no NVIDIA driver; CPU ({choice.reason})')
    fix = 'pip install torch, in the build for the CUDA version that nvidia-smi shows'
    return Finding(PROBLEM, 'cuda', f'there is an NVIDIA driver, but {choice.reason}', fix)


def check_ros() -> Iterator[Finding]:
    """The ROS environment of this shell; notes only where there is none."""
    if importlib.util.find_spec('rclpy') is None:
        installed = sorted(path.name for path in ROS_ROOT.iterdir()) if ROS_ROOT.is_dir() else []
        if installed:
            setup = f'source {ROS_ROOT}/{installed[-1]}/setup.bash'
            yield Finding(NOTE, 'ros', f'installed, not sourced: {", ".join(installed)}', setup)
        else:
            yield Finding(NOTE, 'ros', 'not in this environment; needed for the nodes only')
        return
    yield Finding(OK, 'ros', os.environ.get('ROS_DISTRO', 'distribution unknown'))
    yield from check_dds(os.environ, SHM)
    for module, fix in (
        ('siamla_ros.msg', 'colcon build, then source install/setup.bash (or make setup)'),
        ('vision_msgs', 'apt install ros-$ROS_DISTRO-vision-msgs (or make setup)'),
    ):
        there = importlib.util.find_spec(module) is not None
        yield Finding(OK, module, 'found') if there else Finding(PROBLEM, module, 'missing', fix)
    bridge = importlib.util.find_spec('cv_bridge') is not None
    text = 'found' if bridge else "missing; the package's own conversion is used"
    yield Finding(OK if bridge else NOTE, 'cv_bridge', text)


def check_dds(environment: os._Environment | dict[str, str], shm: Path) -> Iterator[Finding]:
    """RMW, the Fast DDS profile, and whether shared memory has room for its segments."""
    rmw = environment.get('RMW_IMPLEMENTATION', '')
    yield Finding(OK, 'rmw', rmw or 'default of the distribution (Fast DDS up to Lyrical)')
    if rmw not in ('', 'rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp'):
        return
    variables = profile_variables(environment.get('ROS_DISTRO', ''))
    name = next((environment[v] for v in variables if environment.get(v)), '')
    if not name:
        fix = (
            f'export {variables[0]}='
            '$(ros2 pkg prefix siamla_ros)/share/siamla_ros/config/fastdds_profile.xml'
        )
        text = f'{" or ".join(variables)} is not set: images above 512 kB go over UDP and are lost'
        yield Finding(PROBLEM, 'dds profile', text, fix)
        return
    try:
        text = Path(name).read_text(encoding='utf-8')
    except OSError as error:
        yield Finding(PROBLEM, 'dds profile', f'{name}: {error.strerror}', 'correct the variable')
        return
    sizes = [int(size) for size in re.findall(r'<segment_size>\s*(\d+)', text)]
    yield from _check_segment(name, max(sizes, default=0), shm)


def _check_segment(name: str, segment: int, shm: Path) -> Iterator[Finding]:
    if segment < 2 * IMAGE_BYTES:
        fix = 'use config/fastdds_profile.xml of this package'
        text = f'{name}: segment_size {segment}, must be >= {2 * IMAGE_BYTES} for 1920x1080 images'
        yield Finding(PROBLEM, 'dds profile', text, fix)
        return
    yield Finding(OK, 'dds profile', f'{name}: segments of {segment / 2**20:.0f} MiB')
    if not shm.is_dir():
        fix = 'mount a tmpfs there (docker: --ipc host or --shm-size 1g)'
        yield Finding(PROBLEM, 'shared memory', f'{shm} is missing', fix)
        return
    free = shutil.disk_usage(shm).free
    text = f'{shm} has {free / 2**20:.0f} MiB free; each process takes {segment / 2**20:.0f} MiB'
    if free < 2 * segment:
        fix = 'docker: --ipc host or --shm-size 1g; else mount -o remount,size=1G /dev/shm'
        yield Finding(PROBLEM, 'shared memory', text, fix)
    else:
        yield Finding(OK, 'shared memory', text)


def check_cameras(devices: Path) -> Finding:
    """Camera devices, and whether this user may read them."""
    found = sorted(devices.glob('video*'))
    if not found:
        return Finding(NOTE, 'cameras', f'none at {devices}/video*')
    refused = [path.name for path in found if not os.access(path, os.R_OK | os.W_OK)]
    if refused:
        fix = 'sudo usermod -aG video $USER, then log in again'
        return Finding(PROBLEM, 'cameras', f'no permission for {", ".join(refused)}', fix)
    return Finding(OK, 'cameras', ', '.join(path.name for path in found))
