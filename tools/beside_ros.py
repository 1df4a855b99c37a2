"""Prints the requirements to install beside a ROS installation, into an environment that sees it.

cv_bridge and the messages' Python modules are compiled against the NumPy of that installation, so a
NumPy or an OpenCV that is already there is kept: NumPy pinned to its version, OpenCV left out, and
whatever depends on them free to choose a version that fits. Run with the Python of that ROS.
"""

import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Compiled against NumPy: pip finds the version that fits the NumPy kept.
FITS_NUMPY = ('onnxruntime', 'scipy', 'matplotlib', 'onnx')


def keep_installed(requirement: str) -> str | None:
    """Returns the requirement line to use instead, or None where what is installed serves."""
    name = requirement.split('==')[0].strip()
    if name == 'numpy' and find_spec('numpy'):
        return f'numpy=={version("numpy")}'
    if name.startswith('opencv-python') and find_spec('cv2'):
        return None
    if name in FITS_NUMPY or name.startswith('opencv-python'):
        return name
    return requirement


def main(paths: list[str]) -> int:
    """Prints the lines for the requirement files at `paths`, each once."""
    lines = [line.strip() for path in paths for line in Path(path).read_text('utf-8').splitlines()]
    wanted = [keep_installed(line) for line in lines if line and not line.startswith('#')]
    print('\n'.join(dict.fromkeys(line for line in wanted if line)))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
