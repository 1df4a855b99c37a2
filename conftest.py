"""Lets the tests find siamla_ros: the built one, with its messages, or else the checkout's."""

import importlib.machinery
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def find_package() -> None:
    """Takes the checkout off sys.path where siamla_ros is installed, and adds it where it is not.

    The checkout's package has no generated messages: where a built one exists (`tools/with_env`),
    the checkout must not hide it, which `python -m pytest` would do.
    """
    elsewhere = [entry for entry in sys.path if Path(entry or '.').resolve() != ROOT]
    installed = importlib.machinery.PathFinder.find_spec('siamla_ros', elsewhere)
    sys.path[:] = elsewhere if installed else [str(ROOT), *elsewhere]


find_package()
