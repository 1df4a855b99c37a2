"""A headless Chromium for tests of pages, driven over its debugging pipe: no driver, no library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
OPTIONS = (
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--no-proxy-server',
    '--window-size=1000,800',
    '--remote-debugging-pipe',
)
LIMIT_S = 60.0


class Browser:
    """One page. Commands are those of the Chrome DevTools protocol; NUL ends a message."""

    def __init__(self, profile: Path) -> None:
        command_in, self._commands = os.pipe()
        self._answers, answers_out = os.pipe()
        script = f'exec "$@" 3<&{command_in} 4>&{answers_out}'
        self._process = subprocess.Popen(
            ['bash', '-c', script, 'bash', PROGRAM, *OPTIONS, f'--user-data-dir={profile}'],
            pass_fds=(command_in, answers_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_in)
        os.close(answers_out)
        self._number, self._rest, self._session = 0, b'', ''
        self.errors: list[str] = []  # what the page's console says
        target = self.send('Target.createTarget', url='about:blank')['targetId']
        attached = self.send('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        self.send('Runtime.enable')
        self.send('Log.enable')
        self.send('Page.enable')

    def send(self, method: str, **values: Any) -> dict[str, Any]:
        """A command and its answer."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': values}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._commands, json.dumps(message).encode() + b'\0')
        limit_s = time.monotonic() + LIMIT_S
        while True:
            answer = self._read(limit_s)
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return answer['result']
            self._note(answer)

    def _read(self, limit_s: float) -> dict[str, Any]:
        while b'\0' not in self._rest:
            ready = select.select([self._answers], [], [], max(limit_s - time.monotonic(), 0.0))
            assert ready[0], 'the browser does not answer'
            part = os.read(self._answers, 1 << 20)
            assert part, 'the browser has ended'
            self._rest += part
        text, _, self._rest = self._rest.partition(b'\0')
        return json.loads(text)

    def _note(self, event: dict[str, Any]) -> None:
        values = event.get('params', {})
        if event.get('method') == 'Runtime.exceptionThrown':
            self.errors.append(str(values['exceptionDetails'].get('exception', values)))
        entry = values.get('entry', {})
        if entry.get('level') == 'error' and entry['source'] != 'network':
            self.errors.append(entry['text'])

    def open(self, url: str) -> None:
        """Go to a page."""
        self.send('Page.navigate', url=url)
        self.wait(f"location.href.startsWith('{url}') && document.readyState == 'complete'")

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self.send('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')

    def wait(self, expression: str, limit_s: float = LIMIT_S) -> Any:
        """The first true value of an expression."""
        end_s = time.monotonic() + limit_s
        while not (value := self.value(expression)):
            assert time.monotonic() < end_s, f'{expression} is {value!r}; {self.text()}'
            time.sleep(0.05)
        return value

    def text(self) -> str:
        """The words on the page."""
        return self.value('document.body.innerText')

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at a place of the window, move, and release."""
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        for kind, (x, y) in (
            ('mousePressed', start),
            ('mouseMoved', middle),
            ('mouseMoved', end),
            ('mouseReleased', end),
        ):
            self.send(
                'Input.dispatchMouseEvent',
                type=kind,
                x=x,
                y=y,
                button='left',
                buttons=0 if kind == 'mouseReleased' else 1,
                clickCount=1,
            )

    def screenshot(self, path: Path) -> None:
        """The window as PNG."""
        data = self.send('Page.captureScreenshot', format='png')['data']
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
