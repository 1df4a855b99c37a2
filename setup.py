"""The ROS-free core as a pip package: `pip install .` gives `import siamla_ros` and `siamla`.

The ROS package (messages, nodes, launch files) is built by colcon from CMakeLists.txt instead.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version_of_package_xml() -> str:
    """Returns the version of package.xml, the one place that states it."""
    found = re.search(r'<version>([^<]+)</version>', (HERE / 'package.xml').read_text('utf-8'))
    if found is None:
        raise RuntimeError('package.xml has no <version>')
    return found.group(1)


setup(
    name='siamla-ros',
    version=version_of_package_xml(),
    description='Localization-aware Siamese visual tracking (SiamLA) for Python and ROS 2',
    long_description=(HERE / 'README.md').read_text('utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['siamla_ros', 'siamla_ros.*']),
    package_data={'siamla_ros': ['data/*']},
    include_package_data=False,
    python_requires='>=3.10',
    install_requires=[
        'numpy>=1.23',
        'opencv-python>=4.6',
        'onnxruntime>=1.16',
        'safetensors>=0.4',
        'torch>=2.2',
        'tqdm>=4.60',
    ],
    extras_require={
        'train': ['onnx>=1.15', 'PyYAML>=6'],
        'eval': ['scipy>=1.10', 'matplotlib>=3.6', 'PyYAML>=6'],
        'test': [
            'pytest>=7',
            'hypothesis>=6',
            'ruff>=0.5',
            'scipy>=1.10',
            'onnx>=1.15',
            'PyYAML>=6',
        ],
    },
    entry_points={'console_scripts': ['siamla = siamla_ros.cli.main:main']},
    classifiers=[
        'Programming Language :: Python :: 3',
        'License :: OSI Approved :: Apache Software License',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    zip_safe=False,
)
