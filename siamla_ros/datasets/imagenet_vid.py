"""ImageNet VID: Data/VID/<part>/<video>/<frame>.JPEG + Annotations/VID/.../<frame>.xml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from siamla_ros.datasets.sequence import DatasetError
from siamla_ros.datasets.training_pack import MIN_SIDE_PX
from siamla_ros.datasets.training_tracks import LEAST_VISIBLE_FRAMES, FrameTrack

Row = tuple[int, Path, tuple[float, float, float, float]]


def imagenet_vid_tracks(name: str, root: Path) -> Iterator[FrameTrack]:
    """A track for each trackid of each video of the training and validation parts.

    Raises:
        DatasetError: There are no annotations, or one is damaged; names the file.
    """
    annotations, data = root / 'Annotations' / 'VID', root / 'Data' / 'VID'
    videos = sorted({path.parent for path in annotations.rglob('*.xml')})
    if not videos:
        raise DatasetError(f'{annotations}: no annotation')
    for video in videos:
        place = video.relative_to(annotations)
        for number, rows in sorted(_objects(video, data / place).items()):
            if len(rows) >= LEAST_VISIBLE_FRAMES:
                frames, paths, boxes = zip(*rows)
                yield FrameTrack(
                    name,
                    f'{place.as_posix()}/{number}',
                    tuple(paths),
                    np.array(frames, np.int32),
                    np.array(boxes, np.float32),
                )


def _objects(video: Path, images: Path) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for path in sorted(video.glob('*.xml')):
        try:
            for item in ElementTree.parse(path).getroot().iter('object'):
                low_x, high_x, low_y, high_y = (
                    float(item.findtext(f'bndbox/{side}') or 'nan')
                    for side in ('xmin', 'xmax', 'ymin', 'ymax')
                )
                box = (low_x, low_y, high_x - low_x, high_y - low_y)
                if min(box[2:]) >= MIN_SIDE_PX:
                    row = (int(path.stem), images / f'{path.stem}.JPEG', box)
                    found.setdefault(item.findtext('trackid') or '0', []).append(row)
        except (ElementTree.ParseError, ValueError) as error:
            raise DatasetError(f'{path}: {error}') from error
    return found
