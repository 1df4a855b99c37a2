"""Freed memory of images is kept: the kernel need not clear pages for each image."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

from siamla_ros.ros import memory
from siamla_ros.ros.memory import keep_freed_memory

IMAGE_BYTES = 1920 * 1080 * 3
# Copies as rclpy makes them: one in memory of C, one in an object of Python, both then freed; on a
# second thread, as the executor's callbacks are.
COPIES = f"""
import resource, sys, threading
from siamla_ros.ros.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(10):
        first = bytearray({IMAGE_BYTES})
        second = bytes(first)
        del first, second
    print(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

if sys.argv[1] == 'keep':
    assert keep_freed_memory()
for _ in range(2):
    thread = threading.Thread(target=faults)
    thread.start()
    thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='mallopt is of glibc')
def test_pages_are_taken_once():
    def faults(how):
        command = [sys.executable, '-c', COPIES, how]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [int(line) for line in done.stdout.split()]

    pages = IMAGE_BYTES // resource.getpagesize()
    first, later = faults('keep')
    assert first < 3 * pages and later < pages  # each page once, on whichever thread
    assert min(faults('leave')) > 10 * pages  # and else for each image


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
    assert not keep_freed_memory()
