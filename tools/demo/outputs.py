"""What a demo leaves: earlier runs are kept, figures that need it explained. Free of ROS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

EARLIER = 'earlier'
LEFT = ('annotated.mp4', 'follow.mp4', 'summary.json', 'verdict.json', 'log')


def keep_earlier(output: Path) -> Path | None:
    """Moves what the run before left in `output` to the next free number below `earlier`.

    Returns:
        The new place; None where there was nothing.
    """
    left = [output / name for name in LEFT if (output / name).exists()]
    if not left:
        return None
    folder = output / EARLIER
    numbers = [int(path.name) for path in folder.glob('*') if path.name.isdigit()]
    place = folder / str(max(numbers, default=0) + 1)
    place.mkdir(parents=True)
    for path in left:
        path.rename(place / path.name)
    return place


def explain_images(published: str, tracker: Mapping[str, str], recorded: int) -> Iterator[str]:
    """Lines about images that did not arrive or were not processed; none where all were.

    Args:
        published: images that the camera counted; '' where it did not say.
        tracker: the tracker's diagnostics: `received`, `processed`, `dropped`.
        recorded: frames of the annotated video.
    """
    received, processed = (tracker.get(name, '') for name in ('received', 'processed'))
    if not (published.isdigit() and received.isdigit() and processed.isdigit()):
        return
    missing, unprocessed = int(published) - int(received), int(received) - int(processed)
    if missing > 0:
        yield (
            f'{_images(missing)} published, not received: sensor data is sent best effort, so DDS '
            'repeats none that it lost (busy processor, or no room in its shared memory; '
            'docs/troubleshooting.md)'
        )
    if unprocessed > 0:
        yield (
            f'{_images(unprocessed)} received, not processed: a newer one came before the tracker '
            'was free, and it takes the newest'
        )
    if 0 < recorded < int(published):
        yield f'{_images(int(published) - recorded)} not in the video: the recorder missed them'


def _images(count: int) -> str:
    return f'{count} image was' if count == 1 else f'{count} images were'
