"""`siamla doctor`: what it finds, the fix it names, and its exit code."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from siamla_ros.cli import doctor
from siamla_ros.cli.doctor import NOTE, OK, PROBLEM, Finding
from siamla_ros.cli.main import main

PROFILE = Path(__file__).resolve().parents[2] / 'config/fastdds_profile.xml'
FAST = {'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}


def levels(findings: list[Finding]) -> dict[str, str]:
    return {finding.topic: finding.level for finding in findings}


@pytest.mark.parametrize(
    ('level', 'code', 'last'),
    [(OK, 0, '0 problems'), (NOTE, 0, '0 problems'), (PROBLEM, 1, '1 problem')],
)
def test_the_exit_code_is_for_scripts(
    level: str,
    code: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    findings = [Finding(OK, 'python', '3.12'), Finding(level, 'cv2', 'what was found', 'do this')]
    monkeypatch.setattr(doctor, 'check_all', lambda: iter(findings))
    assert main(['doctor']) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last and lines[-2].strip() == 'fix: do this'
    assert main(['doctor', '--json']) == code
    assert json.loads(capsys.readouterr().out)[1]['fix'] == 'do this'


def test_this_environment_can_track() -> None:
    found = [doctor.check_python((3, 10)), *doctor.check_packages(), doctor.check_weights()]
    assert PROBLEM not in levels(found).values()
    assert {'numpy', 'cv2', 'onnxruntime', 'safetensors', 'weights'} <= set(levels(found))


def test_every_problem_has_a_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(name: str) -> None:
        if name == 'cv2':
            raise AttributeError('_ARRAY_API not found')
        raise ModuleNotFoundError(f'No module named {name!r}', name=name)

    monkeypatch.setattr(doctor.importlib, 'import_module', broken)
    found = [doctor.check_python((3, 8)), *doctor.check_packages()]
    found += doctor.check_dds({}, tmp_path)
    problems = [finding for finding in found if finding.level == PROBLEM]
    assert {'python', 'numpy', 'cv2', 'dds profile'} <= set(levels(problems))
    assert all(finding.fix for finding in problems)
    fixes = {finding.topic: finding.fix for finding in problems}
    assert fixes['onnxruntime'] == 'pip install onnxruntime'
    assert 'numpy<2' in fixes['cv2'] and 'fastdds_profile.xml' in fixes['dds profile']


@pytest.mark.parametrize(('mebibytes', 'expected'), [(16, PROBLEM), (64, OK)])
def test_shared_memory_must_hold_the_segments_of_the_profile(
    mebibytes: int, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = SimpleNamespace(free=mebibytes * 2**20)
    monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda _: usage)
    environment = {**FAST, 'FASTDDS_DEFAULT_PROFILES_FILE': str(PROFILE)}
    found = levels(list(doctor.check_dds(environment, tmp_path)))
    assert found == {'rmw': OK, 'dds profile': OK, 'shared memory': expected}


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (None, 'No such file'),
        ('<segment_size>524288</segment_size>', 'segment_size 524288, must be >= 12441600'),
        ('<dds/>', 'segment_size 0'),
    ],
)
def test_a_profile_that_does_not_carry_images_is_a_problem(
    content: str | None, words: str, tmp_path: Path
) -> None:
    profile = tmp_path / 'profile.xml'
    if content is not None:
        profile.write_text(content)
    environment = {**FAST, 'FASTRTPS_DEFAULT_PROFILES_FILE': str(profile)}
    problem = list(doctor.check_dds(environment, tmp_path))[-1]
    assert problem.level == PROBLEM and words in problem.text and problem.fix


@pytest.mark.parametrize(
    ('distribution', 'name'),
    [
        ('jazzy', 'FASTDDS_DEFAULT_PROFILES_FILE'),
        ('kilted', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_a_profile_in_a_variable_that_the_distribution_does_not_read_is_a_problem(
    distribution: str, name: str, tmp_path: Path
) -> None:
    environment = {'ROS_DISTRO': distribution, name: 'profile.xml'}
    problem = list(doctor.check_dds(environment, tmp_path))[-1]
    assert problem.level == PROBLEM and name not in problem.text + problem.fix
    assert 'DEFAULT_PROFILES_FILE is not set' in problem.text


def test_another_rmw_needs_no_profile(tmp_path: Path) -> None:
    found = list(doctor.check_dds({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, tmp_path))
    assert [(item.topic, item.level) for item in found] == [('rmw', OK)]


def test_a_missing_ros_is_no_problem_for_the_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(doctor, 'ROS_ROOT', tmp_path / 'none')
    assert [item.level for item in doctor.check_ros()] == [NOTE]
    (tmp_path / 'jazzy').mkdir()
    monkeypatch.setattr(doctor, 'ROS_ROOT', tmp_path)
    (finding,) = doctor.check_ros()
    assert finding.fix == f'source {tmp_path}/jazzy/setup.bash'


def test_a_gpu_without_a_torch_for_it_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from siamla_ros.runtime import device

    choice = device.DeviceChoice('cpu', 'auto: torch is not installed')
    monkeypatch.setattr(device, 'choose_device', lambda _: choice)
    monkeypatch.setattr(doctor, 'NVIDIA_DRIVER', tmp_path)
    assert doctor.check_cuda().level == PROBLEM and doctor.check_cuda().fix
    monkeypatch.setattr(doctor, 'NVIDIA_DRIVER', tmp_path / 'none')
    assert doctor.check_cuda().level == NOTE


def test_cameras_are_listed_and_permission_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert doctor.check_cameras(tmp_path).level == NOTE
    for name in ('video0', 'video2'):
        (tmp_path / name).touch()
    finding = doctor.check_cameras(tmp_path)
    assert (finding.level, finding.text) == (OK, 'video0, video2')
    monkeypatch.setattr(doctor.os, 'access', lambda path, _: path.name != 'video2')
    refused = doctor.check_cameras(tmp_path)
    assert refused.level == PROBLEM and 'video2' in refused.text and 'usermod' in refused.fix
