"""The ROS-free core as a pip package: `pip install .` gives `import siamla_ros` and `siamla`.

The plain package tracks on a CPU; torch and whatever else only some commands need are extras. The
ROS package (messages, nodes, launch files) is built by colcon from CMakeLists.txt instead.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
URL = 'https://github.com/siamla-ros/siamla_ros'
TORCH = ['torch>=2.2']
ONNX = ['onnx>=1.15']
YAML = ['PyYAML>=6']
PLOT = ['matplotlib>=3.6']
EVAL = ['scipy>=1.10', *PLOT, *YAML]
EXTRAS = {
    'torch': TORCH,
    'train': [*TORCH, *ONNX, *YAML, 'scipy>=1.10', 'tensorboard>=2.10'],
    'eval': EVAL,
    'export': [*TORCH, *ONNX],
    'bags': ['rosbags>=0.10'],
    'video': ['av>=12'],
    'vot': ['vot-trax>=4.0.1'],
    'plot': PLOT,
}
TOOLS = ['pytest>=7', 'pytest-cov>=4', 'hypothesis>=6', 'ruff>=0.5', 'mypy>=1.8']


class BuildWithMessages(build_py):
    """Puts the message definitions that `siamla bag` needs beside the weights."""

    def run(self) -> None:
        super().run()
        for package, folder in (
            ('siamla_ros', 'msg'),
            ('vision_msgs', 'interfaces/vision_msgs/msg'),
        ):
            target = Path(self.build_lib) / 'siamla_ros/data/msg' / package
            self.mkpath(str(target))
            for source in sorted((HERE / folder).glob('*.msg')):
                self.copy_file(str(source), str(target / source.name))


def version_of_package_xml() -> str:
    """Returns the version of package.xml, the one place that states it."""
    found = re.search(r'<version>([^<]+)</version>', (HERE / 'package.xml').read_text('utf-8'))
    if found is None:
        raise RuntimeError('package.xml has no <version>')
    return found.group(1)


setup(
    name='siamla-ros',
    version=version_of_package_xml(),
    description='Visual object tracker with calibrated confidence, LOST detection and re-detection',
    long_description=(HERE / 'README.md').read_text('utf-8'),
    long_description_content_type='text/markdown',
    author='siamla_ros maintainers',
    author_email='siamla-ros@users.noreply.github.com',
    license='Apache-2.0',
    license_files=['LICENSE', 'THIRD_PARTY.md', 'licenses/*'],
    url=URL,
    project_urls={'Source': URL, 'Issues': f'{URL}/issues', 'Changelog': f'{URL}/releases'},
    keywords=['visual tracking', 'siamese network', 'single object tracking', 'ROS 2', 'robotics'],
    cmdclass={'build_py': BuildWithMessages},
    packages=find_packages(include=['siamla_ros', 'siamla_ros.*']),
    package_data={'siamla_ros': ['data/*', 'py.typed']},
    include_package_data=False,
    python_requires='>=3.10',
    install_requires=[
        'numpy>=1.23',
        'opencv-python-headless>=4.6',
        'onnxruntime>=1.16',
        'safetensors>=0.4',
        'tqdm>=4.60',
    ],
    extras_require={**EXTRAS, 'test': sorted({*TOOLS, *(p for e in EXTRAS.values() for p in e)})},
    entry_points={'console_scripts': ['siamla = siamla_ros.cli.main:main']},
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    zip_safe=False,
)
