"""Requests to the operator's page, without a browser."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, content: dict[str, Any] | None = None) -> tuple[int, Any, bytes]:
    """Code, headers and body of an answer; a content is posted as JSON."""
    data = None if content is None else json.dumps(content).encode()
    try:
        with OPENER.open(urllib.request.Request(url, data), timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
