"""What one attempt did, moment by moment, and what was found at its end: the artefacts of a failure are made of it."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

# Moments that are kept; the oldest go first.
MAX_MOMENTS: Final = 400
# Characters of a text that is attached: its end, where the trouble is.
MAX_TEXT: Final = 64_000

# A page's address holds its link's token, and a URL may hold somebody's password: neither is anybody else's business.
_TOKEN = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?=[/\s\"'?)]|$)")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)")


def redacted(text: str) -> str:
    """The text without tokens and passwords."""
    return _CREDENTIALS.sub("***", _TOKEN.sub("…", text))


class Trace:
    """The timeline of an attempt and its attachments by name. Thread-safe enough: notes come from one thread."""

    def __init__(self) -> None:
        self._moments: deque[dict[str, object]] = deque(maxlen=MAX_MOMENTS)
        self._attached: dict[str, bytes] = {}
        self._has_findings = False

    def opened_for_findings(self) -> bool:
        """Whether nobody asked before: what is found nearest to a failure counts."""
        opened, self._has_findings = not self._has_findings, True
        return opened

    @property
    def attached(self) -> Mapping[str, bytes]:
        """What is attached so far, by name."""
        return self._attached

    def note(self, event: str, **details: object) -> None:
        """Something happened now."""
        self._moments.append({"at": round(time.time(), 4), "event": event, **details})

    def attach(self, name: str, content: bytes | str) -> None:
        """Keep a file's content under this name; of a text its end, without secrets."""
        if isinstance(content, str):
            content = redacted(content[-MAX_TEXT:]).encode()
        self._attached[name] = content

    def contents(self, record: Mapping[str, object]) -> dict[str, bytes]:
        """All that is attached, and ``timeline.json``: the attempt's record and its moments."""
        timeline = json.dumps({"attempt": record, "moments": list(self._moments)}, indent=1, default=str)
        return {**self._attached, "timeline.json": redacted(timeline).encode()}
