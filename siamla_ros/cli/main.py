"""The command `siamla`: one name for everything that can be done without ROS.

Each subcommand is a module with `add_arguments(parser)` and `run(args) -> int`, imported only when
it is used, so that `siamla track` needs nothing of what training needs.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from types import ModuleType

import siamla_ros
from siamla_ros import install_hint
from siamla_ros.cli.options import typed
from siamla_ros.evaluation.command_line import guarded

# Subcommand: its module, what it does, the extra of the pip package it may need.
COMMANDS = {
    'track': ('siamla_ros.cli.track', 'follow targets in a video, a folder or a camera', ''),
    'view': ('siamla_ros.cli.view', 'follow targets live, drawn and watched in a browser', ''),
    'bag': ('siamla_ros.cli.bag', 'follow targets in a rosbag2, write detections as a bag', 'bags'),
    'doctor': ('siamla_ros.cli.doctor', 'check this machine: packages, devices, ROS, cameras', ''),
    'eval': ('siamla_ros.cli.eval', 'measure trackers on annotated sequences', 'eval'),
    'stability': (
        'siamla_ros.cli.stability',
        'measure how far figures move with first boxes and parameters',
        'eval',
    ),
    'vot': ('siamla_ros.cli.vot', 'be a tracker that vot-toolkit drives', 'vot'),
    'bench': ('siamla_ros.cli.bench', 'measure speed on this machine', 'eval'),
    'train': ('siamla_ros.cli.train', 'train a model, or go on training it', 'train'),
    'ablate': ('siamla_ros.cli.ablate', 'measure what each part of the method gives', 'train'),
    'calibrate': (
        'siamla_ros.cli.calibrate',
        'fit confidence and evidence model to weights',
        'eval',
    ),
    'export': ('siamla_ros.cli.export', 'write a model as ONNX', 'export'),
}
# Modules of extras, for commands that need one of them only with some options.
EXTRA_OF = {
    'torch': 'torch',
    'onnx': 'export',
    'yaml': 'train',
    'scipy': 'eval',
    'rosbags': 'bags',
}
# Of those that every command needs, where the package has another name.
PACKAGE_OF = {'cv2': 'opencv-python-headless'}
# Those that one option needs, whatever else the command needs.
EXTRA_OF_OPTION = {'matplotlib': 'plot'}
NEGATIVE = re.compile(r'-[.\d]')


def main(argv: list[str] | None = None) -> int:
    """Runs `siamla ARGV...` and returns the exit status: 0, or 1 failed, 2 wrong arguments."""
    arguments = sys.argv[1:] if argv is None else argv
    overview = argparse.ArgumentParser(
        prog='siamla',
        description='Localization-aware Siamese visual tracking.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='commands:\n'
        + '\n'.join(f'  {name:10}{words}' for name, (_, words, _) in COMMANDS.items()),
    )
    overview.add_argument('--version', action='version', version=f'siamla {siamla_ros.__version__}')
    overview.add_argument(
        'command',
        choices=list(COMMANDS),
        metavar='command',
        help='one of those below; `siamla <command> --help` lists its options',
    )
    if not arguments:
        overview.print_help(sys.stderr)
        return 2
    command = overview.parse_args(arguments[:1]).command
    module_name, words, _ = COMMANDS[command]
    try:
        module = importlib.import_module(module_name)
        return _run(module, f'siamla {command}', words, joined(arguments[1:]))
    except ModuleNotFoundError as error:
        return _explain_missing(command, error)


def joined(arguments: list[str]) -> list[str]:
    """With `--option=-5,1` for `--option -5,1`, which argparse would take for an option."""
    result: list[str] = []
    for argument in arguments:
        before = result[-1] if result else ''
        if NEGATIVE.match(argument) and before.startswith('--') and '=' not in before:
            result[-1] = f'{before}={argument}'
        else:
            result.append(argument)
    return result


def _run(module: ModuleType, prog: str, words: str, arguments: list[str]) -> int:
    args = _parser(module, prog, words).parse_args(arguments)
    args.typed = typed(_parser(module, prog, words), arguments, vars(args))
    return guarded(prog, lambda: module.run(args))


def _parser(module: ModuleType, prog: str, words: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=words[0].upper() + words[1:] + '.')
    module.add_arguments(parser)
    return parser


def _explain_missing(command: str, error: ModuleNotFoundError) -> int:
    missing = (error.name or str(error)).split('.')[0]
    if missing == 'siamla_ros':
        print(
            f'siamla: this installation has no `{command}` ({error.name} is missing)',
            file=sys.stderr,
        )
        return 1
    extra = EXTRA_OF_OPTION.get(missing) or COMMANDS[command][2] or EXTRA_OF.get(missing, '')
    line = install_hint(extra) if extra else f'pip install {PACKAGE_OF.get(missing, missing)}'
    print(
        f'siamla {command} needs the Python module {missing}, which is not installed.\n'
        f'Install it with: {line}',
        file=sys.stderr,
    )
    return 1


if __name__ == '__main__':
    sys.exit(main())
