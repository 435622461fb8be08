"""The checksum of a file, computed once as long as the file stays the same."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from pathlib import Path

# Seconds. A file changed more recently is hashed anew: a second change may not show in its times.
SETTLED = 2.0


def file_digest(path: Path) -> str:
    """SHA-256, as 64 hexadecimal digits.

    Raises:
        OSError: the file can't be read.
    """
    stat = path.stat()
    if time.time() - max(stat.st_mtime, stat.st_ctime) < SETTLED:
        return _hashed(path)
    return _hashed_once(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=256)
def _hashed_once(path: Path, *_identity: int) -> str:
    return _hashed(path)
