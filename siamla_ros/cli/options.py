"""Options that would have no effect are refused, so that a plot is not waited for in vain."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence


def typed(
    parser: argparse.ArgumentParser, arguments: Sequence[str], names: Collection[str]
) -> frozenset[str]:
    """Which of the options `names` (as in a Namespace) a command line holds, whatever their values.

    The parser is used up: it has no defaults afterwards.
    """
    parser.set_defaults(**dict.fromkeys(names))
    found = vars(parser.parse_args(arguments))
    return frozenset(name for name in names if found[name] is not None)


def at_least(low: float) -> Callable[[str], float]:
    """The type of an option: a number of the kind of `low` (whole or not) that is not below it."""
    kind = type(low)

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not value >= low:  # NaN is not
            words = 'a whole number' if kind is int else 'a number'
            raise argparse.ArgumentTypeError(f'{text!r}: must be {words} >= {low:g}')
        return value

    return convert


def positive(text: str) -> int:
    """A whole number above 0; ArgumentTypeError for another text."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r}: must be a whole number above 0')
    return int(text)


def shard(text: str) -> tuple[int, int]:
    """I/N with 1 <= I <= N; ArgumentTypeError for another text."""
    first, sign, second = text.partition('/')
    numbers = (int(first), int(second)) if first.isdecimal() and second.isdecimal() else (0, 0)
    if not sign or not 1 <= numbers[0] <= numbers[1]:
        raise argparse.ArgumentTypeError(f'{text!r}: must be I/N with 1 <= I <= N')
    return numbers


def flag(name: str) -> str:
    """An option as it is typed."""
    return f'--{name.replace("_", "-")}'


def refuse_unused(
    args: argparse.Namespace, chosen: str, ways: Mapping[str, Collection[str]]
) -> None:
    """Raises ValueError for an option that was typed and is not of the chosen way to work.

    Args:
        args: With `typed`; a Namespace without it names no option.
        chosen: A key of `ways`.
        ways: Option that chooses a way -> options that it takes; '' -> those without any.
    """
    unused = getattr(args, 'typed', frozenset()) - {chosen, *ways[chosen]}
    for name in sorted(unused):
        if chosen:
            raise ValueError(f'{flag(name)} has no effect with {flag(chosen)}')
        owners = [flag(way) for way, taken in ways.items() if name in taken]
        raise ValueError(f'{flag(name)} has no effect without {" or ".join(owners)}')


def refuse_without(args: argparse.Namespace, needed: str, *names: str) -> None:
    """Raises ValueError for options that were typed without the one that they belong to."""
    given = getattr(args, 'typed', frozenset())
    if needed not in given:
        for name in names:
            if name in given:
                raise ValueError(f'{flag(name)} has no effect without {flag(needed)}')
