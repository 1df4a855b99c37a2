"""The small scripts that `make setup` uses."""

import importlib.util
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ('builders', 'here'),
    [
        ('/opt/python/cp311-cp311/include/python3.11', sysconfig.get_path('include')),
        (
            '/opt/python/cp313-cp313/lib/python3.13/site-packages/numpy/_core/include',
            sysconfig.get_path('purelib') + '/numpy/_core/include',
        ),
    ],
)
def test_wheel_paths_become_those_of_this_python(builders: str, here: str) -> None:
    code = 'set_target_properties(x PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "{};/usr/include")'
    assert load('fix_ros_wheels').fix(code.format(builders)) == code.format(here)


def test_other_cmake_code_is_left_alone() -> None:
    code = 'set(PYTHON /opt/python3/bin/python)\nfind_package(Python3 REQUIRED)\n'
    assert load('fix_ros_wheels').fix(code) == code


def test_numpy_of_a_ros_installation_stays() -> None:
    import numpy

    kept = load('beside_ros').keep_installed('numpy==1.0.0; python_version >= "3.11"')
    assert kept == f'numpy=={numpy.__version__}'


@pytest.mark.parametrize(
    ('requirement', 'kept'),
    [
        ('opencv-python-headless==5.0.0.93', None),  # cv2 is installed where the tests run
        ('scipy==1.17.1; python_version >= "3.11"', 'scipy'),
        ('tqdm==4.70.1', 'tqdm==4.70.1'),
    ],
)
def test_requirements_beside_ros(requirement: str, kept: str | None) -> None:
    assert load('beside_ros').keep_installed(requirement) == kept


def test_an_unknown_ros_is_refused_before_anything_is_made() -> None:
    environment = {**os.environ, 'SIAMLA_ROS': 'foxy'}
    done = subprocess.run([TOOLS / 'setup'], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and 'ROS is foxy, must be jazzy or nothing' in done.stderr
    assert not list(TOOLS.parent.glob('.*-foxy'))


def test_the_requirements_of_the_distributions_name_the_same_packages() -> None:
    """But for one that Jazzy does not have."""
    names = []
    for file in ('ros.txt', 'ros-jazzy.txt'):
        text = (TOOLS.parent / 'requirements' / file).read_text('utf-8')
        lines = [line.split('==')[0] for line in text.splitlines() if line.startswith('ros-')]
        names.append({re.sub('-(kilted|jazzy)-', '-', line) for line in lines})
    assert names[0] - names[1] == {'ros-ament-cmake-ros-core'} and names[1] <= names[0]
