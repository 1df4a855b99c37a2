"""Dataclass fields that carry their own limits and description.

A frozen configuration declares each number once, with its range and a sentence for the user; the
same metadata validates the value, describes the ROS parameter and fills the documentation, so that
the three cannot disagree.
"""

from __future__ import annotations

import math
from dataclasses import field, fields
from itertools import pairwise
from typing import Any


def bounded(default: float, minimum: float, maximum: float, description: str, **more: Any) -> Any:
    """A dataclass field: number within [minimum, maximum]; an int default means an int."""
    return declared(default, description, minimum=minimum, maximum=maximum, **more)


def choice(default: str, choices: tuple[str, ...], description: str, **more: Any) -> Any:
    """A dataclass field: one of a few words."""
    return declared(default, description, choices=choices, **more)


def declared(default: Any, description: str, **more: Any) -> Any:
    """A dataclass field of the type of its default: any text, or true or false.

    Args:
        more: `unit`, and `live`: False if it is read once, when a node is configured.
    """
    return field(default=default, metadata={'description': description, **more})


def inherited(base: type, name: str, default: Any) -> Any:
    """A field of a base class with another default; limits and description stay."""
    (metadata,) = (item.metadata for item in fields(base) if item.name == name)
    return field(default=default, metadata=metadata)


class Configuration:
    """Base of frozen dataclasses whose fields are declared by these functions.

    Raises:
        ValueError: A value is out of range; names the field, its value and the limit.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    def check_order(self, *names: str) -> None:
        """Raise ValueError unless the values of these fields do not decrease."""
        for low, high in pairwise(names):
            first, second = getattr(self, low), getattr(self, high)
            if first > second:
                raise ValueError(f'{low} is {first}, must not exceed {high} {second}')


def check_fields(config: Any) -> None:
    """Check each declared field of a dataclass instance.

    Raises ValueError naming the field, its value and the limit.
    """
    for item in fields(config):
        value = getattr(config, item.name)
        if 'choices' in item.metadata:
            if value not in item.metadata['choices']:
                allowed = ' | '.join(item.metadata['choices'])
                raise ValueError(f'{item.name} is {value!r}, must be one of {allowed}')
        elif isinstance(item.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f'{item.name} is {value!r}, must be true or false')
        elif 'minimum' in item.metadata:
            check_number(item.name, value, item.metadata, whole=isinstance(item.default, int))


def check_number(name: str, value: Any, limits: Any, whole: bool = False) -> None:
    """Raise ValueError unless value is a finite number (an int if whole) within the limits."""
    kinds = int if whole else (int, float)
    noun = 'a whole number' if whole else 'a finite number'
    if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
        raise ValueError(f'{name} is {value!r}, must be {noun}')
    if not limits['minimum'] <= value <= limits['maximum']:
        raise ValueError(
            f'{name} is {value!r}, must lie in [{limits["minimum"]}, {limits["maximum"]}]'
        )
