"""Datasets by folder format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from siamla_ros.evaluation.sequence import DatasetError, Sequence, VideoFrames


def read_boxes(path: Path) -> np.ndarray:
    """Rows of four numbers as N x 4 float64; DatasetError names the file and the line."""
    rows = []
    for number, line in enumerate(_lines(path), 1):
        fields = line.replace(",", " ").replace(";", " ").split()
        try:
            values = [float(field) for field in fields]
        except ValueError:
            raise DatasetError(f"{path}:{number}: not numbers: {line!r}") from None
        if len(values) != 4:
            raise DatasetError(
                f"{path}:{number}: expected 4 numbers x,y,w,h, got {len(values)}: {line!r}"
            )
        rows.append(values)
    if not rows:
        raise DatasetError(f"{path}: no boxes")
    return np.array(rows)


def read_flags(path: Path) -> np.ndarray:
    """0/1 flags as N bool; DatasetError names the file and the line."""
    flags = []
    for number, line in enumerate(_lines(path), 1):
        for field in line.replace(",", " ").split():
            if field not in ("0", "1"):
                raise DatasetError(f"{path}:{number}: expected 0 or 1, got {field!r}")
            flags.append(field == "1")
    return np.array(flags, bool)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    return text.strip("\r\n \t").splitlines()


def read_video_sequence(folder: Path) -> Sequence:
    """video.mp4 + groundtruth_rect.txt (+ absent.txt)."""
    boxes = read_boxes(folder / "groundtruth_rect.txt")
    flags = folder / "absent.txt"
    absent = read_flags(flags) if flags.is_file() else None
    return Sequence(folder.name, VideoFrames(folder / "video.mp4"), boxes, absent)


def load_dataset(root: str | Path) -> list[Sequence]:
    """Every sequence folder under root, by name."""
    root = Path(root)
    folders = sorted(path for path in root.iterdir() if (path / "groundtruth_rect.txt").is_file())
    if not folders:
        raise DatasetError(f"{root}: no sequence folder")
    return [read_video_sequence(folder) for folder in folders]
