"""Makes the CMake files of the ROS wheels fit this environment.

The wheels' exported targets name the directories of the interpreter they were built with:
/opt/python/cp3XX-cp3XX/include/python3.X and .../site-packages (NumPy's headers). CMake stops at
an include directory that does not exist. Run with the environment's own Python.
"""

import re
import sys
import sysconfig
from pathlib import Path

BUILDER = re.compile(
    r'/opt/python/cp\d+-cp\d+/(include/python3\.\d+|lib/python3\.\d+/site-packages)'
)


def fix(text: str) -> str:
    """Returns the CMake code with the builder's directories replaced by those of this Python."""
    here = {'include': sysconfig.get_path('include'), 'lib': sysconfig.get_path('purelib')}
    return BUILDER.sub(lambda found: here[found.group(1).split('/')[0]], text)


def main() -> int:
    """Rewrites the files below the environment's share/ and says how many changed."""
    changed = 0
    for path in sorted(Path(sys.prefix, 'share').glob('*/cmake/*.cmake')):
        text = path.read_text('utf-8')
        fixed = fix(text)
        if fixed != text:
            path.write_text(fixed, 'utf-8')
            changed += 1
    print(f'== {changed} CMake files of the ROS wheels now name this environment')
    return 0


if __name__ == '__main__':
    sys.exit(main())
