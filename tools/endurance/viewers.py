"""What viewers of the operator page cost the tracker: latency with and without them.

python viewers.py PORT CLIENTS SECONDS       clients that fetch picture after picture
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path

PERIOD_S = 0.06  # between two pictures of a browser
START_S = 60.0
ADDRESSES = 2  # of the clients: the page serves 12 connections from one


def watch(port: int, number: int, seconds: float) -> int:
    """Fetch pictures over one connection, as a browser does, until one came; how many did."""
    source = (f'127.0.0.{2 + number % ADDRESSES}', 0)
    page = http.client.HTTPConnection('127.0.0.1', port, timeout=30.0, source_address=source)
    end_s, pictures = time.monotonic() + seconds, 0
    while time.monotonic() < end_s + (0.0 if pictures else START_S):
        page.request('GET', '/frame.jpg')
        answer = page.getresponse()
        answer.read()
        pictures += answer.status == 200
        time.sleep(PERIOD_S)
    page.close()
    return pictures


class Page:
    """The page as a process of its own, and viewers as another one."""

    def __init__(self, namespace: str) -> None:
        """Raises RuntimeError: it does not come up."""
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'siamla_ros.ros.operator_page_node', '--ros-args']
            + ['-r', f'__ns:={namespace}', '-p', 'port:=0'],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stderr:
            if 'open http://' in line:
                self.port = int(line.rpartition(':')[2].split('/')[0].split()[0])
                break
        else:
            raise RuntimeError('the page did not start')
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def viewers(self, clients: int, seconds: float) -> subprocess.Popen[str]:
        """Start so many; the process prints how many pictures came."""
        command = [sys.executable, str(Path(__file__)), str(self.port), str(clients), str(seconds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(START_S)


def main() -> None:
    """All clients at once."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(watch(port, number, seconds)))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(found))


if __name__ == '__main__':
    main()
