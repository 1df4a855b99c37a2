"""``siamla export``: write the ONNX graphs of a checkpoint beside it."""

from __future__ import annotations

import argparse

from siamla_ros.runtime.export import export_onnx
from siamla_ros.weights import read_checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        "model", nargs="?", default="default", help="shipped model or path of a checkpoint"
    )


def run(args: argparse.Namespace) -> int:
    """Export and print what was written."""
    for path in export_onnx(read_checkpoint(args.model)):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0
