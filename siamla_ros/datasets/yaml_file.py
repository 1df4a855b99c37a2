"""YAML files that people write: settings and lists, a mapping each."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_mapping(path: Path) -> dict[str, Any]:
    """What the file holds; an empty file holds nothing.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no YAML, or no mapping; one line that names file and place.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not YAML: {" ".join(str(error).split())}') from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f'{path}: {content!r:.60}: must be a mapping, key: value a line')
    return content
