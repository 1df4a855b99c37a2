"""What launch files check before they start a node: a node would only say it in its log, or die."""

from __future__ import annotations

from pathlib import Path

import yaml


def check_params_file(name: str, path: str) -> None:
    """Refuse what is no file of parameters.

    Args:
        name: of the launch argument.
        path: its value.

    Raises:
        RuntimeError: Not a YAML file with parameters of some node.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuntimeError(f'{name} is {path!r}, must be a YAML file: {error}') from error
    if 'ros__parameters' not in str(content):
        raise RuntimeError(f'{name} is {path!r}, must hold <node name>: ros__parameters: ...')
