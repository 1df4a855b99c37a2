"""Memory for images that come again and again: kept by the process, not given back each time.

An image is copied into new memory several times on its way through ROS. glibc gives memory of that
size back to the kernel as soon as it is free, and the kernel clears each page (1,519 of an image of
1920x1080) when it is taken again, which takes several times as long as to copy the image.
"""

from __future__ import annotations

import ctypes

# Numbers of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
LARGEST_BYTES = 32 << 20  # the most that glibc takes: images of 3840x2160 lie below
KEPT_BYTES = 128 << 20  # free memory at the end of the heap: several such images


def keep_freed_memory() -> bool:
    """Let glibc keep the memory of freed images, for all threads together: of those that come
    later none has a heap of its own, which is given back when it is empty.

    Returns:
        False where the C library has no such settings (not glibc); nothing has changed then.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl; Windows has no library without a name
        return False
    return all(
        mallopt(setting, value)
        for setting, value in (
            (_MMAP_THRESHOLD, LARGEST_BYTES),
            (_TRIM_THRESHOLD, KEPT_BYTES),
            (_ARENA_MAX, 1),
        )
    )
